/** Runs of job attachments: which files they save, where, and what they leave when they are stopped, killed or repeated. */
import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { type InsideOptions, runHere, SentSignals } from '../../fixtures/front-door.ts';
import { mailboxOf } from '../../fixtures/mailbox.ts';
import { assertEnded, ChildHandle, runJob } from '../../run.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/index.ts';

interface File {
  readonly name?: string;
  readonly type?: string;
  readonly content?: string | Buffer;
  /** Further headers of the part. */
  readonly headers?: readonly string[];
}

/** The source of a message with these files. */
function mail(files: readonly File[], { subject = 'hit', from = 'Billing <billing@acme.example>' } = {}): string {
  const parts = files.map(({ name, type = 'application/pdf', content = 'content', headers = [] }) =>
    [
      `Content-Type: ${type}`,
      'Content-Transfer-Encoding: base64',
      ...(name === undefined ? [] : [`Content-Disposition: attachment; filename="${name}"`]),
      ...headers,
      '',
      Buffer.from(content).toString('base64').replace(/.{76}/g, '$&\r\n'),
    ].join('\r\n'),
  );
  const text = 'Content-Type: text/plain\r\n\r\nHello';
  return [
    `Subject: ${subject}`,
    `From: ${from}`,
    'To: alice@example.com',
    'Date: Fri, 30 Jan 2026 10:00:00 +0000',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=cut',
    '',
    ...[text, ...parts].map((part) => `--cut\r\n${part}`),
    '--cut--',
    '',
  ].join('\r\n');
}

/** The sandbox searches by its own keys, not by the source. */
function subjectOf(source: string): string {
  return /^Subject: (.*)$/m.exec(source)?.[1] ?? '';
}

function start(sources: readonly string[], options: SandboxOptions = {}): Promise<Sandbox> {
  return startSandbox({
    ...options,
    mailbox: mailboxOf(sources.map((source) => ({ source, subject: subjectOf(source) }))),
  });
}

/** A rule that saves all named files, with these changes. */
const rule = (changes: object = {}) => ({
  name: 'all',
  query: 'subject:hit',
  files: ['*'],
  path: 'saved/{filename}',
  ...changes,
});

function folderFor(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'gmail-jobs-saved-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return {
    folder,
    /** Path → content, of all files. */
    files(): Record<string, string> {
      const paths = globSync('**', { cwd: folder, withFileTypes: true }).filter((entry) => entry.isFile());
      return Object.fromEntries(
        paths
          .map((entry) => join(entry.parentPath, entry.name))
          .map((path) => [relative(folder, path), readFileSync(path, 'utf8')] as const)
          .sort(),
      );
    },
    run: (sandbox: Sandbox, rules: readonly object[], args: readonly string[] = [], options: InsideOptions = {}) =>
      runHere(sandbox, ['attachments', '--into', folder, ...args], {
        jobs: 'fixtures',
        attachments: { rules },
        ...options,
      }),
  };
}

describe('job attachments', () => {
  it('saves the files that a rule means, marks the messages, and finds nothing in a second run', async (t) => {
    const { files, run } = folderFor(t);
    await using sandbox = await start([
      mail([{ name: 'invoice.pdf', content: 'one' }, { name: 'terms.pdf' }, { name: 'logo.png', type: 'image/png' }]),
      mail([{ name: 'x.doc', type: 'application/msword' }]),
      mail([{ name: 'other.pdf' }], { subject: 'miss' }),
    ]);
    const path = 'invoices/{year}/{month}/{day}/{from}/{domain}/{subject} {filename}';
    const rules = [rule({ name: 'invoices', files: ['*.PDF'], except: ['terms*'], path, done: 'Saved/Invoices' })];
    const first = await run(sandbox, rules);
    assertEnded(first, 0, { outcome: 'ok', matched: 2, changed: 2 });
    assert.deepEqual(files(), { 'invoices/2026/01/31/billing@acme.example/acme.example/hit invoice.pdf': 'one' });
    const event = first.events.find((one) => one.event === 'attachments.saved');
    assert.partialDeepStrictEqual(event, { rule: 'invoices', messages: 2, files: 1, bytes: 3, there: 0 });
    const label = sandbox.mailbox.labels().find(({ name }) => name === 'Saved/Invoices');
    assert.ok(label);
    assertEnded(await run(sandbox, rules), 0, { outcome: 'nothing-to-do', matched: 0 });
  });

  it('warns when no file of the messages fits a rule, and says which endings it saw, without names', async (t) => {
    const { run } = folderFor(t);
    await using sandbox = await start([mail([{ name: 'hushhush.pdf' }, { name: 'b.PDF' }, { name: 'c.doc' }])]);
    const { events, stdout } = await run(sandbox, [rule({ files: ['*.xyz'] })]);
    const warning = events.find((one) => one.event === 'attachments.nothing_fits');
    assert.partialDeepStrictEqual(warning, { rule: 'all', done: 'Saved/all', seen: { '*.pdf': 2, '*.doc': 1 } });
    assert.doesNotMatch(stdout, /hushhush/);
  });

  it('looks in a dry run whether the place can be written', async () => {
    await using sandbox = await start([mail([{ name: 'a.pdf' }])]);
    const options = { jobs: 'fixtures', attachments: { rules: [rule()] } } as const;
    const run = await runHere(sandbox, ['attachments', '--dry-run', '--into', 's3://nosuch-bucket'], options);
    assertEnded(run, 78);
  });

  it('saves to S3 as to a folder', async () => {
    await using sandbox = await start([
      mail([{ name: 'Übersicht.pdf', content: 'x' }]),
      mail([{ name: 'Übersicht.pdf', content: 'y' }]),
    ]);
    const env = { EXPORT_URL: sandbox.s3.url('mail/{mailbox}') };
    const options = { jobs: 'fixtures', attachments: { rules: [rule()] }, env } as const;
    assertEnded(await runHere(sandbox, ['attachments'], options), 0, { changed: 2 });
    assert.deepEqual([...sandbox.s3.objects.keys()].map((key) => key.normalize('NFC')).sort(), [
      'mail/alice@example.com/saved/Übersicht (2).pdf',
      'mail/alice@example.com/saved/Übersicht.pdf',
    ]);
    assertEnded(await runHere(sandbox, ['attachments'], options), 0, { outcome: 'nothing-to-do' });
  });

  it('uses ATTACHMENTS_FILE in every mailbox of a fleet, each of which has a place of its own', async () => {
    await using sandbox = await start([mail([{ name: 'a.pdf' }])]);
    const ended = await runJob(sandbox, ['fleet', 'attachments'], {
      jobs: 'fixtures',
      attachments: { rules: [rule()] },
      mailboxes: { mailboxes: [{ secret: 'gmail-jobs/alice' }] },
      env: { EXPORT_URL: sandbox.s3.url('{mailbox}') },
    });
    assert.equal(ended.code, 0, ended.stdout);
    assert.deepEqual([...sandbox.s3.objects.keys()], ['alice@example.com/saved/a.pdf']);
  });

  it('counts in a dry run, and saves and marks nothing', async (t) => {
    const { files, run } = folderFor(t);
    await using sandbox = await start([mail([{ name: 'a.pdf' }]), mail([{ name: 'b.pdf' }])]);
    const before = sandbox.mailbox.snapshot();
    assertEnded(await run(sandbox, [rule()], ['--dry-run']), 0, { matched: 2, changed: 0, remaining: 2 });
    assert.deepEqual([files(), sandbox.mailbox.snapshot()], [{}, before]);
  });

  it('numbers files of one name with other contents, and saves the same content once', async (t) => {
    const { files, run } = folderFor(t);
    await using sandbox = await start([
      mail([
        { name: 'a.pdf', content: 'three' },
        { name: 'A.PDF', content: 'upper' },
      ]),
      mail([
        { name: 'a.pdf', content: 'two' },
        { name: 'a.pdf', content: 'one' },
      ]),
      mail([
        { name: 'a.pdf', content: 'one' },
        { name: 'a.pdf', content: 'two' },
        { name: 'a (2).pdf', content: 'sent so' },
      ]),
    ]);
    assertEnded(await run(sandbox, [rule()]), 0, { changed: 3 });
    const saved = files();
    assert.deepEqual(Object.values(saved).sort(), ['one', 'sent so', 'three', 'two', 'upper']);
    assert.equal(saved['saved/A.PDF'], 'upper');
    const again = [rule({ done: 'Again' })];
    assertEnded(await run(sandbox, again), 0, { changed: 3 });
    assert.deepEqual(files(), saved);
  });

  it('works through several rules, each with its label, and through one of them with --rule', async (t) => {
    const { files, run } = folderFor(t);
    await using sandbox = await start([
      mail([{ name: 'a.pdf' }, { name: 'a.csv', type: 'text/csv' }]),
      mail([{ name: 'b.pdf' }]),
    ]);
    const rules = [
      rule({ name: 'documents', files: ['application/pdf'], path: 'documents/{filename}' }),
      rule({ name: 'tables', files: ['*.csv'], path: 'tables/{id}.{ext}' }),
    ];
    assertEnded(await run(sandbox, rules, ['--rule', 'tables']), 0, { matched: 2, changed: 2 });
    const [table = ''] = Object.keys(files());
    assert.match(table, /^tables\/[0-9a-f]{16}\.csv$/);
    assertEnded(await run(sandbox, rules), 0, { matched: 2, changed: 2 });
    assert.deepEqual(Object.keys(files()), ['documents/a.pdf', 'documents/b.pdf', table]);
    const unknown = await run(sandbox, rules, ['--rule', 'table']);
    assert.deepEqual([unknown.code, unknown.events.length], [2, 0]);
    assert.match(unknown.stderr, /no rule "table" \(did you mean "tables"\?\)/);
  });

  it('shows one forecast for all rules in a backfill, and saves what lies in the span', async (t) => {
    const { files, run } = folderFor(t);
    const source = mail([{ name: 'old.pdf' }]);
    const mailbox = mailboxOf([
      { source: mail([{ name: 'new.pdf' }]), at: '2026-01-20T00:00:00Z' },
      { source, at: '2024-05-01T00:00:00Z' },
    ]);
    await using sandbox = await startSandbox({ mailbox });
    const rules = [rule({ name: 'one' }), rule({ name: 'two', path: 'two/{filename}' })];
    const ended = await run(sandbox, rules, ['--from', '2024-01-01', '--to', '2025-01-01', '--yes']);
    assertEnded(ended, 0, { matched: 2, changed: 2 });
    const forecasts = ended.events.filter(({ event }) => event === 'backfill.forecast');
    assert.deepEqual(
      forecasts.map(({ messages }) => messages),
      [2],
    );
    assert.deepEqual(Object.keys(files()), ['saved/old.pdf', 'two/old.pdf']);
  });

  it('refuses a wrong file before it sends anything (78), with file, line and column', async (t) => {
    const { run } = folderFor(t);
    await using sandbox = await start([]);
    const wrong = await run(sandbox, [rule({ path: 'messages/{filename}' })]);
    const { error } = assertEnded(wrong, 78, { outcome: 'failed' });
    assert.match(String(error), /attachments\.yaml:\d+:\d+: rule all: path lies in messages/);
    assert.equal(sandbox.requests.filter(({ service }) => service !== 'monitor').length, 0);
  });

  it('ends with 78 and names ATTACHMENTS_FILE when that is missing', async (t) => {
    const { run } = folderFor(t);
    await using sandbox = await start([]);
    const options = { attachments: undefined, env: { ATTACHMENTS_FILE: 'no/such.yaml' } } as unknown as InsideOptions;
    const final = assertEnded(await run(sandbox, [], [], options), 78);
    assert.match(`${final.error} ${final.remedy}`, /no\/such\.yaml does not exist Set ATTACHMENTS_FILE/);
  });

  it('ends with 78 without EXPORT_URL and --into', async () => {
    await using sandbox = await start([]);
    const ended = await runHere(sandbox, ['attachments'], { jobs: 'fixtures', attachments: { rules: [rule()] } });
    assert.match(String(assertEnded(ended, 78).error), /EXPORT_URL is not set/);
  });

  it('writes no subject, sender or name of a file into the log', async (t) => {
    const { run } = folderFor(t);
    const source = mail([{ name: 'zebra.pdf' }], { subject: 'hit giraffe', from: 'Lion <lion@savanna.example>' });
    await using sandbox = await start([source, `${source}x`]);
    sandbox.faults.add({ verb: 'messages.get', times: 1, status: 400, body: { error: { code: 400, message: 'no' } } });
    const { stdout, stderr } = await run(sandbox, [rule({ path: '{subject}/{from}/{filename}' })], [], {
      env: { LOG_LEVEL: 'debug' },
    });
    assert.doesNotMatch(stdout + stderr, /zebra|giraffe|lion|savanna/i);
  });
});

describe('job attachments with hostile mail', () => {
  it('keeps every path inside the place, out of the copy of job export', async (t) => {
    const { folder, files, run } = folderFor(t);
    writeFileSync(join(folder, 'state.json'), 'mine');
    const names = [
      '../../../etc/passwd',
      '..\\\\..\\\\boot.ini',
      '/etc/cron',
      '....//x',
      'state.json',
      'a\\"b.pdf',
      'con',
      '.ssh',
      '..',
    ];
    await using sandbox = await start([
      ...names.map((name, index) => mail([{ name, content: `file ${index}` }], { subject: 'hit' })),
      mail([
        { content: 'word', headers: ['Content-Disposition: attachment; filename="=?utf-8?q?..=2F..=2Fevil=2Esh?="'] },
      ]),
      mail([
        {
          content: 'rfc2231',
          headers: ["Content-Disposition: attachment; filename*=utf-8''..%2F%2E%2E%2Fx%00y%0A%E2%80%AEfdp.exe"],
        },
      ]),
      mail([
        {
          content: 'parts',
          headers: ['Content-Disposition: attachment; filename*0="..%2Fa"; filename*1="../../b.pdf"'],
        },
      ]),
      mail([{ content: 'long', headers: [`Content-Disposition: attachment; filename="${'ä'.repeat(400)}.pdf"`] }]),
    ]);
    assertEnded(await run(sandbox, [rule({ path: '{filename}' })]), 0, { failed: 0 });
    const saved = files();
    assert.equal(saved['state.json'], 'mine');
    assert.equal(Object.keys(saved).length, 1 + names.length + 4);
    for (const path of Object.keys(saved)) {
      assert.doesNotMatch(path, /[/\\\p{Cc}\u202e]|^\./u);
      assert.ok(Buffer.byteLength(path) <= 200, path);
    }
  });

  it('makes _messages of the subject messages', async (t) => {
    const { files, run } = folderFor(t);
    await using sandbox = await start(
      ['messages', 'Index', 'state.json'].map((subject) => mail([{ name: 'a.pdf' }], { subject })),
    );
    assertEnded(await run(sandbox, [rule({ query: '-subject:none', path: '{subject}/{filename}' })]), 0, {
      changed: 3,
    });
    assert.deepEqual(Object.keys(files()).sort(), ['_Index/a.pdf', '_messages/a.pdf', '_state.json/a.pdf']);
  });

  it('passes empty, broken, forwarded and encrypted parts, TNEF and logos', async (t) => {
    const { files, run } = folderFor(t);
    const forwarded = mail([{ name: 'inner.pdf', content: 'inner' }]);
    const parts = [
      { name: 'empty.pdf', content: '' },
      { name: 'winmail.dat', type: 'application/ms-tnef', content: Buffer.from([0x78, 0x9f, 0x3e, 0x22]) },
      { name: 'smime.p7m', type: 'application/pkcs7-mime; smime-type=enveloped-data', content: 'secret' },
      { type: 'image/png', headers: ['Content-ID: <logo@x>', 'Content-Disposition: inline'], content: 'logo' },
      {
        type: 'image/gif; name=named.gif',
        headers: ['Content-ID: <named@x>', 'Content-Disposition: inline'],
        content: 'named',
      },
    ];
    const rfc822 = `--cut\r\nContent-Type: message/rfc822\r\n\r\n${forwarded}\r\n`;
    const broken = `--cut\r\nContent-Type: application/pdf; name=broken.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n%%%=not=base64==\r\n`;
    await using sandbox = await start([
      mail(parts).replace('--cut--', `${broken}--cut--`),
      mail([]).replace('--cut--', `${rfc822.replaceAll('cut', 'cut')}--cut--`),
      'Subject: hit\r\nContent-Type: multipart/mixed; boundary=never\r\n\r\nno part',
      'Subject: hit\r\n\r\nplain',
    ]);
    const rules = [rule({ files: ['*', 'image/*', 'message/rfc822'] })];
    assertEnded(await run(sandbox, rules), 0, { matched: 4, changed: 4, failed: 0 });
    const names = Object.keys(files());
    for (const name of ['empty.pdf', 'winmail.dat', 'smime.p7m', 'named.gif', 'broken.pdf'])
      assert.ok(names.includes(`saved/${name}`), `${name} of ${names}`);
    assert.ok(!Object.values(files()).includes('logo'));
    assert.equal(files()['saved/empty.pdf'], '');
  });
});

describe('job attachments with a message of more than 2 MB', () => {
  it('requests only the files that a rule means', async (t) => {
    const { files, run } = folderFor(t);
    const big = { type: 'video/mp4', content: Buffer.alloc(2_500_000, 'movie') };
    await using sandbox = await start([
      mail([
        { name: 'a.mp4', ...big },
        { name: 'b.pdf', content: 'b' },
      ]),
    ]);
    assertEnded(await run(sandbox, [rule({ files: ['*.pdf'] })]), 0, { changed: 1 });
    assert.deepEqual(files(), { 'saved/b.pdf': 'b' });
    assert.ok(sandbox.requests.filter(({ verb }) => verb === 'messages.attachments.get').length <= 1);
  });

  it('fails the message alone when Gmail does not give one of its files, and tries it again in the next run', async (t) => {
    const { files, run } = folderFor(t);
    const big = mail([{ name: 'big.bin', content: Buffer.alloc(2_500_000, 'big') }]);
    await using sandbox = await start([mail([{ name: 'a.pdf' }]), big, mail([{ name: 'b.pdf' }])]);
    const refusal = { error: { code: 400, message: 'Invalid', errors: [{ reason: 'invalidArgument' }] } };
    sandbox.faults.add({ verb: 'messages.attachments.get', status: 400, body: refusal });
    const ended = await run(sandbox, [rule()]);
    assertEnded(ended, 65, { changed: 2, failed: 1 });
    const failed = ended.events.find(({ event }) => event === 'message.failed');
    assert.ok(sandbox.mailbox.search('subject:hit').some(({ id }) => id === failed?.id));
    assert.deepEqual(Object.keys(files()), ['saved/a.pdf', 'saved/b.pdf']);
    assertEnded(await run(sandbox, [rule()]), 0, { matched: 1, changed: 1 });
    assert.deepEqual(Object.keys(files()), ['saved/a.pdf', 'saved/b.pdf', 'saved/big.bin']);
  });
});

describe('job attachments, disturbed,', () => {
  const sources = () => [
    mail([
      { name: 'a.pdf', content: 'one' },
      { name: 'a.pdf', content: 'two' },
    ]),
    mail([
      { name: 'a.pdf', content: 'two' },
      { name: 'a.pdf', content: 'three' },
    ]),
    mail([{ name: 'b.pdf', content: 'b' }]),
  ];
  const complete = (files: Record<string, string>) => {
    assert.deepEqual(Object.values(files).sort(), ['b', 'one', 'three', 'two']);
    assert.deepEqual(Object.keys(files).sort(), ['saved/a (2).pdf', 'saved/a (3).pdf', 'saved/a.pdf', 'saved/b.pdf']);
  };

  it('loses nothing and saves nothing twice when it is killed at any write to S3', async () => {
    await using whole = await start(sources());
    const env = (sandbox: Sandbox) => ({ EXPORT_URL: sandbox.s3.url('x') });
    const options = { jobs: 'fixtures', attachments: { rules: [rule()] }, unlocked: true } as const;
    assertEnded(await runJob(whole, ['attachments'], { ...options, env: env(whole) }), 0, { changed: 3 });
    const isWrite = ({ verb }: { verb: string }) => verb === 'PutObject';
    const writes = whole.requests.filter(isWrite).length;
    const contents = (sandbox: Sandbox) =>
      Object.fromEntries(
        [...sandbox.s3.objects].map(([key, { body }]) => [key.slice(2), Buffer.from(body).toString()]),
      );
    complete(contents(whole));
    const killAt = async (skip: number) => {
      await using sandbox = await start(sources());
      const child = new ChildHandle();
      sandbox.faults.add({ kind: 'hook', match: isWrite, skip, after: () => child.kill('SIGKILL') });
      const killed = await runJob(sandbox, ['attachments'], { ...options, env: env(sandbox), onStart: child.onStart });
      // Lanes race for a name, so that a run may write once less than the first one.
      assert.ok(killed.code === 137 || (killed.code === 0 && skip > writes - 3), `${killed.code} ${killed.stdout}`);
      sandbox.faults.clear();
      assertEnded(await runHere(sandbox, ['attachments'], { ...options, env: env(sandbox) }), 0);
      complete(contents(sandbox));
    };
    await Promise.all(Array.from({ length: writes }, (_, skip) => killAt(skip)));
  });

  it('saves each file once when two runs work at the same time', async (t) => {
    const { folder, files } = folderFor(t);
    await using sandbox = await start(sources());
    const options = { jobs: 'fixtures', attachments: { rules: [rule()] }, unlocked: true } as const;
    const runs = await Promise.all([1, 2, 3].map(() => runJob(sandbox, ['attachments', '--into', folder], options)));
    for (const ended of runs) assertEnded(ended, 0);
    complete(files());
  });

  it('marks the messages under way after SIGTERM, and goes on in the next run', async (t) => {
    const { files, run } = folderFor(t);
    await using sandbox = await start(Array.from({ length: 12 }, (_, index) => mail([{ name: `${index}.pdf` }])));
    const signals = new SentSignals();
    sandbox.faults.add({ kind: 'hook', verb: 'messages.modify', before: () => signals.send('SIGTERM') });
    const stopped = assertEnded(await run(sandbox, [rule()], [], { signals }), 143, { outcome: 'interrupted' });
    assert.ok(Number(stopped.changed) > 0 && Number(stopped.remaining) > 0);
    assertEnded(await run(sandbox, [rule()]), 0, { changed: Number(stopped.remaining) });
    assert.equal(Object.keys(files()).length, 12);
  });

  it('ends with 75 when S3 stays away, with 77 when it denies, and marks nothing', async () => {
    await using sandbox = await start([mail([{ name: 'a.pdf' }])]);
    const options = {
      jobs: 'fixtures',
      attachments: { rules: [rule()] },
      env: { EXPORT_URL: sandbox.s3.url() },
    } as const;
    sandbox.iam.deny(['s3:PutObject']);
    const denied = assertEnded(await runHere(sandbox, ['attachments'], options), 77, { changed: 0 });
    assert.match(String(denied.error), /access denied/);
    sandbox.iam.allowEverything();
    sandbox.faults.add({ service: 's3', status: 503, times: 1_000 });
    assertEnded(await runHere(sandbox, ['attachments', '--budget', '2m'], options), 75, { changed: 0 });
    sandbox.faults.clear();
    assertEnded(await runHere(sandbox, ['attachments'], options), 0, { changed: 1 });
  });

  it('names --allow-fs-write when the process may not write into the folder', async (t) => {
    const { folder } = folderFor(t);
    await using sandbox = await start([mail([{ name: 'a.pdf' }])]);
    const ended = await runJob(sandbox, ['attachments', '--into', folder], {
      jobs: 'fixtures',
      attachments: { rules: [rule()] },
    });
    const final = assertEnded(ended, 78, { changed: 0 });
    assert.match(`${final.remedy}`, /--allow-fs-(?:read|write)=/);
  });
});
