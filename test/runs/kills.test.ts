/** A run may be killed at any instant, or started twice: the mailbox ends as after one undisturbed run. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runHere } from '../fixtures/front-door.ts';
import { mailboxOf, many, seenByPerson } from '../fixtures/mailbox.ts';
import { assertEnded, ChildHandle, runJob } from '../run.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';

/** Two rules that overlap, with two labels to create and three batches. */
const RULES = {
  protect: 'is:starred',
  rules: [
    {
      name: 'old-mail',
      query: 'subject:hit',
      actions: { archive: true, markRead: true, addLabels: ['Auto/Archived'] },
      keepNewest: 2,
    },
    { name: 'codes', query: 'subject:code', actions: { trash: true, addLabels: ['Auto/Codes'] } },
  ],
};

function sandboxOf(latencyMs: number | (() => number) = 0): Promise<Sandbox> {
  const messages = [
    { labels: ['INBOX', 'STARRED'] },
    ...many(1_004, { labels: ['INBOX', 'UNREAD'] }),
    ...many(3, { subject: 'code' }),
    ...many(2, { subject: 'hit code' }),
    { subject: 'miss' },
  ];
  return startSandbox({ mailbox: mailboxOf(messages), latencyMs });
}

function apply(sandbox: Sandbox, child = new ChildHandle()) {
  return runJob(sandbox, ['apply-rules'], { rules: RULES, onStart: child.onStart });
}

/** The same in the test's process. */
function applyHere(sandbox: Sandbox) {
  return runHere(sandbox, ['apply-rules'], { rules: RULES });
}

async function undisturbed(): Promise<{ requests: string[]; state: object }> {
  await using sandbox = await sandboxOf();
  assertEnded(await applyHere(sandbox), 0, { outcome: 'ok' });
  return { requests: sandbox.requests.map(({ verb }) => verb), state: seenByPerson(sandbox.mailbox) };
}

const expected = await undisturbed();

describe('a run that is killed', { concurrency: 4 }, () => {
  it('sends the requests at which the next tests kill it', () => {
    const verbs = new Set(expected.requests);
    for (const verb of ['GetSecretValue', 'token', 'labels.list', 'messages.list', 'labels.create']) {
      assert.ok(verbs.has(verb), verb);
    }
    assert.ok(expected.requests.filter((verb) => verb === 'messages.batchModify').length >= 3);
    assert.equal(expected.requests.filter((verb) => verb === 'labels.create').length, 4);
    for (const verb of ['messages.insert', 'messages.modify']) assert.ok(expected.requests.includes(verb), verb);
  });

  for (const when of ['before', 'after'] as const) {
    for (const [skip, verb] of expected.requests.entries()) {
      // A kill before a read is like a kill after the request before; a kill after a read is tested once for each verb.
      const writes = /^(labels\.create|messages\.(batchModify|insert|modify))$/.test(verb);
      if (!writes && (when === 'before' || expected.requests.indexOf(verb) !== skip)) continue;
      it(`${when} its request ${skip + 1}, ${verb}, is completed by the next run`, async () => {
        await using sandbox = await sandboxOf();
        const child = new ChildHandle();
        const kill = () => {
          child.kill('SIGKILL');
          return 'drop';
        };
        const met = sandbox.faults.add({ kind: 'hook', skip, [when]: kill });
        assert.equal((await apply(sandbox, child)).code, 137);
        assert.equal(met.hits, 1);
        assertEnded(await applyHere(sandbox), 0);
        assert.deepEqual(seenByPerson(sandbox.mailbox), expected.state);
      });
    }
  }
});

describe('runs at the same time', { concurrency: 2 }, () => {
  it('lead to the mailbox of a single run, and all exit 0', async () => {
    for (const latencyMs of [0, 15]) {
      await using sandbox = await sandboxOf(latencyMs);
      const runs = await Promise.all([apply(sandbox), apply(sandbox), apply(sandbox)]);
      for (const run of runs) assertEnded(run, 0, { failed: 0, remaining: 0 });
      assert.deepEqual(seenByPerson(sandbox.mailbox), expected.state);
    }
  });

  it('create a label once when both need it', async () => {
    await using sandbox = await sandboxOf();
    // Both send the request before either is answered: Gmail refuses the second with 409.
    const both = Promise.withResolvers<void>();
    let asking = 0;
    const waitForBoth = async () => {
      asking += 1;
      if (asking === 2) both.resolve();
      await both.promise;
    };
    sandbox.faults.add({
      kind: 'hook',
      match: ({ verb, body }) => verb === 'labels.create' && (body as { name: string }).name === 'Auto/Archived',
      before: waitForBoth,
      times: 2,
    });
    const runs = await Promise.all([apply(sandbox), apply(sandbox)]);
    for (const run of runs) assertEnded(run, 0, { failed: 0, remaining: 0 });
    const answers = sandbox.requests.filter(({ verb }) => verb === 'labels.create').map(({ status }) => status);
    assert.ok(answers.includes(409), String(answers));
    assert.deepEqual(seenByPerson(sandbox.mailbox), expected.state);
  });
});
