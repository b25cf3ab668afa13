/** `apply-rules --samples` shows some messages, only in a dry run at a terminal. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { hasTerminal, runAtTerminal } from '../fixtures/at-terminal.ts';
import { runHere } from '../fixtures/front-door.ts';
import { mailboxOf } from '../fixtures/mailbox.ts';
import { startSandbox } from '../sandbox/index.ts';

const RULES = { rules: [{ name: 'archive-all', query: 'in:inbox', actions: { archive: true } }] };

const evil = '\u001b[2J\u001b]0;owned\u0007\u202eesrever\u009b31m Sale\r\nX-Injected: 1';

const start = () =>
  startSandbox({
    mailbox: mailboxOf([
      { labels: ['INBOX'], from: '"The \u202e Shop" <shop@shop.example>', subject: evil },
      { labels: ['INBOX'], from: 'bob@example.com', subject: `A very long subject ${'that goes on '.repeat(20)}` },
      { labels: ['INBOX'], from: '山田 <yamada@example.jp>', subject: 'こんにちは、世界。'.repeat(10) },
      { labels: ['INBOX'], from: 'Ann <ann@example.com>', subject: '' },
    ]),
  });

describe('apply-rules --samples', () => {
  it('shows date, sender and subject of some messages, without control characters and cut to the width', {
    skip: !hasTerminal && 'there is no python3',
  }, async () => {
    await using sandbox = await start();
    for (const columns of [60, 100]) {
      const args = ['apply-rules', '--dry-run', '--samples', '4'];
      const { code, raw, screen } = await runAtTerminal(sandbox, args, {
        rules: RULES,
        columns,
        env: { NO_COLOR: '1' },
      });
      assert.equal(code, 0, screen);
      assert.match(screen, /reading 4 messages as samples, 20 quota units each/);
      assert.match(screen, /^ {2}archive-all: 4 of 4 messages$/m);
      assert.match(screen, /^ {4}\d{4}-\d\d-\d\d {2}The Shop +esrever Sale X-Injected: 1$/m);
      assert.match(screen, /^ {4}\d{4}-\d\d-\d\d {2}bob@example.com +A very long subject .*…$/m);
      assert.match(screen, /^ {4}\d{4}-\d\d-\d\d {2}Ann +\(no subject\)$/m);
      const samples = raw.split('\n').filter((line) => /^ {4}\d{4}-/.test(line));
      assert.equal(samples.length, 4);
      for (const line of samples) {
        assert.doesNotMatch(line, /[\p{Cc}\u202a-\u202e\u2066-\u2069]/u);
        assert.ok(line.replaceAll(/[\u3000-\u9fff]/g, 'xx').length < columns, line);
      }
      assert.match(screen, /✔ ok: 4 would change/);
    }
  });

  it('shows no more messages than asked for, and none by default', async () => {
    await using sandbox = await start();
    const shown = await runHere(sandbox, ['apply-rules', '--dry-run', '--samples', '2'], { rules: RULES, answers: [] });
    assert.equal(shown.code, 0, shown.stdout);
    const lines = shown.stdout.split('\n').filter((line) => !line.startsWith('{'));
    assert.match(lines.join('\n'), /archive-all.*: 2 of 4 messages\n +\d{4}-.*\n +\d{4}-.*\n$/);
    for (const event of shown.events) assert.doesNotMatch(JSON.stringify(event), /Shop|bob|Ann|subject/);
    const none = await runHere(sandbox, ['apply-rules', '--dry-run'], { rules: RULES, answers: [] });
    assert.ok(none.stdout.split('\n').every((line) => line.startsWith('{')));
  });

  for (const [what, args, answers] of [
    ['where nobody looks on', ['--dry-run', '--samples', '2'], undefined],
    ['without --dry-run', ['--samples', '2'], []],
    ['for none at all', ['--dry-run', '--samples', '0'], []],
    ['for more than twenty', ['--dry-run', '--samples', '21'], []],
  ] as const) {
    it(`is a usage error ${what}`, async () => {
      await using sandbox = await start();
      const run = await runHere(sandbox, ['apply-rules', ...args], { rules: RULES, ...(answers && { answers }) });
      assert.equal(run.code, 2, run.stdout);
      assert.match(run.stderr, /--samples/);
      assert.equal(sandbox.requests.length, 0);
    });
  }
});
