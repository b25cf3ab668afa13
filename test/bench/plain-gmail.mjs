/** The start of both plain scripts, as the libraries' documentation says: secret, client, rules. */
import { readFileSync } from 'node:fs';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { google } from 'googleapis';
import { parse } from 'yaml';

const { GMAIL_SECRET_ID, GMAIL_API_URL = '', GOOGLE_TOKEN_URL = '', RULES_FILE = 'jobs/rules.yaml' } = process.env;
export const { rules } = parse(readFileSync(RULES_FILE, 'utf8'));
const aws = new SecretsManagerClient({});
const { SecretString = '' } = await aws.send(new GetSecretValueCommand({ SecretId: GMAIL_SECRET_ID }));
const { client_id: clientId, client_secret: clientSecret, refresh_token } = JSON.parse(SecretString);
const auth = new google.auth.OAuth2({ clientId, clientSecret, endpoints: { oauth2TokenUrl: GOOGLE_TOKEN_URL } });
auth.setCredentials({ refresh_token });
export const gmail = google.gmail({ version: 'v1', auth, rootUrl: GMAIL_API_URL });
