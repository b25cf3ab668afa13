import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { surveyMailbox } from '../../../lib/export/survey.ts';
import { mailboxOf, many } from '../../fixtures/mailbox.ts';
import { openMailbox } from '../../in-process.ts';
import { startSandbox } from '../../sandbox/index.ts';

const { signal } = new AbortController();

describe('the survey of a mailbox', () => {
  it('has every message, the ones outside Spam and Trash, and those of each label, with a history id pinned before', async () => {
    await using sandbox = await startSandbox({
      mailbox: mailboxOf([
        ...many(600, { labels: ['INBOX', 'Work/A'] }),
        ...many(2, { labels: ['SPAM'] }),
        ...many(3, { labels: ['TRASH', 'Work/A'] }),
      ]),
    });
    const { client, mailbox } = openMailbox(sandbox);
    const found: number[] = [];
    const survey = await surveyMailbox(client, (await mailbox.labels()).all(), signal, (count) => found.push(count));
    assert.equal(survey.all.size, 605);
    assert.equal(survey.outsideSpamTrash.size, 600);
    assert.equal(survey.labels.get('Work/A')?.size, 603);
    assert.equal(survey.labels.get('INBOX')?.size, 600);
    assert.equal(survey.labels.get('STARRED')?.size, 0);
    assert.equal(survey.historyId, String(sandbox.mailbox.history.last));
    assert.deepEqual(found, [500, 605]);
    const [first] = sandbox.requests.filter(({ verb }) => verb === 'users.getProfile' || verb === 'messages.list');
    assert.equal(first?.verb, 'users.getProfile');
  });
});
