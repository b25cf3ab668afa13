/** Many runs in one process at once: each keeps its name, counts, errors and credentials to itself. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Faults } from '../../lib/base/faults.ts';
import { readConfig } from '../../lib/config.ts';
import { StoppedError } from '../../lib/errors.ts';
import { defineJob, type Job, Scope } from '../../lib/job.ts';
import { REDACTED, Redactor } from '../../lib/process/redact.ts';
import type { RunReport } from '../../lib/run/report.ts';
import { runJob } from '../../lib/run/run.ts';
import { createLog } from '../../lib/screen/log.ts';
import { noProgress } from '../../lib/screen/progress.ts';
import { AS_NAMED } from '../fixtures/as-named.ts';
import { lendToAws } from '../fixtures/front-door.ts';
import applyRules from '../fixtures/installed/apply-rules.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { registryOf } from '../fixtures/program.ts';
import { carrying, forever } from '../fixtures/starring.ts';
import { takeUncaught } from '../fixtures/uncaught.ts';
import { assertEnded, type LogEvent, withRules } from '../run.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';

/** Throws in a timer while it works, outside of its promise. */
const throwing: Job = defineJob({
  summary: 'Throws in a timer',
  scopes: [Scope.modify],
  options: {},
  async run({ mailbox, wait }) {
    await mailbox.find('subject:hit');
    setTimeout(() => {
      throw new Error('thrown in a timer');
    });
    await wait(600_000);
  },
});

interface Case {
  /** Messages that the rules find. */
  readonly hits: number;
  readonly job?: Job;
  /** The address that is meant, where the secret names another one. */
  readonly meant?: string;
  /** `stop` ends the run. */
  readonly prepare?: (sandbox: Sandbox, stop: AbortController) => void;
  readonly expected: Partial<RunReport>;
}

const done = (hits: number): Case => ({
  hits,
  expected: { exitCode: 0, outcome: 'ok', matched: hits, changed: hits },
});

const CASES: Readonly<Record<string, Case>> = {
  ann: done(2),
  revoked: {
    hits: 4,
    prepare: ({ oauth, secretValue }) => oauth.revoke(secretValue.refresh_token),
    expected: { exitCode: 77, matched: 0, requests: 0 },
  },
  bob: done(3),
  hanging: {
    hits: 4,
    prepare({ faults }, stop) {
      faults.add({ kind: 'hook', service: 'oauth', before: () => stop.abort(new StoppedError('SIGTERM')) });
      faults.add({ kind: 'hang', service: 'oauth', ...forever });
    },
    expected: { exitCode: 143, outcome: 'interrupted', matched: 0 },
  },
  cem: done(5),
  mistaken: { hits: 4, meant: 'ann@example.com', expected: { exitCode: 78, requests: 0 } },
  throwing: { hits: 4, job: throwing, expected: { exitCode: 1, error: 'Error: thrown in a timer' } },
  dora: done(7),
};

/** A client secret in no known form, so that only a redactor that knows it cuts it out. */
const clientSecretOf = (name: string) => `${name}!`.repeat(5);

/** A process with a sandbox for each mailbox; the secrets of all are in the first one's AWS. */
async function startProcess(names: readonly string[]) {
  const sandboxes = await Promise.all(
    names.map((name) =>
      startSandbox({
        mailbox: mailboxOf(many(CASES[name]?.hits ?? 0, {}), { email: `${name}@example.com` }),
        credentials: { clientSecret: clientSecretOf(name) },
      }),
    ),
  );
  const [aws] = sandboxes as [Sandbox];
  lendToAws(aws.env);
  const rules = await Promise.all(
    names.map((name) =>
      withRules({ rules: [{ name: 'label-it', query: 'subject:hit', actions: { addLabels: [`of-${name}`] } }] }),
    ),
  );
  const timers: (() => void)[] = [];
  const redactor = new Redactor((forget) => timers.push(forget));
  const lines: string[] = [];
  const log = createLog({ level: 'info', format: 'json', spelling: AS_NAMED, write: (line) => lines.push(line) });
  const faults = new Faults();
  const uncaught = takeUncaught((error) => assert.ok(faults.handle(error), String(error)));

  const run = (index: number, job: Job = applyRules as Job): Promise<RunReport> => {
    const stop = new AbortController();
    const [name = '', sandbox] = [names[index], sandboxes[index] as Sandbox];
    const { env, secretValue } = sandbox;
    const secretId = `gmail-jobs/${name}`;
    aws.secrets.setSecret(secretId, secretValue);
    const { GMAIL_API_URL, GOOGLE_TOKEN_URL } = env;
    CASES[name]?.prepare?.(sandbox, stop);
    const noOne = async () => null;
    return runJob(
      {
        name: 'apply-rules',
        job,
        argument: '',
        options: {},
        common: { dryRun: false, budgetMs: undefined },
        backfill: undefined,
        words: ['job', 'apply-rules'],
        mailbox: {
          name,
          secretId,
          mailbox: { address: CASES[name]?.meant ?? secretValue.email, expectedBy: 'the entry in mailboxes.yaml' },
          rulesFile: rules[index]?.env.RULES_FILE ?? '',
        },
      },
      {
        config: readConfig({
          ...aws.env,
          ...(GMAIL_API_URL && { GMAIL_API_URL }),
          ...(GOOGLE_TOKEN_URL && { GOOGLE_TOKEN_URL }),
        }),
        monitorUrl: undefined,
        processStop: stop.signal,
        jobs: registryOf('installed').folder,
        faults,
        redactor,
        log,
        progress: noProgress,
        terminal: {
          interactive: false,
          columns: 80,
          print() {},
          printExactly() {},
          swallowKeys: () => async () => {},
          ask: noOne,
        },
        isWatched: false,
        spelling: AS_NAMED,
        installed: async () => [],
        allowHosts() {},
      },
    );
  };
  return {
    sandboxes,
    redactor,
    log,
    run,
    events: () => lines.map((line) => JSON.parse(line) as LogEvent),
    elapse() {
      for (const forget of timers.splice(0)) forget();
    },
    async close() {
      uncaught[Symbol.dispose]();
      await Promise.all([...sandboxes.map((one) => one.close()), ...rules.map((one) => one[Symbol.asyncDispose]())]);
    },
  };
}

type Process = Awaited<ReturnType<typeof startProcess>>;

describe('many runs in one process at once', () => {
  const names = Object.keys(CASES);
  let all: Process;
  let reports: readonly RunReport[];
  before(async () => {
    all = await startProcess(names);
    reports = await Promise.all(names.map((name, index) => all.run(index, CASES[name]?.job)));
  });
  after(() => all.close());

  for (const [index, [name, { expected }]] of Object.entries(CASES).entries()) {
    it(`ends the run of ${name} with its own counts and errors: ${JSON.stringify(expected)}`, () => {
      const report = reports[index] as RunReport;
      const picked = Object.fromEntries(
        Object.keys(expected).map((field) => [field, report[field as keyof RunReport]]),
      );
      assert.deepEqual(picked, expected);
      const events = all.events().filter(({ mailbox }) => mailbox === name);
      assertEnded(
        { code: report.exitCode, stdout: '', stderr: '', events, final: events.at(-1) },
        report.exitCode,
        expected,
      );
      const ids = new Set(events.flatMap(({ runId }) => runId ?? []));
      assert.deepEqual([...ids], [report.runId]);
      const sandbox = all.sandboxes[index] as Sandbox;
      const labels = sandbox.mailbox.labels().flatMap(({ name, type }) => (type === 'user' ? name : []));
      assert.deepEqual(
        labels.filter((label) => label.startsWith('of-')),
        expected.changed ? [`of-${name}`] : [],
      );
      if (expected.changed)
        assert.equal(carrying(sandbox, sandbox.mailbox.findLabel(`of-${name}`)?.id ?? ''), expected.changed);
    });
  }

  it('writes the name of its mailbox into each line of a run', () => {
    const events = all.events();
    for (const { mailbox, event } of events) assert.ok(names.includes(String(mailbox)), event);
    assert.equal(events.filter(({ event }) => event === 'run.finished').length, names.length);
    assert.equal(events.filter(({ event }) => event === 'run.bug').length, 1);
    all.log.info('fleet.finished');
    assert.equal(all.events().at(-1)?.mailbox, undefined);
  });

  it("sends no credential of one mailbox in another's requests", () => {
    const exchanges = all.sandboxes.filter(({ requests }) => requests.some(({ service }) => service === 'oauth'));
    assert.equal(exchanges.length, names.length - 1, 'all but the run of mistaken');
    for (const { requests, oauth, secretValue } of all.sandboxes) {
      const own = new Set(oauth.issued.map(({ accessToken }) => `Bearer ${accessToken}`));
      for (const { service, verb, headers, body } of requests) {
        if (service === 'gmail') assert.ok(own.has(headers.authorization ?? ''), verb);
        if (service !== 'oauth') continue;
        const { refresh_token, client_secret } = body as Record<string, string>;
        assert.deepEqual([refresh_token, client_secret], [secretValue.refresh_token, secretValue.client_secret]);
      }
    }
  });

  it('has forgotten the secrets of ended runs a minute later, and cuts out those of live ones', async () => {
    const [ended, live] = ['ann', 'bob'] as const;
    const hold = Promise.withResolvers<void>();
    const reading = Promise.withResolvers<void>();
    const waiting = defineJob({
      summary: 'Waits',
      scopes: [Scope.modify],
      options: {},
      async run() {
        reading.resolve();
        await hold.promise;
      },
    }) as Job;
    assert.equal(all.redactor.text(clientSecretOf(ended)), REDACTED);
    const run = all.run(names.indexOf(live), waiting);
    await reading.promise;
    all.elapse();
    assert.equal(all.redactor.text(clientSecretOf(ended)), clientSecretOf(ended));
    assert.equal(all.redactor.text(clientSecretOf(live)), REDACTED);
    hold.resolve();
    await run;
    all.elapse();
    assert.equal(all.redactor.text(clientSecretOf(live)), clientSecretOf(live));
    assert.equal(all.redactor.reach, 0);
  });
});
