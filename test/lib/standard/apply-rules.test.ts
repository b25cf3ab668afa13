import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before as beforeAll, describe, it } from 'node:test';
import { runHere } from '../../fixtures/front-door.ts';
import { mailboxOf, many, type PlainMessage } from '../../fixtures/mailbox.ts';
import { writesAmong } from '../../fixtures/starring.ts';
import { assertEnded, type Finished, runJob } from '../../run.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/index.ts';
import type { SandboxMailboxOptions } from '../../sandbox/mailbox.ts';

/** Labels of one message, by name. */
type Labels = ReadonlySet<string>;

/** Messages of this subject with every combination of the labels that actions change, and some where no rule looks. */
function everyState(subject: string): PlainMessage[] {
  const changeable = ['INBOX', 'UNREAD', 'STARRED', 'IMPORTANT', 'Old'];
  const messages = Array.from({ length: 2 ** changeable.length }, (_, bits) => ({
    subject,
    labels: changeable.filter((_, bit) => (bits & (1 << bit)) !== 0),
  }));
  const elsewhere = ['TRASH', 'SPAM', 'DRAFT', 'CHAT'].map((place) => ({ subject, labels: [place, 'UNREAD'] }));
  return [...messages, ...elsewhere, { subject, labels: ['SENT'] }];
}

/** The labels that a matching message must have afterwards. */
const EFFECTS: Readonly<Record<string, { actions: object; effect: (before: Labels) => Labels }>> = {
  archive: { actions: { archive: true }, effect: without('INBOX') },
  trash: { actions: { trash: true }, effect: (labels) => having('TRASH')(without('INBOX')(labels)) },
  markRead: { actions: { markRead: true }, effect: without('UNREAD') },
  markUnread: { actions: { markUnread: true }, effect: having('UNREAD') },
  star: { actions: { star: true }, effect: having('STARRED') },
  unstar: { actions: { unstar: true }, effect: without('STARRED') },
  markImportant: { actions: { markImportant: true }, effect: having('IMPORTANT') },
  markUnimportant: { actions: { markUnimportant: true }, effect: without('IMPORTANT') },
  'addLabels of a new label': { actions: { addLabels: ['A/B & "C"'] }, effect: having('A/B & "C"') },
  'addLabels of a label that exists': { actions: { addLabels: ['old'] }, effect: having('Old') },
  'removeLabels of a label that exists': { actions: { removeLabels: ['OLD'] }, effect: without('Old') },
  'removeLabels of a label that does not exist': { actions: { removeLabels: ['Nowhere'] }, effect: without('Nowhere') },
  'several at once': {
    actions: { archive: true, markRead: true, star: true, addLabels: ['New', 'Old'] },
    effect: (labels) => having('STARRED', 'New', 'Old')(without('INBOX', 'UNREAD')(labels)),
  },
};

function having(...names: string[]) {
  return (labels: Labels): Labels => new Set([...labels, ...names]);
}

function without(...names: string[]) {
  return (labels: Labels): Labels => new Set([...labels].filter((label) => !names.includes(label)));
}

/** A rule for the messages whose subject is `hit`. */
function rule(name: string, actions: object, more: object = {}): object {
  return { name, query: 'subject:hit', actions, ...more };
}

async function sandboxOf(
  messages: readonly PlainMessage[],
  options: SandboxOptions & { mailboxOptions?: Partial<SandboxMailboxOptions> } = {},
): Promise<Sandbox> {
  const { mailboxOptions, ...rest } = options;
  return startSandbox({ mailbox: mailboxOf(messages, mailboxOptions), ...rest });
}

/** Runs the job in the test's process or as the built program; without a journal, unless the rules ask for one. */
function apply(
  sandbox: Sandbox,
  rules: object | object[],
  args: readonly string[] = [],
  { built = false }: { built?: boolean } = {},
): Promise<Finished> {
  const run = built ? runJob : runHere;
  return run(sandbox, ['apply-rules', ...args], {
    rules: { undo: false, ...(Array.isArray(rules) ? { rules } : rules) },
  });
}

function count(sandbox: Sandbox, verb: string): number {
  return sandbox.requests.filter((request) => request.verb === verb).length;
}

/** The ids of all batches, in order. */
function batches(sandbox: Sandbox): string[][] {
  return sandbox.requests
    .filter(({ verb }) => verb === 'messages.batchModify')
    .map(({ body }) => (body as { ids: string[] }).ids);
}

function planned(run: Finished): Record<string, unknown> {
  return Object.fromEntries(
    run.events
      .filter(({ event }) => event === 'rule.planned')
      .map(({ rule, matched, skipped, toChange }) => [rule, { matched, skipped, toChange }]),
  );
}

describe('each action of apply-rules', () => {
  // One run has a rule for each action; each rule has its own messages.
  const cases = Object.entries(EFFECTS).map(([name, { actions, effect }], index) => {
    const subject = `hit${index}`;
    return { name, effect, subject, rule: { name: `rule-${index}`, query: `subject:${subject}`, actions } };
  });
  const rules = cases.map((one) => one.rule);
  let sandbox: Sandbox;
  let before: Record<string, string[]>;
  let run: Finished;

  /** The part of `snapshot` for the messages of a subject: message id → labels. */
  const labelsOf = (subject: string, snapshot: Record<string, string[]>) =>
    Object.fromEntries(Object.entries(snapshot).filter(([id]) => sandbox.mailbox.get(id)?.subject === subject));

  beforeAll(async () => {
    sandbox = await sandboxOf([...cases, { subject: 'miss' }].flatMap(({ subject }) => everyState(subject)));
    before = sandbox.mailbox.snapshot();
    run = await apply(sandbox, rules, [], { built: true });
  });
  after(() => sandbox.close());

  for (const { name, effect, subject, rule } of cases) {
    it(`changes exactly what it should: ${name}`, () => {
      const found = labelsOf(subject, before);
      assert.equal(Object.keys(found).length, 37);
      const wanted = Object.fromEntries(
        Object.entries(found).map(([id, names]) => {
          const labels = new Set(names);
          const left = ['TRASH', 'SPAM', 'DRAFT', 'CHAT'].some((place) => labels.has(place));
          return [id, [...(left ? labels : effect(labels))].sort()];
        }),
      );
      const differing = Object.keys(wanted).filter((id) => String(wanted[id]) !== String(found[id])).length;
      assert.deepEqual(planned(run)[rule.name], { matched: differing, skipped: 0, toChange: differing });
      assert.deepEqual(labelsOf(subject, sandbox.mailbox.snapshot()), wanted);
    });
  }

  it('leaves all other messages alone, and has nothing to do in a second run', async () => {
    const { changed } = assertEnded(run, 0, { outcome: 'ok', skipped: 0 });
    const planned = run.events.filter(({ event }) => event === 'rule.planned').map(({ matched }) => Number(matched));
    assert.equal(
      changed,
      planned.reduce((sum, matched) => sum + matched),
    );
    assert.deepEqual(labelsOf('miss', sandbox.mailbox.snapshot()), labelsOf('miss', before));
    const already = sandbox.requests.length;
    assertEnded(await apply(sandbox, rules), 0, { outcome: 'nothing-to-do', matched: 0 });
    assert.deepEqual(writesAmong(sandbox.requests.slice(already)), []);
  });
});

describe('apply-rules', { concurrency: 4 }, () => {
  it('trashes spam that a rule asks for, and takes it out of spam', async () => {
    await using sandbox = await sandboxOf([{ labels: ['SPAM', 'UNREAD'] }, { labels: ['INBOX'] }]);
    const [spam = '', other = ''] = Object.keys(sandbox.mailbox.snapshot());
    const rules = [{ name: 'spam', query: 'in:spam subject:hit', actions: { trash: true } }];
    assertEnded(await apply(sandbox, rules), 0, { changed: 1 });
    assert.deepEqual(sandbox.mailbox.snapshot(), { [spam]: ['TRASH', 'UNREAD'], [other]: ['INBOX'] });
  });

  it('changes no message that protect finds, whichever rule matches it', async () => {
    const messages = [
      { labels: ['INBOX', 'STARRED'] },
      { labels: ['INBOX', 'keep'] },
      { labels: ['INBOX'] },
      { labels: ['INBOX', 'UNREAD'] },
    ];
    await using sandbox = await sandboxOf(messages);
    const [starred = '', kept = '', ...free] = Object.keys(sandbox.mailbox.snapshot());
    const rules = [rule('one', { archive: true }), { name: 'two', query: 'in:inbox', actions: { trash: true } }];
    const run = await apply(sandbox, { protect: 'is:starred OR label:keep', rules });
    // The first rule archives the two free messages, the second one trashes them.
    assertEnded(run, 0, { matched: 4, changed: 4 });
    const after = sandbox.mailbox.snapshot();
    assert.deepEqual(
      [after[starred], after[kept]],
      [
        ['INBOX', 'STARRED'],
        ['INBOX', 'keep'],
      ],
    );
    for (const id of free) assert.ok(after[id]?.includes('TRASH') && !after[id]?.includes('INBOX'), String(after[id]));
  });

  it('exits 78 and names the label when protect names a missing label', async () => {
    await using sandbox = await sandboxOf(many(3, {}));
    const run = await apply(sandbox, { protect: 'label:keeep', rules: [rule('one', { trash: true })] });
    const final = assertEnded(run, 78, { outcome: 'failed', changed: 0 });
    assert.match(String(final.error), /keeep/);
    assert.deepEqual(writesAmong(sandbox.requests), []);
  });

  it('spares the newest matches, protected ones included', async () => {
    const messages = [{ labels: ['INBOX', 'STARRED'] }, ...many(5, {}), { subject: 'miss' }];
    await using sandbox = await sandboxOf(messages);
    const ids = Object.keys(sandbox.mailbox.snapshot());
    const rules = { protect: 'is:starred', rules: [rule('one', { archive: true }, { keepNewest: 3 })] };
    const run = await apply(sandbox, rules);
    assertEnded(run, 0, { matched: 5, changed: 3, skipped: 2 });
    const inInbox = ids.filter((id) => sandbox.mailbox.get(id)?.labelIds.has('INBOX'));
    // Unchanged are the starred message, the two newest others, and the last, which does not match.
    assert.deepEqual(inInbox, [...ids.slice(0, 3), ids[6]]);

    const already = sandbox.requests.length;
    assertEnded(await apply(sandbox, rules), 0, { outcome: 'nothing-to-do', matched: 2, skipped: 2 });
    assert.deepEqual(writesAmong(sandbox.requests.slice(already)), []);
  });

  it('counts a message once for each rule that changes it', async () => {
    await using sandbox = await sandboxOf([...many(4, { labels: ['INBOX', 'UNREAD'] }), ...many(2, {})]);
    const run = await apply(sandbox, [rule('read', { markRead: true }), rule('stars', { star: true })]);
    assertEnded(run, 0, { matched: 10, changed: 10, skipped: 0 });
    assert.deepEqual(planned(run), {
      read: { matched: 4, skipped: 0, toChange: 4 },
      stars: { matched: 6, skipped: 0, toChange: 6 },
    });
  });

  it('leaves messages that an earlier rule trashes, or changes in the same way, out of later rules', async () => {
    await using sandbox = await sandboxOf([...many(3, { subject: 'hit code' }), ...many(4, {})]);
    const run = await apply(sandbox, [
      { name: 'codes', query: 'subject:code', actions: { trash: true } },
      rule('archived', { archive: true, addLabels: ['Done'] }),
      rule('again', { archive: true }),
    ]);
    assertEnded(run, 0, { matched: 17, changed: 7, skipped: 10 });
    const states = Object.values(sandbox.mailbox.snapshot()).map(String).sort();
    assert.deepEqual(states, ['Done', 'Done', 'Done', 'Done', 'TRASH', 'TRASH', 'TRASH']);
    assert.equal(batches(sandbox).flat().length, 7);
  });

  it('applies the later of two rules that undo each other, with a warning, and counts correctly', async () => {
    await using sandbox = await sandboxOf(many(3, {}));
    const run = await apply(sandbox, [rule('on', { star: true }), rule('off', { unstar: true, archive: true })]);
    assertEnded(run, 0, { matched: 6, changed: 6 });
    assert.ok(Object.values(sandbox.mailbox.snapshot()).every((labels) => labels.length === 0));
    assert.match(run.stdout, /"event":"rules.warning","rule":"on","warning":"[^"]*undo each other/);
  });

  it('uses the existing label for another spelling of its name', async () => {
    await using sandbox = await sandboxOf([{}, { labels: ['INBOX', 'Auto-Archived'] }]);
    const rules = [rule('one', { addLabels: ['auto/archived'] })];
    assertEnded(await apply(sandbox, rules), 0, { matched: 1, changed: 1 });
    assert.equal(count(sandbox, 'labels.create'), 0);
    assert.deepEqual(Object.values(sandbox.mailbox.snapshot()), [
      ['Auto-Archived', 'INBOX'],
      ['Auto-Archived', 'INBOX'],
    ]);
  });

  it('uses the label that a parallel run made first, whatever its spelling', async () => {
    await using sandbox = await sandboxOf(many(3, {}));
    const met = sandbox.faults.add({
      kind: 'hook',
      verb: 'labels.create',
      before: () => sandbox.mailbox.createLabel('Auto-archived'),
    });
    const run = await apply(sandbox, [rule('one', { addLabels: ['Auto/Archived'] })]);
    assertEnded(run, 0, { changed: 3, failed: 0 });
    assert.equal(met.hits, 1);
    assert.deepEqual(Object.values(sandbox.mailbox.snapshot())[0], ['Auto-archived', 'INBOX']);
  });

  it('creates a label that two rules share once, and none for a rule without matches', async () => {
    await using sandbox = await sandboxOf([...many(3, {}), { subject: 'miss' }]);
    const run = await apply(sandbox, [
      rule('one', { addLabels: ['Shared'] }),
      { name: 'two', query: 'subject:miss', actions: { addLabels: ['shared'] } },
      { name: 'three', query: 'subject:nothing', actions: { addLabels: ['Unused'] } },
    ]);
    assertEnded(run, 0, { changed: 4 });
    assert.equal(count(sandbox, 'labels.create'), 1);
    assert.ok(Object.values(sandbox.mailbox.snapshot()).every((labels) => labels.includes('Shared')));
  });

  it('applies only the rules that --rule names, in the order of the file, and exits 2 with the nearest name for another', async () => {
    await using sandbox = await sandboxOf(many(3, {}));
    const rules = [
      rule('archive-it', { archive: true }),
      rule('star-it', { star: true }),
      rule('read-it', { markRead: true }),
      rule('off', { trash: true }, { enabled: false }),
    ];
    for (const [args, named] of [
      [['--rule=archive-itt'], /there is no rule "archive-itt" \(did you mean "archive-it"\?\)/],
      [['--rule', 'star-it', '--rule', 'nonsense'], /there is no rule "nonsense"/],
      [['--rule', 'star-it', '--rule', 'off'], /the rule "off" is disabled/],
      [['--rule', ''], /there is no rule ""/],
    ] as const) {
      const wrong = await apply(sandbox, rules, args);
      assert.equal(wrong.code, 2);
      assert.match(wrong.stderr, named);
      assert.doesNotMatch(wrong.stdout, /run\.finished/);
    }
    const run = await apply(sandbox, rules, ['--rule', 'star-it', '--rule=archive-it', '--rule', 'star-it']);
    assertEnded(run, 0, { matched: 6, changed: 6 });
    const planned = run.events.filter(({ event }) => event === 'rule.planned').map((event) => event.rule);
    assert.deepEqual(planned, ['archive-it', 'star-it']);
    assert.deepEqual(Object.values(sandbox.mailbox.snapshot())[0], ['STARRED']);
  });

  it('skips disabled rules, and refuses --rule with one', async () => {
    await using sandbox = await sandboxOf(many(3, {}));
    const rules = [rule('off', { trash: true }, { enabled: false }), rule('on', { star: true }, { enabled: true })];
    assertEnded(await apply(sandbox, rules), 0, { matched: 3, changed: 3 });
    assert.deepEqual(Object.values(sandbox.mailbox.snapshot())[0], ['INBOX', 'STARRED']);
    const alone = await apply(sandbox, rules, ['--rule', 'off']);
    assert.equal(alone.code, 2);
    assert.match(alone.stderr, /disabled/);
  });

  it('stops with 65 before the first change when the whole plan exceeds maxChanges', async () => {
    await using sandbox = await sandboxOf(many(6, {}));
    const before = sandbox.mailbox.snapshot();
    const rules = [rule('one', { star: true }), rule('two', { archive: true, addLabels: ['New'] })];
    const run = await apply(sandbox, { maxChanges: 11, rules });
    const final = assertEnded(run, 65, { outcome: 'failed', matched: 12, changed: 0, remaining: 12 });
    assert.match(String(final.error), /\b12\b.*\b11\b/);
    assert.match(String(final.remedy), /--max-changes/);
    assert.deepEqual(writesAmong(sandbox.requests), []);
    assert.deepEqual(sandbox.mailbox.snapshot(), before);

    assertEnded(await apply(sandbox, { maxChanges: 11, rules }, ['--max-changes', '11']), 65, { changed: 0 });
    assertEnded(await apply(sandbox, { maxChanges: 11, rules }, ['--max-changes', '12']), 0, { changed: 12 });
  });

  it('limits the changes of one run with --max-changes', async () => {
    await using sandbox = await sandboxOf(many(6, {}));
    const run = await apply(sandbox, [rule('one', { star: true })], ['--max-changes', '5']);
    assertEnded(run, 65, { changed: 0, remaining: 6 });
    const wrong = ['0', '-1', '5k', ''].map(async (value) => {
      const { code } = await apply(sandbox, [rule('one', { star: true })], [`--max-changes=${value}`]);
      assert.equal(code, 2, `--max-changes=${value}`);
    });
    await Promise.all(wrong);
    assert.deepEqual(writesAmong(sandbox.requests), []);
  });

  it('reads RULES_FILE relative to the working folder, and without it the rules.yaml of the build', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gmail-jobs-'));
    try {
      await writeFile(join(folder, 'my.yaml'), JSON.stringify({ rules: [rule('mine', { star: true })] }));
      await using sandbox = await sandboxOf(many(2, {}));
      const relative = { env: { RULES_FILE: 'my.yaml' }, cwd: folder };
      assertEnded(await runJob(sandbox, ['apply-rules'], relative), 0, { changed: 2 });
      const own = await runJob(sandbox, ['apply-rules'], { cwd: folder });
      assertEnded(own, 0, { outcome: 'nothing-to-do' });
      assert.deepEqual(Object.keys(planned(own)), ['old-newsletters', 'old-social', 'large-mail']);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('logs in a dry run what every rule would change, and sends no change', async () => {
    await using sandbox = await sandboxOf([...many(1_200, {}), ...many(3, { subject: 'hit code' })]);
    const before = sandbox.mailbox.snapshot();
    const rules = [
      { name: 'codes', query: 'subject:code', actions: { trash: true } },
      rule('rest', { archive: true, addLabels: ['New'] }, { keepNewest: 2 }),
    ];
    const run = await apply(sandbox, rules, ['--dry-run']);
    assertEnded(run, 0, { outcome: 'ok', matched: 1_206, changed: 0, skipped: 5, remaining: 1_201, dryRun: true });
    assert.deepEqual(planned(run), {
      codes: { matched: 3, skipped: 0, toChange: 3 },
      rest: { matched: 1_203, skipped: 5, toChange: 1_198 },
    });
    assert.deepEqual(writesAmong(sandbox.requests), []);
    assert.deepEqual(sandbox.mailbox.snapshot(), before);
    assert.equal(run.final?.resume, undefined);
    assert.doesNotMatch(run.stdout, /label\.created|rule\.applied/);
  });

  it('checks the guard in a dry run, too', async () => {
    await using sandbox = await sandboxOf(many(6, {}));
    const rules = { maxChanges: 5, rules: [rule('one', { star: true })] };
    assertEnded(await apply(sandbox, rules, ['--dry-run']), 65, { matched: 6, changed: 0, remaining: 6 });
  });

  it('leaves the same mailbox when searches lag behind the previous run', async () => {
    await using sandbox = await sandboxOf(many(5, {}), { mailboxOptions: { searchLagMs: 60_000 } });
    const rules = [rule('one', { archive: true, addLabels: ['New'] }), rule('two', { trash: true }, { keepNewest: 2 })];
    assertEnded(await apply(sandbox, rules), 0, { changed: 8 });
    const after = sandbox.mailbox.snapshot();
    assertEnded(await apply(sandbox, rules), 0, { failed: 0, remaining: 0 });
    assert.deepEqual(sandbox.mailbox.snapshot(), after);
    sandbox.mailbox.searchLagMs = 0;
    const already = sandbox.requests.length;
    assertEnded(await apply(sandbox, rules), 0, { outcome: 'nothing-to-do' });
    assert.deepEqual(writesAmong(sandbox.requests.slice(already)), []);
  });

  it('changes 5,000 of 20,000 messages with at most 1.1 times the least possible quota units', async () => {
    const messages = Array.from({ length: 20_000 }, (_, index) => ({ subject: index % 4 === 0 ? 'hit' : 'miss' }));
    await using sandbox = await sandboxOf(messages);
    const run = await apply(sandbox, [rule('one', { archive: true, addLabels: ['New'] })]);
    assertEnded(run, 0, { matched: 5_000, changed: 5_000, retries: 0 });
    const inInbox = Object.values(sandbox.mailbox.snapshot()).filter((labels) => labels.includes('INBOX'));
    assert.equal(inInbox.length, 15_000);

    // Ten pages of 500, five batches of 1,000, one labels.list, one labels.create.
    const least = 10 * 5 + 5 * 50 + 1 + 5;
    assert.ok(sandbox.gmail.quota.totalUnits <= 1.1 * least, `${sandbox.gmail.quota.totalUnits} units`);
    assert.equal(run.final?.quotaUnits, sandbox.gmail.quota.totalUnits);
    assert.equal(run.final?.requests, sandbox.requests.filter(({ service }) => service === 'gmail').length);
    assert.deepEqual(
      batches(sandbox).map((ids) => ids.length),
      [1_000, 1_000, 1_000, 1_000, 1_000],
    );
    assert.equal(new Set(batches(sandbox).flat()).size, 5_000);
  });

  it('reads every page before the first change', async () => {
    await using sandbox = await sandboxOf(many(1_501, {}));
    assertEnded(await apply(sandbox, [rule('one', { archive: true })]), 0, { changed: 1_501 });
    const verbs = sandbox.requests.map(({ verb }) => verb);
    // Four pages, and one more search at the end for messages that shifting pages hid.
    const lists = verbs.flatMap((verb, at) => (verb === 'messages.list' ? [at] : []));
    assert.equal(lists.length, 5);
    assert.ok((lists[3] ?? 0) < verbs.indexOf('messages.batchModify'));
    assert.ok((lists[4] ?? 0) > verbs.lastIndexOf('messages.batchModify'));
    assert.deepEqual(
      batches(sandbox)
        .map(({ length }) => length)
        .sort(),
      [1_000, 501],
    );
  });

  it('lists the labels once when there is nothing to do', async () => {
    await using sandbox = await sandboxOf(many(2, {}));
    assertEnded(await apply(sandbox, [rule('one', { unstar: true }), rule('two', { markRead: true })]), 0);
    assert.equal(count(sandbox, 'labels.list'), 1);
  });

  it('leaves alone a journal that another run wrote before this run knew the label of journals', async () => {
    await using sandbox = await sandboxOf(many(3, { labels: [] }));
    const { mailbox } = sandbox;
    const before = async () => {
      const { id } = mailbox.createLabel('gmail-jobs/journal');
      await mailbox.insert('Subject: hit\r\n\r\n', [id]);
    };
    sandbox.faults.add({ kind: 'hook', verb: 'messages.list', before });
    assertEnded(await apply(sandbox, [rule('all', { trash: true })]), 0, { matched: 3, changed: 3 });
    const labels = Object.values(mailbox.snapshot()).map((names) => names.join());
    assert.deepEqual(labels.sort(), ['TRASH', 'TRASH', 'TRASH', 'gmail-jobs/journal']);
  });

  it('searches again at its end for messages that moved between its pages', async () => {
    await using sandbox = await sandboxOf(many(1_600, {}));
    const ids = sandbox.mailbox.messages().map(({ id }) => id);
    // A change after the second page: the third page then begins 300 messages later in the list.
    const archive = () => sandbox.mailbox.modify(ids.slice(0, 300), [], ['INBOX']);
    sandbox.faults.add({ kind: 'hook', verb: 'messages.list', skip: 1, after: archive });
    const rules = [{ name: 'one', query: 'in:inbox', actions: { archive: true } }];
    assertEnded(await apply(sandbox, rules), 0, { outcome: 'ok', remaining: 0 });
    const left = Object.values(sandbox.mailbox.snapshot()).filter((labels) => labels.includes('INBOX'));
    assert.equal(left.length, 0);
  });

  it('ignores in later searches messages that the run changed', async () => {
    const mail = Array.from({ length: 2_000 }, (_, index) => ({
      labels: ['INBOX', ...(index % 50 === 0 ? ['STARRED'] : []), ...(index % 70 === 0 ? ['UNREAD'] : [])],
    }));
    await using sandbox = await sandboxOf(mail);
    const rules = {
      maxChanges: 2_100,
      rules: [rule('stars', { star: true }), { name: 'off', query: 'older_than:1d', actions: { unstar: true } }],
    };
    assertEnded(await apply(sandbox, rules, ['--dry-run']), 0, { remaining: 2_000 });
    assertEnded(await apply(sandbox, rules), 0, { changed: 2_000, remaining: 0 });
    const starred = Object.values(sandbox.mailbox.snapshot()).filter((labels) => labels.includes('STARRED'));
    assert.equal(starred.length, 1_960);
  });

  it('checks the guards again for messages found at its end, and says how many it has changed', async () => {
    await using sandbox = await sandboxOf(many(700, {}));
    // Mail arrives while batches are sent.
    const arrive = async () => {
      for (let count = 0; count < 5; count += 1) await sandbox.mailbox.insert('Subject: hit\r\n\r\n', ['INBOX']);
    };
    sandbox.faults.add({ kind: 'hook', verb: 'messages.batchModify', before: arrive });
    const limited = rule('one', { archive: true }, { keepNewest: 2, maxChanges: 700 });
    const run = await apply(sandbox, { undo: true, rules: [limited] });
    const final = assertEnded(run, 65, { outcome: 'failed', matched: 705, changed: 698, skipped: 4, remaining: 3 });
    assert.match(
      String(final.error),
      /701 messages, but the limit is 700\. 698 messages were changed; the new ones were not/,
    );
    const inInbox = Object.values(sandbox.mailbox.snapshot()).filter((labels) => labels.includes('INBOX'));
    // Two messages that were spared at first, and five that arrived.
    assert.equal(inInbox.length, 7);
    assertEnded(await runHere(sandbox, ['undo', String(final.runId), '--yes']), 0, { changed: 698, skipped: 0 });
  });

  it('counts messages as failed when Gmail refuses their batch, changes the others, and exits 65', async () => {
    await using sandbox = await sandboxOf([...many(2_500, {}), ...many(3, { subject: 'other' })]);
    const fault = { verb: 'messages.batchModify', skip: 1, status: 400 } as const;
    sandbox.faults.add({ ...fault, body: { error: { code: 400, message: 'Invalid ids', errors: [] } } });
    const rules = [rule('one', { archive: true }), { name: 'two', query: 'subject:other', actions: { star: true } }];
    const run = await apply(sandbox, rules);
    const final = assertEnded(run, 65, { outcome: 'failed', matched: 2_503, remaining: 0 });
    const refused = batches(sandbox)[1]?.length;
    assert.equal(final.failed, refused);
    const archived = Object.values(sandbox.mailbox.snapshot()).filter((labels) => !labels.includes('INBOX')).length;
    assert.equal(archived, 2_500 - Number(refused));
    assert.equal(final.changed, 2_503 - Number(refused));
    assertEnded(await apply(sandbox, rules), 0, { matched: refused, changed: refused });
  });

  it('keeps subjects, senders and bodies out of its log', async () => {
    await using sandbox = await sandboxOf(many(3, { subject: 'hit confidential' }));
    for (const args of [['--dry-run'], []]) {
      const rules = { undo: false, rules: [rule('one', { star: true })] };
      const run = await runJob(sandbox, ['apply-rules', ...args], { rules, env: { LOG_LEVEL: 'debug' } });
      assertEnded(run, 0, { matched: 3 });
      assert.doesNotMatch(run.stdout + run.stderr, /confidential|joerg|Weiß|Grüße/);
    }
  });
});
