/** A message of 50 MB, Gmail's largest, within the memory of a dyno. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { assertEnded, runJob } from '../run.ts';
import { startSandbox } from '../sandbox/index.ts';

/** A message with one attachment of so many bytes. */
function withFile(bytes: number): string {
  return [
    'Subject: hit',
    'Content-Type: multipart/mixed; boundary=cut',
    '',
    '--cut',
    'Content-Type: application/pdf; name=a.pdf',
    'Content-Transfer-Encoding: base64',
    '',
    Buffer.alloc(bytes, 'content').toString('base64').replace(/.{76}/g, '$&\r\n'),
    '--cut--',
    '',
  ].join('\r\n');
}

it('a run that reads an attachment of 36 MB, and eight messages of 1.8 MB at once, takes less than 350 MB', async () => {
  const messages = [{ source: withFile(36_000_000) }, ...many(8, { source: withFile(1_300_000) })];
  await using sandbox = await startSandbox({ mailbox: mailboxOf(messages) });
  const run = await runJob(sandbox, ['exporting', '--contents', '--at-once', '8'], { jobs: 'fixtures' });
  assertEnded(run, 0, { changed: 9 });
  const read = run.events.filter(({ event }) => event === 'export.content');
  assert.deepEqual(
    read.map(({ length }) => length),
    [...Array(8).fill(1_300_000), 36_000_000],
  );
  const peakMb = Math.max(...read.map(({ peakMb }) => Number(peakMb)));
  assert.ok(peakMb < 350, `${peakMb} MB`);
});
