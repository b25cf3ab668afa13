/** The cause that a run names when Gmail refuses a request: the account, a rule, a search or none. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runHere } from '../fixtures/front-door.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { apply, carrying, forever, STAR, sandboxOf, told, verbs } from '../fixtures/starring.ts';
import { assertEnded, runJob } from '../run.ts';
import { googleErrors, startSandbox } from '../sandbox/index.ts';

const LABEL = { name: 'label-it', query: 'subject:hit', actions: { addLabels: ['Fresh'] } };

/** A search of about `characters` characters. */
function long(characters: number): string {
  return `from:(${'someone OR '.repeat(Math.floor(characters / 11))}nobody)`;
}

describe('a refusal of Gmail', () => {
  it('exits 77 and names the account when failedPrecondition lasts, for every method', async () => {
    for (const verb of ['labels.list', 'messages.list', 'messages.batchModify']) {
      await using sandbox = await sandboxOf();
      sandbox.faults.add({ verb, ...forever, ...googleErrors.failedPrecondition('Mail service not enabled') });
      const final = assertEnded(await apply(sandbox, { rules: { undo: false, rules: [LABEL] } }), 77, { changed: 0 });
      assert.match(
        told(final),
        new RegExp(
          `this account does not meet a precondition: ${verb}: 400 Mail service not enabled → .*licence.*suspended`,
        ),
      );
      assert.equal(verbs(sandbox, 'gmail').filter((asked) => asked === verb).length, 4);
    }
  });

  it('exits 77 and names the account when Gmail has no mailbox for it, in a run and a check', async () => {
    await using sandbox = await sandboxOf();
    sandbox.faults.add({ verb: 'users.getProfile', ...forever, ...googleErrors.notFound() });
    const says = /no mailbox for this account: .*users\.getProfile: 404.* → .*account still exists/;
    assert.match(told(assertEnded(await apply(sandbox), 77, { changed: 0 })), says);
    const check = await runJob(sandbox, ['check', '--json']);
    assert.equal(check.code, 77, check.stdout);
  });

  it('continues after a short failedPrecondition', async () => {
    await using sandbox = await sandboxOf();
    sandbox.faults.add({ verb: 'messages.list', times: 2, ...googleErrors.failedPrecondition() });
    assertEnded(await apply(sandbox), 0, { changed: 3, retries: 2 });
  });

  it('blames the query of a rule only for an invalid argument of its search', async () => {
    await using sandbox = await sandboxOf(600);
    sandbox.faults.add({ verb: 'messages.list', ...googleErrors.invalidArgument('Invalid query') });
    const refused = assertEnded(await runHere(sandbox, ['apply-rules'], { rules: { rules: [STAR] } }), 78);
    assert.match(
      told(refused),
      /does not accept the query of the rule star-it: .*400 Invalid query → Correct the query/,
    );

    const others = [
      ['labels.list', 0, 77],
      ['messages.list', 1, 65],
    ] as const;
    for (const [verb, skip, code] of others) {
      sandbox.faults.add({ verb, skip, ...googleErrors.invalidArgument('Invalid value') });
      const final = assertEnded(
        await runHere(sandbox, ['apply-rules'], { rules: { undo: false, rules: [LABEL] } }),
        code,
      );
      assert.match(told(final), new RegExp(`^Gmail refused ${verb}: 400 Invalid value → `));
      assert.doesNotMatch(told(final), /rule|query/);
    }
    assert.equal(carrying(sandbox, 'STARRED'), 0);
  });
});

describe('a search that is too long for Gmail', () => {
  it('exits 78 with the rule and the lengths, in a run, a dry run and a check', async () => {
    await using sandbox = await sandboxOf();
    const rules = { protect: 'is:important', rules: [{ ...STAR, query: long(9_000) }] };
    const expected =
      /search of the rule star-it is too long for Gmail: it has 9,\d{3} characters; the rule's query accounts for (8,99\d|9,0\d\d) and protect for 12/;
    for (const args of [[], ['--dry-run']]) {
      const final = assertEnded(await apply(sandbox, { rules }, args), 78, { matched: 0, retries: 0 });
      assert.match(told(final), expected);
      assert.match(told(final), /→ Divide the rule/);
    }
    const { code, stdout } = await runJob(sandbox, ['check', '--json'], { rules });
    assert.equal(code, 78);
    assert.match(JSON.parse(stdout).lines.find(({ id }: { id: string }) => id === 'apply-rules').detail, expected);
  });

  it('blames protect when protect makes the search too long, also for a 400 with an HTML page', async () => {
    await using sandbox = await sandboxOf();
    const rules = { undo: false, protect: long(7_600), rules: [STAR] };
    sandbox.faults.add({ verb: 'messages.list', kind: 'html', status: 400 });
    const final = assertEnded(await runHere(sandbox, ['apply-rules'], { rules }), 78, { changed: 0, retries: 0 });
    assert.match(told(final), /rule star-it is too long.* and protect for 7,\d{3} → Shorten protect/);
  });

  it('names the search when a job built it itself', async () => {
    await using sandbox = await sandboxOf();
    const args = ['labelling', '--query', `from:bob@example.com ${long(9_000)}`];
    const final = assertEnded(await runHere(sandbox, args, { jobs: 'fixtures' }), 78, { changed: 0 });
    assert.match(told(final), /^the search "from:… from:\(someone OR .*…" is too long for Gmail: 9,\d{3} characters/);
  });
});

describe('an answer that does not confirm a success', () => {
  it('counts no change for a 200 with an error in its body, or with an unexpected body', async () => {
    await using sandbox = await sandboxOf(3);
    const { body } = googleErrors.invalidArgument('Invalid label: X');
    sandbox.faults.add({ verb: 'messages.batchModify', status: 200, body });
    assertEnded(await apply(sandbox, { rules: { rules: [STAR] } }), 65, { changed: 0, failed: 3 });
    assert.doesNotMatch((await runJob(sandbox, ['runs'])).stdout, /star-it|apply-rules/);
    sandbox.faults.add({ verb: 'messages.batchModify', status: 200, body: { error: { code: 503 } } });
    sandbox.faults.add({ verb: 'messages.batchModify', status: 200, body: '<html>OK</html>' });
    assertEnded(await apply(sandbox), 0, { changed: 3, retries: 2 });
    assert.equal(carrying(sandbox, 'STARRED'), 3);
  });

  it('recognizes an empty search result from one request without fields', async () => {
    await using sandbox = await sandboxOf(0);
    assertEnded(await runHere(sandbox, ['apply-rules'], { rules: { undo: false, rules: [STAR] } }), 0, {
      outcome: 'nothing-to-do',
      retries: 0,
    });
    assert.deepEqual(
      sandbox.requests
        .filter(({ verb }) => verb === 'messages.list')
        .map(({ status, query }) => [status, query.get('fields')]),
      [[200, null]],
    );
  });

  it('retries an incomplete list and refuses a label with another name', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {}), { labels: ['Keep'] }) });
    sandbox.faults.add({ verb: 'labels.list', status: 200, body: {} });
    sandbox.faults.add({ verb: 'messages.list', status: 200, body: {} });
    sandbox.faults.add({ verb: 'messages.list', status: 200, body: '' });
    const kept = { undo: false, protect: 'label:keep', rules: [STAR] };
    assertEnded(await runHere(sandbox, ['apply-rules'], { rules: kept }), 0, { changed: 3, retries: 3 });
    sandbox.faults.add({ verb: 'labels.create', status: 200, body: { id: 'Label_1', name: 'Keep' } });
    const rules = { undo: false, rules: [LABEL] };
    const final = assertEnded(await runHere(sandbox, ['apply-rules'], { rules }), 75, { changed: 0 });
    assert.match(told(final), /created another label than "Fresh"/);
    const id = sandbox.mailbox.findLabel('Keep')?.id ?? '';
    assert.equal(carrying(sandbox, id), 0);
  });
});
