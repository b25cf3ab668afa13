/**
 * What one would write first for apply-rules with much to do: one `messages.modify` for each message, 50 at once, tried
 * again after a pause that doubles when Gmail refuses it. What `npm run bench:throughput` compares the program with.
 * Its argument is the number of changes after which it ends.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { gmail, rules } from './plain-gmail.mjs';

const AT_ONCE = 50;
const MOST_ATTEMPTS = 10;
const most = Number(process.argv[2] ?? Number.POSITIVE_INFINITY);

const userId = 'me';
const { data } = await gmail.users.labels.list({ userId });
const labels = new Map(data.labels?.map(({ name, id }) => [name, id]));
let changed = 0;
for (const { query: q, actions } of rules) {
  const requestBody = {
    addLabelIds: await Promise.all((actions.addLabels ?? []).map(labelId)),
    removeLabelIds: [...(actions.archive ? ['INBOX'] : []), ...(actions.markRead ? ['UNREAD'] : [])],
  };
  const ids = await search(q);
  for (let start = 0; start < ids.length && changed < most; start += AT_ONCE) {
    const chunk = ids.slice(start, start + Math.min(AT_ONCE, most - changed));
    await Promise.all(chunk.map((id) => retry(() => gmail.users.messages.modify({ userId, id, requestBody }))));
    changed += chunk.length;
  }
}
process.stdout.write(`${JSON.stringify({ changed })}\n`);

async function search(q) {
  const ids = [];
  let pageToken;
  do {
    const { data } = await retry(() => gmail.users.messages.list({ userId, q, maxResults: 500, pageToken }));
    for (const { id } of data.messages ?? []) ids.push(id);
    pageToken = data.nextPageToken;
  } while (pageToken);
  return ids;
}

async function labelId(name) {
  if (labels.has(name)) return labels.get(name);
  const { data } = await gmail.users.labels.create({ userId, requestBody: { name } });
  return data.id;
}

async function retry(send) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await send();
    } catch (error) {
      if (error.status !== 429 || attempt === MOST_ATTEMPTS) throw error;
      await sleep(2 ** attempt * 1_000);
    }
  }
}
