/**
 * `job rotate`, killed between any two of its requests: AWSCURRENT works, and the next `job rotate` finishes.
 * A killed command leaves its state in AWS, so only the moments around a write differ: the tests kill it right after each
 * write, and at the last request before the next write.
 */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { describe, it } from 'node:test';
import { mailboxOf } from '../fixtures/mailbox.ts';
import type { RecordedRequest } from '../sandbox/http.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';
import { asked, assertCurrentWorks, assertRotated, runCommand, stagesOf, writeClientFile } from './person.ts';

const PROOF = ['oauth token', 'gmail users.getProfile'];
const FROM_STORING = [
  'aws PutSecretValue',
  'aws GetSecretValue',
  ...PROOF,
  'aws UpdateSecretVersionStage',
  'aws GetSecretValue',
  ...PROOF,
  'aws UpdateSecretVersionStage',
];

/** The requests of a rotation with consent, without the browser's requests. */
const BY_CONSENT = ['aws GetSecretValue', ...PROOF, 'aws GetSecretValue', ...PROOF, ...FROM_STORING];

/** The requests of a rotation of the client secret. */
const BY_CLIENT = ['aws GetSecretValue', ...PROOF, 'aws GetSecretValue', 'oauth token', ...FROM_STORING];

/** The requests that change the secret in AWS. */
const isWrite = (verb: string | undefined) => /^aws (Put|Update)/.test(verb ?? '');

/** The requests to kill the command at: every write, and the request before it. */
function instantsOf(verbs: readonly string[]): (readonly [number, string])[] {
  return [...verbs.entries()].filter(([at, verb]) => isWrite(verb) || isWrite(verbs[at + 1]));
}

/** A key of a job, which no rotation may lose. */
const KEYS = { WEBHOOK_TOKEN: 'made-up-token' };

async function open(): Promise<Sandbox> {
  const sandbox = await startSandbox({ mailbox: mailboxOf([{}]) });
  sandbox.secrets.setSecret('gmail-jobs/alice', { ...sandbox.secretValue, ...KEYS });
  return sandbox;
}

/** The requests of the command itself. */
function requests(sandbox: Sandbox): string[] {
  return asked(sandbox).filter((verb) => !verb.startsWith('consent '));
}

/** Kills the command after request number `at` had its effect, before the answer arrives. */
async function rotateAndKill(sandbox: Sandbox, at: number, args: readonly string[] = []): Promise<void> {
  let child: ChildProcess | undefined;
  const fault = sandbox.faults.add({
    kind: 'hook',
    match: ({ service }: RecordedRequest) => service !== 'consent',
    skip: at,
    after: () => child?.kill('SIGKILL'),
  });
  const run = await runCommand(sandbox, ['rotate', ...args], {
    onStart: (started) => {
      child = started;
    },
  });
  assert.equal(run.code, 137, run.stdout + run.stderr);
  assert.equal(fault.hits, 1);
  sandbox.faults.clear();
}

describe('job rotate', { concurrency: 8 }, () => {
  it('makes the requests of the tests below, three of which change the secret', async () => {
    await using sandbox = await open();
    assertRotated(await runCommand(sandbox, ['rotate']));
    assert.deepEqual(requests(sandbox), BY_CONSENT);
    for (const verbs of [BY_CONSENT, BY_CLIENT]) {
      assert.deepEqual([...new Set(verbs)].filter((verb) => !isWrite(verb)).sort(), [
        'aws GetSecretValue',
        ...PROOF.toReversed(),
      ]);
      assert.equal(instantsOf(verbs).filter(([, verb]) => isWrite(verb)).length, 3);
    }
  });

  for (const [at, verb] of instantsOf(BY_CONSENT)) {
    it(`killed at request ${at}, ${verb}, leaves an AWSCURRENT that works, and the next rotation needs no second consent`, async () => {
      await using sandbox = await open();
      await rotateAndKill(sandbox, at);
      assert.deepEqual(requests(sandbox), BY_CONSENT.slice(0, at + 1));
      await assertCurrentWorks(sandbox);

      const before = stagesOf(sandbox);
      const again = await runCommand(sandbox, ['rotate']);
      assertRotated(again);
      assert.equal(again.link === undefined, before.AWSPENDING !== undefined, 'asked only when nothing waits');
      const { AWSCURRENT: current, AWSPENDING: pending } = stagesOf(sandbox);
      assert.notEqual(current?.refresh_token, sandbox.secretValue.refresh_token);
      assert.equal(current?.WEBHOOK_TOKEN, KEYS.WEBHOOK_TOKEN);
      if (before.AWSPENDING !== undefined) assert.deepEqual(current, before.AWSPENDING);
      assert.equal(pending, undefined);
    });
  }

  for (const [at, verb] of instantsOf(BY_CLIENT)) {
    it(`killed at request ${at}, ${verb}, while it changes the client secret: AWSCURRENT works, and the next rotation finishes`, async () => {
      await using sandbox = await open();
      const { client_id, client_secret: old } = sandbox.secretValue;
      const next = { client_id, client_secret: 'GOCSPX-the-new-client-secret' };
      await using client = await writeClientFile(next);
      // Google accepts both for a while, between adding a client secret and disabling the one before.
      sandbox.oauth.clients.get = () => {
        const form = sandbox.requests.at(-1)?.body as Record<string, string>;
        return form.client_secret === next.client_secret ? next.client_secret : old;
      };
      await rotateAndKill(sandbox, at, ['--client', client.file]);
      assert.deepEqual(requests(sandbox), BY_CLIENT.slice(0, at + 1));
      await assertCurrentWorks(sandbox);

      const again = await runCommand(sandbox, ['rotate', '--client', client.file]);
      assert.equal(again.code, 0, again.stderr);
      assert.equal(again.link, undefined);
      const { AWSCURRENT: current, AWSPENDING: pending } = stagesOf(sandbox);
      assert.deepEqual(current, { ...sandbox.secretValue, ...KEYS, ...next });
      assert.equal(pending, undefined);
    });
  }
});
