/**
 * What one would write first: the run of apply-rules with nothing to do, by the same libraries, unbundled and imported as
 * their documentation says. What `npm run bench:start` compares the program with.
 */
import { readFileSync } from 'node:fs';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { google } from 'googleapis';
import { parse } from 'yaml';

const { GMAIL_SECRET_ID, GMAIL_API_URL = '', GOOGLE_TOKEN_URL = '', RULES_FILE = 'jobs/rules.yaml' } = process.env;
const { rules } = parse(readFileSync(RULES_FILE, 'utf8'));
const aws = new SecretsManagerClient({});
const { SecretString = '' } = await aws.send(new GetSecretValueCommand({ SecretId: GMAIL_SECRET_ID }));
const { client_id: clientId, client_secret: clientSecret, refresh_token } = JSON.parse(SecretString);
const auth = new google.auth.OAuth2({ clientId, clientSecret, endpoints: { oauth2TokenUrl: GOOGLE_TOKEN_URL } });
auth.setCredentials({ refresh_token });
const gmail = google.gmail({ version: 'v1', auth, rootUrl: GMAIL_API_URL });
const { data: profile } = await gmail.users.getProfile({ userId: 'me' });
await gmail.users.labels.list({ userId: 'me' });
const found = await Promise.all(rules.map(({ query: q }) => gmail.users.messages.list({ userId: 'me', q })));
const matched = found.reduce((sum, { data }) => sum + (data.messages?.length ?? 0), 0);
process.stdout.write(`${JSON.stringify({ mailbox: profile.emailAddress, rules: rules.length, matched })}\n`);
