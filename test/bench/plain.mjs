/**
 * The plain script of `npm run bench:start`: the requests of apply-rules with nothing to do, with the same libraries,
 * unbundled and imported as their documentation says.
 */
import { gmail, rules } from './plain-gmail.mjs';

const { data: profile } = await gmail.users.getProfile({ userId: 'me' });
await gmail.users.labels.list({ userId: 'me' });
const found = await Promise.all(rules.map(({ query: q }) => gmail.users.messages.list({ userId: 'me', q })));
const matched = found.reduce((sum, { data }) => sum + (data.messages?.length ?? 0), 0);
process.stdout.write(`${JSON.stringify({ mailbox: profile.emailAddress, rules: rules.length, matched })}\n`);
