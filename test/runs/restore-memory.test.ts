/** `job restore` within the memory of a dyno, with messages of 25 MB. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { it } from 'node:test';
import { makeCopy } from '../fixtures/copy-of-mailbox.ts';
import { mailboxOf } from '../fixtures/mailbox.ts';
import { assertEnded, runJob } from '../run.ts';
import { startSandbox } from '../sandbox/index.ts';

const LIMIT_MB = 256;
const POLL_MS = 5;

/** Linux says how much memory a process had at most. */
const statusOf = (pid: number | undefined) => `/proc/${pid}/status`;

function sourceOf(bytes: number, name: string): string {
  // Long lines: the sandbox parses each line.
  const text = randomBytes(bytes * 0.74)
    .toString('base64')
    .replace(/.{990}/g, '$&\r\n');
  return `Subject: ${name}\r\nMessage-ID: <${name}@example.com>\r\nDate: Thu, 01 Jan 2026 10:00:00 +0000\r\n\r\n${text}`;
}

it(`takes less than ${LIMIT_MB} MB`, { skip: !existsSync(statusOf(process.pid)) && 'needs Linux' }, async () => {
  await using sandbox = await startSandbox({ mailbox: mailboxOf([]) });
  const { mailbox } = sandbox;
  const sizes = [25_000_000, 1_900_000, 990_000, 990_000, 990_000, 25_000_000];
  const at = Date.UTC(2026, 0, 1, 10);
  for (const [index, size] of sizes.entries()) await mailbox.insert(sourceOf(size, `m${index}`), ['INBOX'], at);
  await using copy = await makeCopy(mailbox);
  mailbox.delete(mailbox.messages().map(({ id }) => id));

  const peakOf = async (counts: Readonly<Record<string, unknown>>) => {
    let peakMb = 0;
    let polling: NodeJS.Timeout | undefined;
    const poll = (child: ChildProcess) => {
      const status = existsSync(statusOf(child.pid)) ? readFileSync(statusOf(child.pid), 'utf8') : '';
      peakMb = Math.max(peakMb, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024);
    };
    const onStart = (child: ChildProcess) => {
      polling = setInterval(() => poll(child), POLL_MS);
    };
    const run = await runJob(sandbox, ['restore', '--yes'], {
      env: { EXPORT_URL: copy.folder },
      unlocked: true,
      onStart,
    });
    clearInterval(polling);
    assertEnded(run, 0, counts);
    return Math.round(peakMb);
  };
  const peaks = [await peakOf({ changed: 6 })];
  // Now the run compares each message with the mailbox's.
  await rm(join(copy.folder, 'restored'), { recursive: true });
  peaks.push(await peakOf({ changed: 0, skipped: 6 }));
  for (const peak of peaks) assert.ok(peak > 0 && peak < LIMIT_MB, `${peaks.join(' and ')} MB`);
});
