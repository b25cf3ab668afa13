import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { GmailClient } from '../../../lib/gmail/client.ts';
import { readHistory } from '../../../lib/gmail/history.ts';
import { IdSet } from '../../../lib/gmail/ids.ts';
import { mailboxOf, many } from '../../fixtures/mailbox.ts';
import { openMailbox } from '../../in-process.ts';
import { startSandbox } from '../../sandbox/index.ts';

async function start() {
  const sandbox = await startSandbox({ mailbox: mailboxOf(many(700, { labels: ['INBOX'] })) });
  const ids = sandbox.mailbox.messages().map(({ id }) => id);
  const lists = () => sandbox.requests.filter(({ verb }) => verb === 'history.list').length;
  return { sandbox, ids, lists, mailbox: openMailbox(sandbox).mailbox, [Symbol.asyncDispose]: () => sandbox.close() };
}

describe('the history', () => {
  it('returns the last change of each label of the messages, from all pages', async () => {
    await using work = await start();
    const { sandbox, ids, mailbox } = work;
    sandbox.mailbox.modify(ids.slice(0, 2), ['TRASH'], []);
    const since = String(sandbox.mailbox.history.last);
    sandbox.mailbox.modify(ids, ['STARRED'], ['INBOX']);
    sandbox.mailbox.modify(ids.slice(3, 5), ['INBOX'], ['STARRED']);
    sandbox.mailbox.delete(ids.slice(4, 6));
    const happened = await mailbox.history(since, IdSet.of(ids.slice(2, 5)));
    const [third = '', fourth = '', fifth = ''] = ids.slice(2);
    assert.deepEqual(Object.fromEntries(happened?.labels ?? []), {
      STARRED: new Map([
        [third, true],
        [fourth, false],
        [fifth, false],
      ]),
      INBOX: new Map([
        [third, false],
        [fourth, true],
        [fifth, true],
      ]),
    });
    assert.deepEqual(happened?.deleted, new Set([fifth]));
    assert.equal(work.lists(), 2);
  });

  it('omits a label that one record both adds and removes', async () => {
    const message = { id: '18c0' };
    const both = {
      labelsAdded: [{ message, labelIds: ['A', 'B'] }],
      labelsRemoved: [{ message, labelIds: ['B', 'C'] }],
    };
    const client = { request: async () => ({ history: [both] }) } as unknown as GmailClient;
    const happened = await readHistory(client, '1', IdSet.of(['18c0']), new AbortController().signal);
    const known = [...(happened?.labels ?? [])].map(([label, messages]) => [label, messages.get('18c0')]);
    assert.deepEqual(Object.fromEntries(known), { A: true, B: undefined, C: false });
  });

  it('is null when Gmail no longer knows the history id', async () => {
    await using work = await start();
    work.sandbox.mailbox.history.forget();
    assert.equal(await work.mailbox.history('1000', IdSet.of(work.ids)), null);
  });
});
