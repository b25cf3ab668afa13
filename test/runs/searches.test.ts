/** Searches that Gmail would understand differently are refused, in rules, options and jobs, and never sent. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runHere } from '../fixtures/front-door.ts';
import { mailboxOf } from '../fixtures/mailbox.ts';
import { apply, carrying, sandboxOf, told } from '../fixtures/starring.ts';
import { assertEnded, runJob } from '../run.ts';
import { startSandbox } from '../sandbox/index.ts';

const trashing = (query: string, protect?: string) => ({
  ...(protect === undefined ? {} : { protect }),
  rules: [{ name: 'old-promos', query, actions: { trash: true } }],
});

describe('a search that Gmail would understand differently', () => {
  it('is refused with 78 by a run, a dry run and a check, before any request to Gmail', async () => {
    await using sandbox = await sandboxOf();
    const rules = trashing('category:promotions -newer_than:2w -in:sent');
    const said = /rules\.yaml:\d+:\d+: .*query.* \(character 21\): .*weeks are unknown to Gmail: write -newer_than:14d/;
    for (const args of [[], ['--dry-run']]) {
      const final = assertEnded(await apply(sandbox, { rules }, args), 78, { outcome: 'failed', matched: 0 });
      assert.match(told(final), said);
    }
    assert.deepEqual(sandbox.requests, []);
    const check = await runJob(sandbox, ['check', '--json', '--jobs', 'apply-rules'], { rules });
    assert.equal(check.code, 78, check.stdout);
    assert.match(check.stdout, /weeks are unknown to Gmail: write -newer_than:14d/);
    assert.ok(sandbox.requests.every(({ verb }) => verb !== 'messages.list'));
    assert.equal(carrying(sandbox, 'TRASH'), 0);
  });

  it('is refused in protect, inside groups, in quotes and with similar-looking characters', async () => {
    await using sandbox = await sandboxOf();
    for (const [rules, said] of [
      [trashing('subject:hit -in:sent', '“is:starred”'), /protect.*“ \(U\+201C\)/],
      [trashing('subject:hit -in:sent', 'is:(starred unred)'), /protect.*is:unread/],
      [trashing('subject:hit -in:sent', 'is:starred or label:keep'), /protect.*write OR/],
      [trashing('subject:hit –is:starred'), /query.*U\+2013/],
      [trashing('subject:hit\u00a0-is:starred'), /query.*U\+00A0/],
      [trashing('subject:hit -{is:"stared" x}'), /query.*is:starred/],
      [trashing('subject:hit NOT is:starred'), /query.*-is:starred/],
      [trashing('subject:hit -newer_than;14d'), /query.*write -newer_than:14d/],
      [trashing('subject:hit -newer_than 14d'), /query.*write -newer_than:14d/],
      [trashing('subject:hit', 'from:boss@example.net+is:starred'), /protect.*second operator/],
      [trashing('subject:hit', 'is%3Astarred+from%3Aboss%40example.net'), /protect.*write is:starred from:boss@/],
      [trashing('"category:promotions older_than:3d"'), /query.*quotes inside quotes.*write category:promotions older/],
      [trashing('subject:hit', 'from:a@example.net,b@example.net'), /protect.*write \{from:a@example\.net from:b@/],
      [trashing('subject:hit filename:report*'), /query.*no wildcards.*write filename:report/],
      [trashing('subject:(hit OR x'), /query.*\(character 9\): "\(" is not closed/],
      [trashing('subject:hit', 'is:unstarred'), /protect.*write -is:starred/],
      [trashing('subject:hit newer_than:>30d'), /query.*write older_than:30d/],
      [trashing('subject:(hit from:Berlin)'), /query.*quotes: subject:"hit from:Berlin"/],
      [trashing('subject:hit -smaller:0'), /query.*"smaller:0" is no size/],
      [trashing('subject:hit', 'is starred'), /protect.*write is:starred, or "is starred"/],
      [trashing('subject:hit', 'subject:is:starred'), /protect.*second operator/],
      [trashing(`${'('.repeat(50_000)}hit${')'.repeat(50_000)}`), /query.*nested more than 100 deep/],
    ] as const) {
      const final = assertEnded(await runHere(sandbox, ['apply-rules'], { rules }), 78);
      assert.match(told(final), said);
      assert.ok(told(final).length < 500);
    }
    assert.deepEqual(sandbox.requests, []);
  });

  /** A rule whose label only a disabled rule adds. */
  const left = (term: string) => {
    const adds = { name: 'keep', query: 'subject:miss', actions: { addLabels: ['Kept'] }, enabled: false };
    return { rules: [...trashing(`subject:hit -in:sent -${term}`).rules, adds] };
  };

  it('is refused with 78 by a run, a dry run and a check when it protects or excludes a missing label', async () => {
    await using sandbox = await sandboxOf();
    for (const [rules, said] of [
      [trashing('subject:hit -in:sent', 'label:Archive'), /protect names the label "Archive".*in:archive/],
      [trashing('subject:hit -in:sent -label:Kept'), /rule old-promos: the query excludes the label "Kept"/],
      [trashing('subject:hit -in:sent', 'label:gmail-jobs/kept'), /protect names the label "gmail-jobs\/kept"/],
      [trashing('subject:hit -in:sent', 'is:starred OR label:^nothing'), /protect names the label "\^nothing"/],
      [trashing('in:promotions'), /rule old-promos: the query has "in:promotions".*mean category:promotions/],
      [trashing('{in:all is:unread}'), /rule old-promos: the query has "in:all".*mean in:anywhere/],
      [left('label:Kept'), /rule old-promos: the query excludes the label "Kept".*No enabled rule adds/],
      [
        trashing('subject:hit -in:sent -in:kept'),
        /rule old-promos: the query excludes "in:kept", which is neither a place/,
      ],
    ] as const) {
      for (const args of [[], ['--dry-run']]) {
        const final = assertEnded(await runHere(sandbox, ['apply-rules', ...args], { rules }), 78, { matched: 0 });
        assert.match(told(final), said);
      }
    }
    const rules = trashing('subject:hit -in:sent -label:Kept');
    const check = await runJob(sandbox, ['check', '--json', '--jobs', 'apply-rules'], { rules });
    assert.equal(check.code, 78, check.stdout);
    assert.match(check.stdout, /query excludes the label .{0,2}Kept/);
    assert.ok(sandbox.requests.every(({ verb }) => verb !== 'messages.list'));
    const made = { rules: [...rules.rules, { name: 'keep', query: 'subject:miss', actions: { addLabels: ['Kept'] } }] };
    assertEnded(await runHere(sandbox, ['apply-rules', '--rule', 'old-promos', '--dry-run'], { rules: made }), 0);
    const asked = { rules: [...trashing('in:kept -in:sent').rules, ...made.rules.slice(1)] };
    assertEnded(await runHere(sandbox, ['apply-rules', '--dry-run'], { rules: asked }), 0);
    assertEnded(
      await runHere(sandbox, ['apply-rules', '--dry-run'], {
        rules: trashing('is:unread', 'label:gmail-jobs/journal'),
      }),
      0,
    );
    assert.equal(carrying(sandbox, 'TRASH'), 0);
  });

  it('is refused with 2 as the value of an option', async () => {
    await using sandbox = await sandboxOf();
    const run = await runHere(sandbox, ['searching', '--query', 'is:stared'], { jobs: 'fixtures' });
    assert.equal(run.code, 2);
    assert.match(run.stderr, /--query.*"is:stared" is unknown to Gmail: write is:starred/);
    assert.deepEqual(sandbox.requests, []);
  });

  it('exits 1 when a job composes it, and is not sent', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf([{}]) });
    const search = (...args: string[]) => runHere(sandbox, ['searching', ...args], { jobs: 'fixtures' });
    const final = assertEnded(await search('--age', '2w'), 1, { outcome: 'failed' });
    assert.match(told(final), /the job built an invalid search.*weeks are unknown to Gmail: write older_than:14d/);
    assert.ok(sandbox.requests.every(({ verb }) => verb !== 'messages.list'));
    for (const query of ['in:inbx', 'is:unread -in:gone']) {
      assert.match(told(assertEnded(await search('--query', query), 1)), /invalid search.*neither a place/);
    }
    assert.ok(sandbox.requests.every(({ verb }) => verb !== 'messages.list'));
    assertEnded(await search('--age', '14d', '--query', '{is:unread in:inbox} -label:gone'), 0);
  });
});
