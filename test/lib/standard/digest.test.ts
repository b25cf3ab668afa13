import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import PostalMime from 'postal-mime';
import { commandHere, runHere } from '../../fixtures/front-door.ts';
import { assertEnded, type Finished, runJob } from '../../run.ts';
import { generateMailbox, SANDBOX_LABELS } from '../../sandbox/generate.ts';
import { GMAIL_SCOPES, type Sandbox, startSandbox } from '../../sandbox/index.ts';
import { SandboxMailbox, type StoredMessage } from '../../sandbox/mailbox.ts';

const EMAIL = 'alice@example.com';
const DAY_MS = 24 * 3_600_000;

/** A sandbox whose mailbox has 60 messages of yesterday noon, hostile ones among them. */
function sandboxWithMail(): Promise<Sandbox> {
  const noonMs = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS / 2;
  const messages = generateMailbox({ email: EMAIL, count: 60, now: noonMs }).map((message, index) => ({
    ...message,
    internalDateMs: noonMs - index * 60_000,
  }));
  return startSandbox({ mailbox: new SandboxMailbox({ email: EMAIL, messages, labels: SANDBOX_LABELS }) });
}

function digestsIn({ mailbox }: Sandbox): StoredMessage[] {
  return mailbox.messages().filter(({ messageId }) => messageId.endsWith('@gmail-jobs.invalid>'));
}

/** A mail from outside with a digest's headers. */
function plant(sandbox: Sandbox, messageId: string, place: string): Promise<StoredMessage> {
  const headers = [`From: Mail digest <${EMAIL}>`, `Message-ID: ${messageId}`, 'X-Gmail-Labels: gmail-jobs/digest'];
  return sandbox.mailbox.insert(`${headers.join('\r\n')}\r\nSubject: planted\r\n\r\nHello.`, [place]);
}

const writesTo = ({ requests }: Sandbox) =>
  requests.filter(({ service, method }) => service === 'gmail' && method !== 'GET');

/** Asserts that the output holds no subject, sender or address of the mailbox. */
function assertDiscreet(run: Finished, sandbox: Sandbox): void {
  const output = run.stdout + run.stderr;
  for (const { subject, from } of sandbox.mailbox.messages()) {
    for (const text of [subject, from])
      assert.ok(text.length < 5 || !output.includes(text), `the output holds "${text}"`);
  }
  assert.doesNotMatch(output, /@/);
}

describe('digest', { concurrency: 3 }, () => {
  it('puts one mail into the inbox, and a second run writes nothing', async () => {
    await using sandbox = await sandboxWithMail();
    const first = await runJob(sandbox, ['digest', '--period', 'day']);
    assertEnded(first, 0, { outcome: 'ok', matched: 1, changed: 1 });
    assertDiscreet(first, sandbox);
    const before = writesTo(sandbox).length;
    const second = await runHere(sandbox, ['digest']);
    assertEnded(second, 0, { outcome: 'nothing-to-do', matched: 1, skipped: 1, quotaUnits: 7 });
    assert.equal(writesTo(sandbox).length, before);
    const yesterday = new Date(Date.now() - 86_400_000);
    const period = yesterday.toISOString().slice(0, 10);
    const told = (run: Finished, name: string) => run.events.find(({ event }) => event === name);
    assert.equal(told(second, 'digest.there')?.period, period);
    const third = await runJob(sandbox, ['digest', '--dry-run'], { env: { LOG_FORMAT: 'pretty' } });
    assert.match(third.stdout, /the digest of \w+day, \d+ \w+ was made before/);
    const week = await runHere(sandbox, ['digest', '--dry-run', '--period', 'week']);
    assert.match(String(told(week, 'digest.planned')?.title), /^\d+.*–.*\d+ \w+/);

    const digests = digestsIn(sandbox);
    const mark = sandbox.mailbox.findLabel('gmail-jobs/digest');
    assert.equal(mark?.labelListVisibility, 'labelHide');
    assert.deepEqual(
      digests.map(({ labelIds }) => [...labelIds]),
      [['INBOX', 'UNREAD', mark?.id]],
    );
    const email = await PostalMime.parse(digests[0]?.raw ?? '');
    assert.match(email.subject ?? '', /^Your day in mail: \w+day, \d+ \w+$/);
    assert.match(email.text ?? '', /messages came in/);
    assert.match(email.html ?? '', /&lt;script&gt;alert\(1\)&lt;\/script&gt;/);
    assert.doesNotMatch(email.html ?? '', /<script|<img|<svg/);
  });

  it('inserts the digest although mail with its Message-ID exists in the inbox, Spam or Trash', async () => {
    await using example = await sandboxWithMail();
    await runHere(example, ['digest']);
    const [digest] = digestsIn(example);
    const day = new Date(Date.now() - DAY_MS).toISOString().slice(0, 10);
    const hash = createHash('sha256')
      .update(JSON.stringify([EMAIL, 'day', day, 'UTC']))
      .digest('hex')
      .slice(0, 16);
    const guesses = [digest?.messageId ?? '', `<digest.day.${day}.${hash}@gmail-jobs.invalid>`];

    await using sandbox = await sandboxWithMail();
    const planted = new Map<StoredMessage, string>();
    for (const place of ['INBOX', 'SPAM', 'TRASH']) {
      for (const guess of guesses) planted.set(await plant(sandbox, guess, place), place);
    }
    assertEnded(await runHere(sandbox, ['digest', '--dry-run']), 0, { outcome: 'ok', remaining: 1 });
    assertEnded(await runHere(sandbox, ['digest']), 0, { outcome: 'ok', changed: 1 });
    const [made, ...others] = digestsIn(sandbox).filter((message) => !planted.has(message));
    assert.ok(made !== undefined && others.length === 0);
    for (const [{ labelIds }, place] of planted) assert.deepEqual([...labelIds], [place]);

    // A digest in the trash is not made again.
    sandbox.mailbox.modify([made.id], ['TRASH'], ['INBOX']);
    assertEnded(await runHere(sandbox, ['digest', '--dry-run']), 0, { outcome: 'nothing-to-do', skipped: 1 });
    assertEnded(await runHere(sandbox, ['digest']), 0, { outcome: 'nothing-to-do', skipped: 1 });
    assert.equal(digestsIn(sandbox).length, planted.size + 1);
  });

  it('includes mail from outside under the own address, but no earlier digest', async () => {
    await using sandbox = await sandboxWithMail();
    const mark = sandbox.mailbox.createLabel('gmail-jobs/digest').id;
    const noonMs = Math.floor(Date.now() / DAY_MS) * DAY_MS - DAY_MS / 2;
    const source = (subject: string) => `From: Alice <${EMAIL}>\r\nTo: ${EMAIL}\r\nSubject: ${subject}\r\n\r\nHello.`;
    await sandbox.mailbox.insert(source('From the contact form'), ['INBOX', 'UNREAD'], noonMs + 3_000);
    await sandbox.mailbox.insert(source('An earlier digest'), ['INBOX', 'UNREAD', mark], noonMs + 2_000);
    await sandbox.mailbox.insert(source('A note to oneself'), ['INBOX', 'UNREAD', 'SENT'], noonMs + 1_000);
    assertEnded(await runHere(sandbox, ['digest']), 0, { changed: 1 });
    const { text = '' } = await PostalMime.parse(digestsIn(sandbox)[0]?.raw ?? '');
    assert.match(text, /Alice: From the contact form/);
    assert.doesNotMatch(text, /An earlier digest|A note to oneself/);
  });

  it('asks for a token that can neither send nor change mail', async () => {
    await using sandbox = await sandboxWithMail();
    await runHere(sandbox, ['digest']);
    const [exchange] = sandbox.requests.filter(({ service }) => service === 'oauth');
    const { scope = '' } = (exchange?.body ?? {}) as Record<string, string>;
    const { readonly, insert, labels } = GMAIL_SCOPES;
    assert.deepEqual(new Set(scope.split(' ')), new Set([readonly, insert, labels]));
  });

  it('makes one digest for the week and one for each time zone', async () => {
    await using sandbox = await sandboxWithMail();
    for (const args of [[], ['--period', 'week'], ['--time-zone', 'Asia/Tokyo'], ['--time-zone', 'asia/tokyo']]) {
      assertEnded(await runHere(sandbox, ['digest', ...args]), 0);
    }
    assert.equal(digestsIn(sandbox).length, 3);
  });

  it('writes nothing in a dry run, and counts the digest as remaining', async () => {
    await using sandbox = await sandboxWithMail();
    const run = await runHere(sandbox, ['digest', '--dry-run']);
    assertEnded(run, 0, { outcome: 'ok', matched: 1, changed: 0, remaining: 1, dryRun: true });
    assert.deepEqual(writesTo(sandbox), []);
  });

  it('makes one digest when two runs start at once', async () => {
    await using sandbox = await sandboxWithMail();
    const runs = await Promise.all([runJob(sandbox, ['digest']), runJob(sandbox, ['digest'])]);
    assert.equal(digestsIn(sandbox).length, 1);
    assert.deepEqual(runs.map(({ final }) => final?.changed).sort(), [0, 1]);
    for (const run of runs) assertEnded(run, 0, { matched: 1, remaining: 0 });
  });

  it('finds the digest when the answer to the insert was lost', async () => {
    await using sandbox = await sandboxWithMail();
    sandbox.faults.add({ service: 'gmail', verb: 'messages.insert', kind: 'reset-after' });
    assertEnded(await runHere(sandbox, ['digest']), 0, { changed: 1 });
    assert.equal(digestsIn(sandbox).length, 1);
  });

  it('has its label from the insert on, so the run after a kill at the insert finds it', async () => {
    await using sandbox = await sandboxWithMail();
    const killed = await runJob(sandbox, ['digest'], {
      onStart: (child) => {
        const after = () => void child.kill('SIGKILL');
        sandbox.faults.add({ service: 'gmail', verb: 'messages.insert', kind: 'hook', after });
      },
    });
    assert.equal(killed.final, undefined);
    assertEnded(await runHere(sandbox, ['digest']), 0, { outcome: 'nothing-to-do', skipped: 1 });
    assert.equal(digestsIn(sandbox).length, 1);
  });

  it('exits 143 with the digest remaining when it is told to stop while it waits', async () => {
    await using sandbox = await sandboxWithMail();
    sandbox.faults.add({ service: 'gmail', verb: 'messages.insert', status: 503 });
    const run = await runJob(sandbox, ['digest'], {
      onStart: (child) => {
        const after = () => setImmediate(() => child.kill('SIGTERM'));
        const match = ({ query }: { query: URLSearchParams }) => (query.get('q') ?? '').startsWith('rfc822msgid:');
        sandbox.faults.add({ service: 'gmail', verb: 'messages.list', match, skip: 1, kind: 'hook', after });
      },
    });
    assertEnded(run, 143, { outcome: 'interrupted', matched: 1, remaining: 1 });
  });

  it('exits 75 with the digest remaining when Gmail is unavailable', async () => {
    await using sandbox = await sandboxWithMail();
    sandbox.faults.add({ service: 'gmail', verb: 'labels.create', status: 503, times: 99 });
    assertEnded(await runHere(sandbox, ['digest']), 75, { outcome: 'failed', matched: 1, remaining: 1 });
    assert.deepEqual(digestsIn(sandbox), []);
  });

  it('exits 65 when Gmail refuses the mail', async () => {
    await using sandbox = await sandboxWithMail();
    const body = { error: { code: 400, message: 'Invalid label: UNREAD' } };
    sandbox.faults.add({ service: 'gmail', verb: 'messages.insert', status: 400, body });
    assertEnded(await runHere(sandbox, ['digest']), 65, { outcome: 'failed', matched: 1, failed: 1 });
  });

  for (const args of [
    ['--period', 'month'],
    ['--time-zone', 'Mars/Base'],
    ['--time-zone', '+01:00'],
  ]) {
    it(`exits 2 and names the value for ${args.join(' ')}`, async () => {
      const run = await commandHere(null, ['digest', ...args]);
      assert.equal(run.code, 2);
      assert.ok(run.stderr.includes(`"${args[1]}"`), run.stderr);
    });
  }
});
