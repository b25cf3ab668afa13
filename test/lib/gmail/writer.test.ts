import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, afterEach, before, describe, it } from 'node:test';
import { UnavailableError } from '../../../lib/errors.ts';
import { createLiveWriter } from '../../../lib/gmail/writer.ts';
import { openMailbox } from '../../in-process.ts';
import { googleErrors, type Sandbox, startSandbox } from '../../sandbox/index.ts';

const never = new AbortController().signal;

/** A source with any bytes in its body; its boundary-like lines must not confuse an upload. */
function sourceOf(bytes: number): Buffer {
  const head = 'From: bob@example.com\r\nDate: Fri, 02 Jan 2026 03:04:05 +0000\r\nSubject: big\r\n\r\n--\r\n';
  return Buffer.concat([Buffer.from(head), randomBytes(bytes)]);
}

describe('Writer.import', () => {
  let sandbox: Sandbox;
  before(async () => {
    sandbox = await startSandbox({ messages: 1 });
  });
  afterEach(() => {
    sandbox.faults.clear();
    sandbox.requests.length = 0;
  });
  after(() => sandbox.close());

  const imports = () => sandbox.requests.filter(({ verb }) => verb === 'messages.import');
  const write = (source: Buffer, labels: readonly string[] = ['INBOX']) =>
    createLiveWriter(openMailbox(sandbox).client).import(source, labels, never);

  for (const [bytes, path] of [
    [4_000, '/gmail/v1/users/me/messages/import'],
    [1_500_000, '/upload/gmail/v1/users/me/messages/import'],
  ] as const) {
    it(`imports a message of ${bytes} bytes byte for byte, spared by the spam filter`, async () => {
      const source = sourceOf(bytes);
      const stored = sandbox.mailbox.get((await write(source)) ?? '');
      assert.ok(source.equals(Buffer.from(stored?.raw ?? '', 'latin1')));
      assert.equal(stored?.internalDateMs, Date.UTC(2026, 0, 2, 3, 4, 5));
      assert.deepEqual([...(stored?.labelIds ?? [])], ['INBOX']);
      const [{ path: sentTo, query }] = imports() as [ReturnType<typeof imports>[number]];
      assert.equal(sentTo, path);
      assert.deepEqual([query.get('internalDateSource'), query.get('neverMarkSpam')], ['dateHeader', 'true']);
    });

    it(`sends ${bytes} bytes again after a refusal for the quota, and not after a lost answer`, async () => {
      const source = sourceOf(bytes);
      sandbox.faults.add({ verb: 'messages.import', ...googleErrors.quota429() });
      await write(source);
      assert.equal(imports().length, 2);
      for (const kind of ['reset-after', 'reset-before', 'truncate'] as const) {
        sandbox.requests.length = 0;
        sandbox.faults.add({ verb: 'messages.import', kind });
        await assert.rejects(write(source), UnavailableError);
        assert.equal(imports().length, 1, kind);
      }
    });
  }
});
