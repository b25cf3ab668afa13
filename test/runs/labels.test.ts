/** Labels in whole runs: which names are refused, and which label of the mailbox a name means. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runHere } from '../fixtures/front-door.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { apply, carrying, STAR, sandboxOf } from '../fixtures/starring.ts';
import { assertEnded, type LogEvent, runJob } from '../run.ts';
import type { RecordedRequest } from '../sandbox/http.ts';
import { googleErrors, type Sandbox, startSandbox } from '../sandbox/index.ts';

/** A rules file with one rule whose actions are in the last line. */
function rulesWith(actions: string): string {
  return `undo: false\nrules:\n  - name: one\n    query: subject:hit\n    actions: ${actions}\n`;
}

describe('a label that no rule may change', () => {
  it('exits 78 with file, line and column in a run, a dry run and a check, before any request to Gmail', async () => {
    await using sandbox = await sandboxOf();
    const before = sandbox.mailbox.snapshot();
    const rules = rulesWith('{ addLabels: [Fine, "Gmail-Jobs/journal", Muted], removeLabels: ["a//b", "gmail jobs"] }');
    const places = ['5:34: .*reserves', '5:56: .*"Muted"', '5:79: .*empty part', '5:87: .*"gmail jobs"'];
    const expected = new RegExp(places.map((place) => `rules\\.yaml:${place}`).join('.*'));
    for (const args of [[], ['--dry-run']]) {
      const final = assertEnded(await apply(sandbox, { rules }, args), 78, { outcome: 'failed', matched: 0 });
      assert.match(String(final.error), expected);
    }
    assert.deepEqual(sandbox.requests, []);
    const { code, stdout } = await runJob(sandbox, ['check', '--json'], { rules });
    assert.equal(code, 78);
    assert.match(JSON.parse(stdout).lines.find(({ id }: { id: string }) => id === 'apply-rules').detail, expected);
    assert.deepEqual(sandbox.mailbox.snapshot(), before);
  });

  it('does not include system labels, in upper or lower case, and searches for labels of the program', async () => {
    await using sandbox = await sandboxOf(3);
    const rules = `undo: false\nrules:\n  - name: one\n    query: subject:hit -label:gmail-jobs/journal\n    actions: { addLabels: [starred], removeLabels: [Inbox] }\n`;
    assertEnded(await runHere(sandbox, ['apply-rules'], { rules }), 0, { changed: 3 });
    for (const labels of Object.values(sandbox.mailbox.snapshot())) assert.deepEqual(labels, ['STARRED']);
  });

  it('exits 1 when a job uses a reserved label, also in a dry run, and changes nothing', async () => {
    await using sandbox = await sandboxOf(3);
    const before = sandbox.mailbox.snapshot();
    for (const args of [
      ['--add', 'gmail-jobs/completed'],
      ['--remove', 'gmail-jobs-journal'],
      ['--make', 'gmail-jobs/mine'],
      ['--add', 'Snoozed', '--dry-run'],
    ]) {
      const run = await runHere(sandbox, ['labelling', ...args], { jobs: 'fixtures' });
      const final: LogEvent = assertEnded(run, 1, { outcome: 'failed', changed: 0 });
      assert.match(String(final.error), /changes a label that jobs may not change: its name is "/);
    }
    assert.deepEqual(sandbox.mailbox.snapshot(), before);
    assert.ok(sandbox.mailbox.labels().every(({ type }) => type === 'system'));
  });
});

/** The searches that Gmail got. */
function searches(sandbox: Sandbox): string[] {
  return sandbox.requests.filter(({ verb }) => verb === 'messages.list').map(({ query }) => query.get('q') ?? '');
}

describe('a label that the mailbox spells differently', () => {
  const labels = ['Clients / Acme', 'Cafe\u0301', 'Q&A', 'Q A', 'Kept-Mail'];

  it("has the mailbox's spelling in searches and changes, is logged once, and leaves nothing for a second run", async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {}), { labels }) });
    const rules = {
      protect: 'label:kept/mail',
      rules: [
        { name: 'one', query: 'subject:hit', actions: { addLabels: ['Clients/Acme', 'Caf\u00e9', 'Q A'] } },
        { name: 'two', query: 'subject:hit -label:"Q&A"', actions: { addLabels: ['Clients/Acme'], star: true } },
      ],
    };
    const run = await apply(sandbox, { rules });
    assertEnded(run, 0, { changed: 6 });
    const expected = ['INBOX', 'STARRED', 'Clients / Acme', 'Cafe\u0301', 'Q A'].sort();
    const hits = Object.values(sandbox.mailbox.snapshot()).filter((names) => names.includes('INBOX'));
    assert.deepEqual(hits, [expected, expected, expected]);
    const matched = run.events.filter(({ event }) => event === 'label.matched');
    assert.deepEqual(matched.map(({ written, label }) => `${written} is ${label}`).sort(), [
      'Caf\u00e9 is Cafe\u0301',
      'Clients/Acme is Clients / Acme',
      'kept/mail is Kept-Mail',
    ]);
    for (const query of searches(sandbox)) assert.doesNotMatch(query, /Clients\/Acme|kept\/mail|Caf\u00e9/);
    assertEnded(await runHere(sandbox, ['apply-rules'], { rules }), 0, { outcome: 'nothing-to-do' });
  });

  it('may have a name that Gmail refuses for new labels, in a run, a dry run and a check', async () => {
    const odd = ['Foo ', 'Foo  Bar', 'Tab\tbed', 'a//b'];
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {}), { labels: odd }) });
    const addLabels = ['Foo', 'Foo Bar', 'Tab bed'];
    const rules = { rules: [{ name: 'one', query: 'subject:hit -in:sent', actions: { addLabels } }] };
    const check = await runJob(sandbox, ['check', '--jobs', 'apply-rules'], { rules });
    assert.equal(check.code, 0, check.stdout);
    assertEnded(await runHere(sandbox, ['apply-rules', '--dry-run'], { rules }), 0, { matched: 3 });
    assertEnded(await runHere(sandbox, ['apply-rules'], { rules }), 0, { changed: 3 });
    const hits = Object.values(sandbox.mailbox.snapshot()).filter((names) => names.includes('INBOX'));
    for (const names of hits) assert.deepEqual(names, ['INBOX', ...odd.slice(0, 3)].sort());
  });

  it('exits 78 and names both labels when two fit and none exactly, in a run, a dry run and a check', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {}), { labels }) });
    const before = sandbox.mailbox.snapshot();
    const rules = { rules: [{ name: 'one', query: 'subject:hit', actions: { addLabels: ['New', 'q-a'] } }] };
    const told = /rule one: the label "q-a" fits more than one label of the mailbox: "Q&A" and "Q A"/;
    for (const args of [[], ['--dry-run']]) {
      const final = assertEnded(await apply(sandbox, { rules }, args), 78, { outcome: 'failed', matched: 0 });
      assert.match(String(final.error), told);
    }
    const { code, stdout } = await runJob(sandbox, ['check', '--json'], { rules });
    assert.equal(code, 78);
    assert.match(JSON.parse(stdout).lines.find(({ id }: { id: string }) => id === 'apply-rules').detail, told);
    for (const args of [[], ['--dry-run']]) {
      const run = await runHere(sandbox, ['labelling', '--add', 'q-a', ...args], { jobs: 'fixtures' });
      assert.match(String(assertEnded(run, 78, { changed: 0 }).error), /"q-a" fits more than one/);
    }
    assert.deepEqual(sandbox.mailbox.snapshot(), before);
  });

  it('is found by a job that changes it, and by a run while another run creates it', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {}), { labels }) });
    const run = await runHere(sandbox, ['labelling', '--add', 'clients-acme'], { jobs: 'fixtures' });
    assertEnded(run, 0, { changed: 6 });
    assert.equal(run.events.filter(({ event }) => event === 'label.matched').length, 1);
    const race = () => sandbox.mailbox.createLabel('Fresh - Mail');
    sandbox.faults.add({ verb: 'labels.create', kind: 'hook', before: race });
    const rules = {
      undo: false,
      rules: [{ name: 'one', query: 'subject:hit', actions: { addLabels: ['fresh---mail'] } }],
    };
    assertEnded(await runHere(sandbox, ['apply-rules'], { rules }), 0, { changed: 3 });
    const id = sandbox.mailbox.findLabel('Fresh - Mail')?.id ?? '';
    const mail = sandbox.mailbox.messages().filter(({ subject }) => subject === 'hit');
    assert.ok(mail.every(({ labelIds }) => labelIds.has(id)));
  });
});

describe('a label that Gmail refuses', () => {
  const refused = googleErrors.invalidArgument('Invalid label name');
  const ADD = { name: 'add-it', query: 'subject:hit', actions: { addLabels: ['Enviado'] } };

  it('is reported with its rule and the words of Gmail, and does not stop other rules', async () => {
    await using sandbox = await sandboxOf(3);
    sandbox.faults.add({ verb: 'labels.create', match: isAbout('Enviado'), ...refused });
    const run = await apply(sandbox, { rules: { rules: [ADD, STAR] } });
    const final = assertEnded(run, 65, { changed: 3, failed: 3 });
    const told = /the label "Enviado" cannot be created: Gmail refused labels\.create: 400 Invalid label name/;
    assert.match(String(final.error), new RegExp(`add-it: ${told.source}`));
    const [event] = run.events.filter((one) => one.event === 'gmail.refused');
    assert.equal(event?.rule, 'add-it');
    assert.match(String(event?.error), told);
    assert.match(String(event?.remedy), /another name.*10,000/);
    assert.equal(carrying(sandbox, 'STARRED'), 3);
  });

  it('leads to no journal when the run changed nothing', async () => {
    await using sandbox = await sandboxOf(3);
    sandbox.faults.add({ verb: 'labels.create', match: isAbout('Enviado'), ...refused });
    assertEnded(await runHere(sandbox, ['apply-rules'], { rules: { rules: [ADD] } }), 65, { changed: 0, failed: 3 });
    assert.equal(sandbox.mailbox.messages().length, 3);
    assert.ok(sandbox.mailbox.labels().every(({ type }) => type === 'system'));
  });

  it('fails only its own rule when it was deleted between the plan and the change', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {}), { labels: ['Work'] }) });
    const before = () => sandbox.mailbox.deleteLabel(sandbox.mailbox.findLabel('Work')?.id ?? '');
    sandbox.faults.add({ verb: 'messages.batchModify', kind: 'hook', before });
    const rules = { rules: [{ ...ADD, actions: { addLabels: ['Work'] } }, STAR] };
    const final = assertEnded(await apply(sandbox, { rules }), 65, { changed: 3, failed: 3 });
    assert.match(
      String(final.error),
      /add-it: Gmail refused messages\.batchModify: 400 Invalid label.*\(the change is of "Work"\)/,
    );
    assertEnded(await runHere(sandbox, ['apply-rules'], { rules }), 0, { changed: 3 });
  });
});

/** Requests that carry the name of this label. */
function isAbout(label: string) {
  return ({ body }: RecordedRequest) => (body as { name?: unknown }).name === label;
}
