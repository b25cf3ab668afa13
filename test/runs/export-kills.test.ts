/**
 * `job export` to S3 may be killed at any request, to Gmail or to S3, and run twice at the same time: nothing is lost, nothing
 * is claimed that is not there, and the next run completes the copy.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { assertCopied, readCopyInS3 } from '../fixtures/exported.ts';
import { runHere } from '../fixtures/front-door.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { assertEnded, ChildHandle, runJob } from '../run.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';

const PREFIX = 'alice';

function start(latencyMs: number | (() => number) = 0): Promise<Sandbox> {
  const messages = [{ labels: ['INBOX', 'Work'] }, { sizeBytes: 3_000_000 }, ...many(1, {}), { labels: ['SPAM'] }];
  return startSandbox({ mailbox: mailboxOf(messages), latencyMs });
}

const env = ({ s3 }: Sandbox) => ({ EXPORT_URL: s3.url(PREFIX) });
const exportHere = (sandbox: Sandbox) => runHere(sandbox, ['export'], { env: env(sandbox) });
const exportApart = (sandbox: Sandbox, child = new ChildHandle()) =>
  runJob(sandbox, ['export'], { env: env(sandbox), onStart: child.onStart });

/** Changes the mailbox between two exports. */
async function change({ mailbox }: Sandbox): Promise<void> {
  const [first = '', second = '', third = ''] = mailbox.messages().map(({ id }) => id);
  mailbox.modify([first], ['STARRED'], ['INBOX']);
  mailbox.delete([second]);
  mailbox.modify([third], ['TRASH'], ['INBOX']);
  mailbox.renameLabel('Label_1', 'Work/New');
  await mailbox.insert('Subject: new\r\n\r\nHello\r\n', ['INBOX']);
}

async function prepare(sandbox: Sandbox, part: string): Promise<void> {
  if (part === 'a first export') return;
  assertEnded(await exportHere(sandbox), 0);
  await change(sandbox);
  if (part === 'a repair') sandbox.mailbox.history.forget();
  sandbox.requests.length = 0;
}

/** The verbs of an undisturbed run's requests to Gmail and S3. */
async function undisturbed(part: string): Promise<string[]> {
  await using sandbox = await start();
  await prepare(sandbox, part);
  assertEnded(await exportHere(sandbox), 0, { outcome: 'ok' });
  assertCopied(readCopyInS3(sandbox, PREFIX), sandbox.mailbox);
  return sandbox.requests.filter(({ service }) => service === 'gmail' || service === 's3').map(({ verb }) => verb);
}

for (const part of ['a first export', 'a later export', 'a repair']) {
  const verbs = await undisturbed(part);
  describe(`${part} that is killed`, { concurrency: 4 }, () => {
    it('sends the requests at which it is killed', () => {
      for (const verb of ['GetObject', 'PutObject', 'messages.get']) assert.ok(verbs.includes(verb), verb);
    });

    for (const when of ['before', 'after'] as const) {
      for (const [skip, verb] of verbs.entries()) {
        // A kill before a request is like one after the request before it, and is tested for the writes of a first export
        // alone; a kill after a read is tested once for each verb.
        if (when === 'before' && (verb !== 'PutObject' || part !== 'a first export')) continue;
        if (verb !== 'PutObject' && verbs.indexOf(verb) !== skip) continue;
        it(`${when} its request ${skip + 1}, ${verb}, is completed by the next run`, async () => {
          await using sandbox = await start();
          await prepare(sandbox, part);
          const child = new ChildHandle();
          const kill = () => {
            child.kill('SIGKILL');
            return 'drop';
          };
          const match = ({ service }: { service: string }) => service === 'gmail' || service === 's3';
          const met = sandbox.faults.add({ kind: 'hook', skip, match, [when]: kill });
          assert.equal((await exportApart(sandbox, child)).code, 137);
          assert.equal(met.hits, 1);
          assert.deepEqual(readCopyInS3(sandbox, PREFIX).problems, []);
          assertEnded(await exportHere(sandbox), 0);
          const copy = readCopyInS3(sandbox, PREFIX);
          assertCopied(copy, sandbox.mailbox);
          assert.deepEqual(copy.unclaimed, []);
          assertEnded(await exportHere(sandbox), 0, { outcome: 'nothing-to-do' });
        });
      }
    }
  });
}

describe('exports at the same time', { concurrency: 2 }, () => {
  for (const part of ['a first export', 'a later export', 'a repair']) {
    it(`make one sound copy: ${part}`, async () => {
      for (const latencyMs of [0, 15]) {
        await using sandbox = await start(latencyMs);
        await prepare(sandbox, part);
        const runs = await Promise.all([exportApart(sandbox), exportApart(sandbox), exportApart(sandbox)]);
        for (const run of runs) assertEnded(run, 0, { failed: 0, remaining: 0 });
        const copy = readCopyInS3(sandbox, PREFIX);
        assertCopied(copy, sandbox.mailbox);
        assert.deepEqual(copy.unclaimed, []);
        const keys = [...sandbox.s3.objects.keys()].filter((key) => key.includes('messages/'));
        assert.equal(keys.length, copy.messages.size);
        assertEnded(await exportHere(sandbox), 0, { outcome: 'nothing-to-do' });
      }
    });
  }
});
