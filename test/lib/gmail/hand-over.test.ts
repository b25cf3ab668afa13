/** mailbox.messages against the sandbox: once each, marks, counts, failures, stops, and what it costs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError, UnavailableError } from '../../../lib/errors.ts';
import type { Message } from '../../../lib/gmail/message.ts';
import { mailboxOf, many, type PlainMessage } from '../../fixtures/mailbox.ts';
import { type OpenOptions, openMailbox } from '../../in-process.ts';
import { type SandboxOptions, startSandbox } from '../../sandbox/index.ts';

const DONE = 'Jobs/Done';

async function start(messages: readonly PlainMessage[], options: OpenOptions & SandboxOptions = {}) {
  const sandbox = await startSandbox({ mailbox: mailboxOf(messages), ...options });
  const opened = openMailbox(sandbox, options);
  const ids = sandbox.mailbox
    .messages()
    .map(({ id }) => id)
    .reverse();
  const marked = () => {
    const label = sandbox.mailbox.findLabel(DONE)?.id ?? 'none';
    return ids.filter((id) => sandbox.mailbox.get(id)?.labelIds.has(label));
  };
  return { sandbox, ids, marked, ...opened, [Symbol.asyncDispose]: () => sandbox.close() };
}

/** Hands over all messages with the subject "hit"; returns the ids that `each` got. */
async function get(
  { mailbox }: Pick<Awaited<ReturnType<typeof start>>, 'mailbox'>,
  each: (message: Message) => unknown = () => undefined,
  atOnce = 1,
): Promise<string[]> {
  const got: string[] = [];
  await mailbox.messages('subject:hit', {
    done: DONE,
    atOnce,
    async each(message) {
      got.push(message.id);
      await each(message);
    },
  });
  return got;
}

describe('mailbox.messages', () => {
  it('hands over each message once, the oldest first, and marks it', async () => {
    await using box = await start([...many(5, {}), { subject: 'miss' }, { labels: ['DRAFT'] }]);
    const wanted = box.ids.filter((id) => {
      const message = box.sandbox.mailbox.get(id);
      return message?.subject === 'hit' && !message.labelIds.has('DRAFT');
    });
    assert.deepEqual(await get(box), wanted);
    assert.deepEqual(box.marked(), wanted);
    assert.deepEqual(box.tally.counts, { matched: 5, changed: 5, skipped: 0, failed: 0, remaining: 0 });
    assert.deepEqual(await get(box), []);
  });

  it('costs 25 units for each message, and 5 for each search', async () => {
    await using box = await start(many(5, {}));
    await box.mailbox.labels();
    const before = box.client.statistics.quotaUnits;
    await get(box);
    // The search, the search for large messages, the label, and 20 + 5 for each.
    assert.equal(box.client.statistics.quotaUnits - before, 5 + 5 + 5 + 5 * 25);
    const [planned] = box.named('message.planned');
    assert.deepEqual([planned?.messages, planned?.large, planned?.units], [5, 0, 5 + 5 * 25]);
    const done = box.client.statistics.quotaUnits;
    await get(box);
    assert.equal(box.client.statistics.quotaUnits - done, 5);
  });

  it('counts in a dry run, hands nothing over and creates no label', async () => {
    await using box = await start(many(3, {}), { dryRun: true });
    assert.deepEqual(await get(box), []);
    assert.deepEqual(box.tally.counts, { matched: 3, changed: 0, skipped: 0, failed: 0, remaining: 3 });
    assert.equal(box.sandbox.mailbox.findLabel(DONE), undefined);
  });

  it('gives headers, text, HTML, attachments, labels, dates and size', async () => {
    const source = [
      'From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>',
      'Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=',
      'Date: Sat, 31 Jan 2026 10:00:00 +0100',
      'Content-Type: multipart/mixed; boundary=cut',
      '',
      '--cut',
      'Content-Type: multipart/alternative; boundary=in',
      '',
      '--in',
      'Content-Type: text/plain; charset=iso-8859-1',
      'Content-Transfer-Encoding: quoted-printable',
      '',
      'Sch=F6n',
      '--in',
      'Content-Type: text/html; charset=utf-8',
      '',
      '<p>Schön</p>',
      '--in--',
      '--cut',
      'Content-Type: application/pdf; name="=?utf-8?q?B=C3=BCro.pdf?="',
      'Content-Disposition: attachment; filename="=?utf-8?q?B=C3=BCro.pdf?="',
      'Content-Transfer-Encoding: base64',
      '',
      'cGRm',
      '--cut--',
      '',
    ].join('\r\n');
    for (const sizeBytes of [1_000, 3_000_000]) {
      await using box = await start([{ source, sizeBytes, labels: ['INBOX', 'Work/A'] }]);
      const messages: Message[] = [];
      const contents: string[] = [];
      await get(box, async (message) => {
        messages.push(message);
        for (const attachment of message.attachments) contents.push(String(await attachment.content()));
      });
      const [message] = messages as [Message];
      assert.equal(message.header('subject'), 'Grüße');
      assert.equal(message.subject, 'Grüße');
      assert.equal(message.header('X-None'), '');
      assert.deepEqual(message.from, { name: 'Jörg', address: 'joerg@example.org' });
      assert.deepEqual([message.text.trim(), message.html.trim()], ['Schön', '<p>Schön</p>']);
      assert.deepEqual(
        message.attachments.map(({ name, type, sizeBytes: size }) => [name, type, size]),
        [['Büro.pdf', 'application/pdf', 3]],
      );
      assert.deepEqual(contents, ['pdf']);
      assert.deepEqual(message.labels, ['INBOX', 'Work/A']);
      assert.equal(message.sentAt?.toISOString(), '2026-01-31T09:00:00.000Z');
      assert.equal(message.receivedAt.getTime(), box.sandbox.mailbox.get(message.id)?.internalDateMs);
      assert.deepEqual([message.sizeBytes, message.threadId], [sizeBytes, message.id]);
      const reads = box.sandbox.requests.filter(({ verb }) => verb === 'messages.attachments.get');
      assert.equal(reads.length, sizeBytes > 2_000_000 ? 1 : 0);
    }
  });

  it('counts a message as failed when the job fails on it, logs its id without its content, and goes on', async () => {
    await using box = await start(many(4, {}));
    const [, bad] = box.ids;
    const got = await get(box, ({ id }) => {
      if (id === bad) throw new TypeError('private words of the mail');
    });
    assert.deepEqual(got, box.ids);
    assert.deepEqual(box.tally.counts, { matched: 4, changed: 3, skipped: 0, failed: 1, remaining: 0 });
    const [failed, ...more] = box.named('message.failed');
    assert.deepEqual([failed?.level, failed?.id, failed?.error, more.length], ['error', bad, 'TypeError', 0]);
    assert.doesNotMatch(JSON.stringify(box.events), /private/);
    assert.deepEqual(await get(box), [bad]);
  });

  for (const [what, error] of [
    ['an UnavailableError', new UnavailableError('the host is away', 'wait')],
    ['a ConfigError', new ConfigError('wrong address', 'correct it')],
    [
      'a failure of the network',
      Object.assign(new TypeError('fetch failed'), { cause: Object.assign(new Error(), { code: 'ECONNREFUSED' }) }),
    ],
  ] as const) {
    it(`is ended by ${what} of the job, after the messages under way are marked`, async () => {
      await using box = await start(many(6, {}));
      const other = Promise.withResolvers<void>();
      const [, second] = box.ids;
      const run = get(
        box,
        async ({ id }) => {
          if (id !== second) return await other.promise;
          setImmediate(other.resolve);
          throw error;
        },
        2,
      );
      await assert.rejects(run, (thrown) => thrown === error);
      assert.deepEqual(box.marked(), box.ids.slice(0, 1));
      assert.deepEqual(box.tally.counts, { matched: 6, changed: 1, skipped: 0, failed: 0, remaining: 5 });
    });
  }

  it('has the messages that a stop finds under way finished and marked', async () => {
    await using box = await start(many(5, {}));
    const run = get(box, ({ id }) => {
      if (id === box.ids[1]) box.stop.abort(new Error('stopped'));
    });
    await assert.rejects(run, /stopped/);
    assert.deepEqual(box.marked(), box.ids.slice(0, 2));
    assert.deepEqual(box.tally.counts, { matched: 5, changed: 2, skipped: 0, failed: 0, remaining: 3 });
  });

  it('marks each message before it hands over another one, with as many at once as it is told', async () => {
    for (const atOnce of [1, 3]) {
      await using box = await start(many(12, {}));
      const all = Promise.withResolvers<void>();
      let most = 0;
      let got = 0;
      await get(
        box,
        async () => {
          got += 1;
          most = Math.max(most, got - box.marked().length);
          if (got === atOnce) all.resolve();
          await all.promise;
        },
        atOnce,
      );
      assert.equal(most, atOnce);
    }
  });

  it('skips a message that was deleted since the search, or that another run has marked', async () => {
    await using box = await start(many(4, {}), {});
    const [first, second, third] = box.ids as [string, string, string];
    const got = await get(box, ({ id }) => {
      if (id !== first) return;
      box.sandbox.mailbox.delete([third]);
      box.sandbox.mailbox.modify([box.ids[3] ?? ''], [box.sandbox.mailbox.findLabel(DONE)?.id ?? ''], []);
    });
    assert.deepEqual(got, [first, second]);
    assert.deepEqual(box.tally.counts, { matched: 4, changed: 2, skipped: 2, failed: 0, remaining: 0 });
  });

  it('hands nothing over again while searches do not show the marks yet', async () => {
    await using box = await start([], { mailbox: mailboxOf(many(3, {}), { searchLagMs: 3_600_000 }) });
    assert.equal((await get(box)).length, 3);
    assert.deepEqual(await get(box), []);
    assert.equal(box.tally.counts.skipped, 3);
  });

  it('counts a message as remaining, and ends, when it cannot be marked', async () => {
    await using box = await start(many(3, {}));
    box.sandbox.faults.add({ verb: 'messages.modify', status: 503, times: 6 });
    const got: string[] = [];
    await assert.rejects(
      get(box, ({ id }) => got.push(id)),
      UnavailableError,
    );
    assert.deepEqual(got, box.ids.slice(0, 1));
    assert.deepEqual(box.tally.counts, { matched: 3, changed: 0, skipped: 0, failed: 0, remaining: 3 });
  });

  it('takes a message for done that was deleted while the job worked on it', async () => {
    await using box = await start(many(2, {}));
    await get(box, ({ id }) => box.sandbox.mailbox.delete([id]));
    assert.deepEqual(box.tally.counts, { matched: 2, changed: 2, skipped: 0, failed: 0, remaining: 0 });
  });

  it('hands over large messages last and one by one', async () => {
    const sizes = [3_000_000, 1_000, 4_000_000, 1_000, 3_000_000];
    await using box = await start(sizes.map((sizeBytes) => ({ sizeBytes })));
    let under = 0;
    const seen: [number, number][] = [];
    await get(
      box,
      async ({ sizeBytes }) => {
        under += 1;
        await new Promise(setImmediate);
        seen.push([sizeBytes, under]);
        under -= 1;
      },
      4,
    );
    assert.deepEqual(
      seen.slice(2).map(([, atOnce]) => atOnce),
      [1, 1, 1],
    );
    assert.deepEqual(
      seen.map(([size]) => size > 2_000_000),
      [false, false, true, true, true],
    );
  });

  it('goes on after messages that are broken: Gmail divides into parts what cannot be parsed here', async () => {
    const nested = Array.from(
      { length: 300 },
      (_, at) => `Content-Type: multipart/mixed; boundary=b${at}\r\n\r\n--b${at}\r\n`,
    );
    const sources = [
      '',
      '\0\0\0',
      `${nested.join('')}\r\nhello`,
      'Content-Type: multipart/mixed\r\n\r\n',
      'fine\r\n\r\nfine',
    ];
    await using box = await start(sources.map((source) => ({ source, sizeBytes: 1_000 })));
    assert.deepEqual(await get(box), box.ids);
    assert.deepEqual(box.tally.counts, { matched: 5, changed: 5, skipped: 0, failed: 0, remaining: 0 });
    assert.equal(box.sandbox.requests.filter(({ verb }) => verb === 'messages.get').length, 6);
  });

  for (const { what, sizeBytes, verb } of [
    { what: 'a message', sizeBytes: 2_000, verb: 'messages.get' },
    { what: 'an attachment', sizeBytes: 3_000_000, verb: 'messages.attachments.get' },
  ]) {
    it(`counts a message as failed when Gmail fails for ${what} forever and answers otherwise, and goes on`, async () => {
      const attachments = [{ filename: 'a.pdf', mimeType: 'application/pdf', sizeBytes: sizeBytes - 1_000 }];
      await using box = await start([{}, { sizeBytes, attachments }, {}]);
      const bad = box.ids[1] ?? '';
      const match = (request: { verb: string; path: string }) => request.verb === verb && request.path.includes(bad);
      box.sandbox.faults.add({ match, status: 500, times: 100 });
      await get(box, async ({ attachments }) => void (await attachments[0]?.content()));
      assert.deepEqual(box.tally.counts, { matched: 3, changed: 2, skipped: 0, failed: 1, remaining: 0 });
      const [failed] = box.named('message.failed');
      assert.equal(failed?.id, bad);
      assert.match(String(failed?.error), /^Gmail answers, but fails for this message: .*500/);
      assert.ok(!box.marked().includes(bad));
    });
  }

  it('ends the run when Gmail is away, or the quota is used up, while it reads a message', async () => {
    for (const fault of [{ status: 500 }, { verb: 'messages.get', status: 429 }]) {
      await using box = await start(many(3, {}));
      box.sandbox.faults.add({
        kind: 'hook',
        verb: 'messages.get',
        before: () => box.sandbox.faults.add({ ...fault, times: 1_000 }),
      });
      await assert.rejects(get(box), UnavailableError);
      assert.equal(box.tally.counts.failed, 0);
    }
  });

  it('counts a message that Gmail does not give as failed, and goes on', async () => {
    await using box = await start(many(3, {}));
    const [, bad] = box.ids as [string, string, string];
    const refusal = { error: { code: 400, message: 'Invalid', errors: [{ reason: 'invalidArgument' }] } };
    box.sandbox.faults.add({ match: ({ path }) => path.endsWith(bad), status: 400, body: refusal });
    assert.deepEqual(await get(box), [box.ids[0], box.ids[2]]);
    assert.deepEqual(box.tally.counts, { matched: 3, changed: 2, skipped: 0, failed: 1, remaining: 0 });
    assert.deepEqual(
      box.named('message.failed').map(({ id, error }) => [id, error]),
      [[bad, 'Gmail refused messages.get: 400 Invalid']],
    );
  });

  it('refuses wrong labels, numbers and scopes as mistakes of the job, before any message', async () => {
    await using box = await start(many(1, {}));
    const each = () => assert.fail('handed over');
    for (const [options, words] of [
      [{ done: 'STARRED' }, /a label of Gmail's own/],
      [{ done: undefined as never }, /done must be the name of a label/],
      [{ done: DONE, each: undefined as never }, /each must be a function/],
      [{ done: 'gmail-jobs/x' }, /reserves/],
      [{ done: 'a//b' }, /empty part/],
      [{ done: DONE, atOnce: 0 }, /from 1 to 8/],
      [{ done: DONE, atOnce: 9 }, /from 1 to 8/],
      [{ done: DONE, atOnce: 1.5 }, /from 1 to 8/],
    ] as const) {
      await assert.rejects(box.mailbox.messages('subject:hit', { each, ...options }), words);
    }
    await assert.rejects(box.mailbox.messages('subjct:hit', { each, done: DONE }), /invalid search/);
  });
});
