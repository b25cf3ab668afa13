import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnavailableError } from '../../../lib/errors.ts';
import { getMessage } from '../../../lib/gmail/messages.ts';
import { RawCutter, readAttachment, readRawSource, type SourceSink } from '../../../lib/gmail/raw-source.ts';
import { mailboxOf } from '../../fixtures/mailbox.ts';
import { openMailbox } from '../../in-process.ts';
import type { FaultKind } from '../../sandbox/faults.ts';
import { startSandbox } from '../../sandbox/index.ts';

/** After each of these, the request is sent again. */
const FAULTS: Readonly<Record<string, FaultKind>> = {
  'a truncated answer': { kind: 'truncate' },
  'broken JSON': { kind: 'malformed' },
  'an HTML page': { kind: 'html', status: 200 },
  'an answer without content': { status: 200, body: { id: '1' } },
  'a 500': { status: 500, body: '{}' },
  'a reset connection': { kind: 'reset-after' },
};

const never = new AbortController().signal;

class Gathered implements SourceSink {
  readonly pieces: Buffer[] = [];

  async write(bytes: Buffer): Promise<void> {
    this.pieces.push(bytes);
  }

  get text(): string {
    return Buffer.concat(this.pieces).toString('latin1');
  }
}

async function cut(chunks: readonly string[]) {
  const sinks: Gathered[] = [];
  const cutter = new RawCutter(() => {
    const sink = new Gathered();
    sinks.push(sink);
    return sink;
  });
  for (const chunk of chunks) await cutter.write(Buffer.from(chunk));
  return { rest: cutter.finish(), hasSource: cutter.hasSource, source: sinks.at(-1)?.text };
}

const SOURCE = 'Subject: hit\r\n\r\n\xff\xfe\xfb~?>';
const RAW = Buffer.from(SOURCE, 'latin1').toString('base64url');

describe('the source in an answer', () => {
  const answers: Readonly<Record<string, string>> = {
    'as the last field': `{"id":"a","labelIds":["INBOX","raw"],"raw":"${RAW}"}`,
    'as the first field, with white space': `\n {\n  "raw" : "${RAW}" ,\n "id": "a", "labelIds": ["INBOX", "raw"] }\n`,
    'behind other keys called raw': `{"x":{"raw":"AAAA"},"y":[{"raw":"AAAA"},"raw","z"],"id":"a","s":"\\"raw\\":\\"","raw":"${RAW}","labelIds":["INBOX","raw"]}`,
    'with escapes in key and value': `{"id":"a","labelIds":["INBOX","raw"],"r\\u0061w":"${RAW.replace('_', '\\/').replace('-', '\\u002d')}\\u003D\\n"}`,
    'in the alphabet of base64, with padding': `{"id":"a","raw":"${Buffer.from(SOURCE, 'latin1').toString('base64')}","labelIds":["INBOX","raw"]}`,
  };
  for (const [where, answer] of Object.entries(answers)) {
    it(`is found ${where}, wherever the answer is cut into chunks`, async () => {
      for (let at = 0; at < answer.length; at += 1) {
        for (const chunks of [
          [answer.slice(0, at), answer.slice(at)],
          [answer.slice(0, at), answer.slice(at, at + 1), answer.slice(at + 1)],
        ]) {
          const { rest, hasSource, source } = await cut(chunks);
          assert.deepEqual([hasSource, source], [true, SOURCE], JSON.stringify(chunks));
          const { id, labelIds } = JSON.parse(rest);
          assert.deepEqual([id, labelIds], ['a', ['INBOX', 'raw']]);
        }
      }
      const { source } = await cut([...answer]);
      assert.equal(source, SOURCE);
    });
  }

  it('may have no bytes', async () => {
    const { hasSource, source } = await cut(['{"raw":"","id":"a"}']);
    assert.deepEqual([hasSource, source], [true, '']);
  });

  for (const answer of [
    '{"id":"a"}',
    '{"id":"a","raw":null}',
    '{"id":"a","raw":{"raw":"AAAA"}}',
    '{"id":"a","note":"raw"}',
    '["raw","AAAA"]',
    '"raw"',
    '<html>{"raw":"AAAA"}</html>',
    '',
  ]) {
    it(`is not found in ${answer || 'nothing'}, which is passed on`, async () => {
      const { hasSource, rest } = await cut([answer]);
      assert.deepEqual([hasSource, rest], [false, answer]);
    });
  }

  for (const answer of [
    '{"id":"a","raw":"AAAA*AAA"}',
    '{"id":"a","raw":"AAAAA"}',
    '{"id":"a","raw":"AA==AAAA"}',
    '{"id":"a","raw":"AA\\x41A"}',
    '{"id":"a","raw":"AAAA\\u00"}',
    '{"id":"a","raw":"AAAA","raw":"AAAA"}',
    '{"id":"a","raw":"AAAA',
    '{"id":"a","raw":"AAAA\\"',
    '{"id":"a","raw":"AAAA"',
  ]) {
    it(`makes the answer broken JSON: ${answer}`, async () => {
      for (let at = 0; at < answer.length; at += 1) {
        const { rest } = await cut([answer.slice(0, at), answer.slice(at)]);
        assert.throws(() => JSON.parse(rest));
      }
    });
  }
});

describe('a message read as a stream', () => {
  const start = async (size = 10) => {
    const source = `Subject: hit\r\n\r\n${'Grüße '.repeat(size)}`;
    const sandbox = await startSandbox({ mailbox: mailboxOf([{ source, labels: ['INBOX', 'Work'] }]) });
    const [message] = sandbox.mailbox.messages();
    const { client } = openMailbox(sandbox).mailbox;
    const sinks: Gathered[] = [];
    const openSink = () => {
      const sink = new Gathered();
      sinks.push(sink);
      return sink;
    };
    const read = (id = message?.id ?? '') => readRawSource(client, id, never, { openSink, isLarge: false });
    return { sandbox, source, message, sinks, read, [Symbol.asyncDispose]: () => sandbox.close() };
  };

  it('has thread, labels, history id, date and source', async () => {
    await using work = await start(100_000);
    assert.deepEqual(await work.read(), {
      threadId: work.message?.threadId,
      labelIds: ['INBOX', 'Label_1'],
      historyId: '1000',
      internalDateMs: work.message?.internalDateMs,
    });
    assert.equal(Buffer.concat(work.sinks[0]?.pieces ?? []).toString(), work.source);
    assert.ok(Number(work.sinks[0]?.pieces.length) > 1, 'in pieces');
  });

  it('is null when it no longer exists', async () => {
    await using work = await start();
    assert.equal(await work.read('abc'), null);
  });

  for (const [what, fault] of Object.entries(FAULTS)) {
    it(`is read again after ${what}, into a new sink`, async () => {
      await using work = await start(100_000);
      const met = work.sandbox.faults.add({ verb: 'messages.get', ...fault });
      assert.notEqual(await work.read(), null);
      assert.equal(met.hits, 1);
      assert.equal(Buffer.concat(work.sinks.at(-1)?.pieces ?? []).toString(), work.source);
    });
  }

  it('fails when Gmail leaves out its date', async () => {
    await using work = await start();
    const body = { id: work.message?.id, threadId: '1', historyId: '1', raw: RAW };
    work.sandbox.faults.add({ verb: 'messages.get', status: 200, body });
    await assert.rejects(work.read(), UnavailableError);
  });
});

describe('an attachment read as a stream', () => {
  const start = async (content: string) => {
    const source = [
      'Subject: hit',
      'Content-Type: multipart/mixed; boundary=cut',
      '',
      '--cut',
      'Content-Type: application/pdf; name=a.pdf',
      '',
      content,
      '--cut--',
      '',
    ].join('\r\n');
    const sandbox = await startSandbox({ mailbox: mailboxOf([{ source }]) });
    const { client } = openMailbox(sandbox).mailbox;
    const [message] = sandbox.mailbox.messages();
    const whole = await getMessage(client, { id: message?.id ?? '', format: 'full' }, never);
    const attachmentId = whole?.payload?.parts?.[0]?.body?.attachmentId ?? '';
    const read = (id = attachmentId) => readAttachment(client, message?.id ?? '', id, never);
    return { sandbox, read, [Symbol.asyncDispose]: () => sandbox.close() };
  };
  const CONTENT = 'content '.repeat(30_000).trim();

  for (const [what, fault] of Object.entries(FAULTS)) {
    it(`has its content after ${what}`, async () => {
      await using work = await start(CONTENT);
      const met = work.sandbox.faults.add({ verb: 'messages.attachments.get', ...fault });
      assert.equal((await work.read()).toString(), CONTENT);
      assert.equal(met.hits, 1);
    });
  }

  it('is empty when Gmail says so', async () => {
    await using work = await start(CONTENT);
    for (const body of [{ size: 0 }, { size: 0, data: '' }]) {
      work.sandbox.faults.add({ verb: 'messages.attachments.get', status: 200, body });
      assert.equal((await work.read()).length, 0);
    }
    work.sandbox.faults.add({ verb: 'messages.attachments.get', kind: 'truncate' });
    work.sandbox.faults.add({ verb: 'messages.attachments.get', status: 200, body: { size: 0 } });
    assert.equal((await work.read()).length, 0);
  });
});
