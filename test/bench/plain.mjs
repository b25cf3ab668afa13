/**
 * What one would write first: the run of apply-rules with nothing to do, by the same libraries, unbundled and imported as
 * their documentation says. What `npm run bench:start` compares the program with.
 */
import { gmail, rules } from './plain-gmail.mjs';

const { data: profile } = await gmail.users.getProfile({ userId: 'me' });
await gmail.users.labels.list({ userId: 'me' });
const found = await Promise.all(rules.map(({ query: q }) => gmail.users.messages.list({ userId: 'me', q })));
const matched = found.reduce((sum, { data }) => sum + (data.messages?.length ?? 0), 0);
process.stdout.write(`${JSON.stringify({ mailbox: profile.emailAddress, rules: rules.length, matched })}\n`);
