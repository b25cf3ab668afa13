/** The question before a backfill, at a real terminal. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasTerminal, runAtTerminal } from '../fixtures/at-terminal.ts';
import { mailboxOfYears, RULES, stateOf } from '../fixtures/years.ts';
import { startSandbox } from '../sandbox/index.ts';

const ARGS = ['apply-rules', '--from', '9999d', '--to=2y'];

describe('the question before a backfill', { concurrency: 3, skip: !hasTerminal && 'there is no python3' }, () => {
  for (const [key, typed, code, outcome, goesOn] of [
    [
      'y',
      'y\r',
      0,
      /^✔ ok: \d+ changed, \d+ left alone \(.*\)\n {2}to undo: bin\/job undo \d{8}-\d{6}-\w{4}\n$/m,
      false,
    ],
    ['n', 'n\r', 0, /^· Nothing was changed\. \(.*\)\n$/m, false],
    ['Ctrl-C', '\x03', 130, /^✖ interrupted, exit code 130: \d+ left alone, \d+ remaining/m, true],
  ] as const) {
    it(`takes ${key}, and the run ends with ${code}`, async () => {
      await using sandbox = await startSandbox({ mailbox: mailboxOfYears() });
      const before = JSON.stringify(stateOf(sandbox));
      const shown = await runAtTerminal(sandbox, ARGS, { rules: RULES, keys: [['[y/N]', typed]] });
      assert.equal(shown.code, code, shown.screen);
      assert.match(shown.screen, outcome);
      assert.match(shown.screen, /Forecast[\s\S]*old-mail[\s\S]*in all[\s\S]*guards[\s\S]*Go on\? \[y\/N\]/);
      assert.equal(JSON.stringify(stateOf(sandbox)) === before, key !== 'y');
      const dates = /to continue: bin\/job apply-rules --from \d{4}-\d\d-\d\d (\\\n +)?--to=\d{4}-\d\d-\d\d/;
      assert.equal(dates.test(shown.screen), goesOn, shown.screen);
      for (const line of shown.screen.split('\n')) assert.ok(line.length <= 80, line);
    });
  }

  it('comes before a post of a job that has changed nothing yet', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOfYears() });
    const keys = { WEBHOOK_TOKEN: 'a-token-of-a-webhook', SIGNING_SECRET: 'a-secret-that-signs' };
    sandbox.secrets.setSecret('gmail-jobs/alice', { ...sandbox.secretValue, ...keys });
    const words = ['posting', '--summary', '--url', `${sandbox.receiverUrl}`, '--from=2y'];
    for (const [typed, code, posts] of [
      ['n\r', 0, 0],
      ['y\r', 0, 1],
    ] as const) {
      const shown = await runAtTerminal(sandbox, words, { jobs: 'fixtures', keys: [['[y/N]', typed]] });
      assert.equal(shown.code, code, shown.screen);
      assert.match(shown.screen, /The job sends to 127\.0\.0\.1:\d+\. Go on\? \[y\/N\]/);
      assert.equal(sandbox.requests.filter(({ service }) => service === 'receiver').length, posts);
    }
  });

  it('protects messages that a person stars before answering', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOfYears() });
    const before = stateOf(sandbox);
    const starred = Object.keys(before).filter((id) => before[id]?.join() === 'INBOX,UNREAD');
    const star = () => {
      sandbox.mailbox.modify(starred, ['STARRED'], []);
      return 'y\r';
    };
    const shown = await runAtTerminal(sandbox, ARGS, { rules: RULES, keys: [['[y/N]', star]] });
    assert.equal(shown.code, 0, shown.screen);
    const after = stateOf(sandbox);
    for (const id of starred) assert.deepEqual(after[id], ['INBOX', 'STARRED', 'UNREAD']);
    assert.match(shown.screen, /\d+ changed/);
  });

  it('discards keys that were pressed before it, shows none of them, and leaves none to the shell', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOfYears(), latencyMs: 50 });
    const before = JSON.stringify(stateOf(sandbox));
    const ahead = ['access token issued', 'y\rtyped ahead\ry'] as const;
    const shown = await runAtTerminal(sandbox, ARGS, { rules: RULES, keys: [ahead, ['[y/N]', '\r']] });
    assert.deepEqual([shown.code, shown.left, shown.isEchoing], [0, '', true], shown.screen);
    assert.match(shown.screen, /Go on\? \[y\/N\] \s+· Nothing was changed/);
    assert.doesNotMatch(shown.screen, /typed ahead/);
    assert.equal(JSON.stringify(stateOf(sandbox)), before);
  });

  it('leaves no pressed keys to the shell when there is nothing to ask', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOfYears(), latencyMs: 50 });
    const args = ['apply-rules', '--from', '1990-01-01', '--to', '1990-02-01'];
    const shown = await runAtTerminal(sandbox, args, { rules: RULES, keys: [['access token issued', 'y\rls\r']] });
    assert.deepEqual([shown.code, shown.left, shown.isEchoing], [0, '', true], shown.screen);
    assert.match(shown.screen, /✔ nothing to do \(/);
  });

  it('ends on Ctrl-C during the search', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOfYears() });
    sandbox.faults.add({ kind: 'hang', verb: 'messages.list' });
    const shown = await runAtTerminal(sandbox, ARGS, { rules: RULES, keys: [['access token issued', 'y\x03']] });
    assert.deepEqual([shown.code, shown.left, shown.isEchoing], [130, '', true], shown.screen);
    assert.match(shown.screen, /^✖ interrupted, exit code 130: nothing was changed/m);
  });
});
