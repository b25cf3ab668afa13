/** `job fleet` without a database: one process, many mailboxes, each a run of its own. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { type FleetMember, membersOf, startFleet } from '../fixtures/fleet.ts';
import { many } from '../fixtures/mailbox.ts';
import { forever } from '../fixtures/starring.ts';
import { ChildHandle, type Finished, type LogEvent, type RunOptions, runJob } from '../run.ts';
import type { Sandbox } from '../sandbox/index.ts';

const GREETING = { jobs: 'fixtures' } as const satisfies RunOptions;

/** The number of messages that carry the label of the job. */
function greeted({ mailbox }: FleetMember): number {
  const label = mailbox.findLabel('Greeted')?.id ?? '';
  return mailbox.messages().filter(({ labelIds }) => labelIds.has(label)).length;
}

function assertFleet({ final, code, events, stdout, stderr }: Finished, exitCode: number, expected: object): LogEvent {
  const shown = `${stdout}${stderr}`;
  assert.equal(final?.event, 'fleet.finished', shown);
  assert.deepEqual({ code, exitCode: final.exitCode }, { code: exitCode, exitCode }, shown);
  assert.deepEqual(Object.fromEntries(Object.keys(expected).map((name) => [name, final[name]])), expected, shown);
  assert.equal(events.filter(({ event }) => event === 'fleet.finished').length, 1);
  const { all, ...ends } = final.mailboxes as Record<string, number>;
  assert.equal(
    Object.values(ends).reduce((sum, count) => sum + count, 0),
    all,
    'each mailbox counts once',
  );
  const runs = events.filter(({ event }) => event === 'run.finished');
  for (const sum of ['matched', 'changed', 'skipped', 'failed', 'remaining', 'requests', 'retries', 'quotaUnits'])
    assert.equal(
      final[sum],
      runs.reduce((total, run) => total + Number(run[sum]), 0),
      sum,
    );
  return final;
}

const counts = (some: object) => ({
  ...{ all: 0, done: 0, nothingToDo: 0, partial: 0, failed: 0, remaining: 0, elsewhere: 0 },
  ...some,
});

const finishedIn = (events: readonly LogEvent[], name: string) =>
  events.filter(({ event, mailbox }) => event === 'run.finished' && mailbox === name);

describe('a fleet of mailboxes, of which some fail, crash and hang,', () => {
  it('works on all others, each as a run of its own, and sums up', async () => {
    const { sandbox, members, file } = await startFleet({
      ann: many(2, {}),
      revoked: many(4, {}),
      crashing: many(4, { subject: 'crash' }),
      bob: many(3, {}),
      hanging: many(4, {}),
      idle: [],
      cem: many(5, {}),
      mistaken: many(4, {}),
    });
    await using _ = sandbox;
    const memberOf = (name: string) => members.find((one) => one.name === name) as FleetMember;
    sandbox.oauth.revoke(memberOf('revoked').refreshToken);
    const child = new ChildHandle();
    const isOfHanging = (body: unknown) =>
      (body as { refresh_token?: string }).refresh_token === memberOf('hanging').refreshToken;
    sandbox.faults.add({ kind: 'hang', service: 'oauth', match: ({ body }) => isOfHanging(body), ...forever });
    const list = file.mailboxes.map((entry) =>
      entry.secret === 'gmail-jobs/mistaken' ? { ...entry, email: 'ann@example.com' } : entry,
    );
    let ended = 0;
    const run = await runJob(sandbox, ['fleet', '--at-once', '2', 'greeting'], {
      ...GREETING,
      mailboxes: { mailboxes: list },
      env: { HEARTBEAT_URL: sandbox.monitorUrl },
      onStart(process) {
        child.onStart(process);
        process.stdout?.on('data', (text: string) => {
          ended += text.split('"event":"run.finished"').length - 1;
          if (ended === members.length - 1) child.kill('SIGTERM');
        });
      },
    });
    const final = assertFleet(run, 65, {
      job: 'greeting',
      outcome: 'failed',
      mailboxes: counts({ all: 8, done: 3, nothingToDo: 1, failed: 3, remaining: 1 }),
      changed: 10,
    });
    assert.match(String(final.error), /^The job failed in 3 of 8 mailboxes: /);
    assert.match(String(final.error), /1 with exit code 77 \(gmail-jobs\/revoked\)/);
    const { remedy: ofRevoked } = finishedIn(run.events, 'gmail-jobs/revoked')[0] as LogEvent;
    assert.match(String(ofRevoked), /`GMAIL_SECRET_ID=gmail-jobs\/revoked bin\/job rotate`/);
    assert.match(String(final.error), /1 with exit code 1 \(gmail-jobs\/crashing\)/);
    const { error, remedy } = finishedIn(run.events, 'gmail-jobs/mistaken')[0] as LogEvent;
    assert.match(
      String(error),
      /the entry in mailboxes\.yaml says ann@example\.com, but the secret's email is mistaken@/,
    );
    assert.doesNotMatch(`${error} ${remedy}`, /GMAIL_MAILBOX|GMAIL_SECRET_ID/);
    const codes = Object.fromEntries(
      members.map(({ name, secretId }) => [name, finishedIn(run.events, secretId).map(({ exitCode }) => exitCode)]),
    );
    assert.deepEqual(codes, {
      ...{ ann: [0], bob: [0], cem: [0], idle: [0], revoked: [77], crashing: [1], hanging: [143], mistaken: [78] },
    });
    assert.deepEqual(Object.fromEntries(members.map((member) => [member.name, greeted(member)])), {
      ann: 2,
      bob: 3,
      cem: 5,
      idle: 0,
      revoked: 0,
      crashing: 0,
      hanging: 0,
      mistaken: 0,
    });
    const pings = sandbox.requests.filter(({ service }) => service === 'monitor');
    assert.deepEqual(
      pings.map(({ path }) => path.split('/').at(-1)),
      ['start', '65'],
    );
    const sums = pings[1]?.body as { mailboxes?: object } | undefined;
    assert.deepEqual(sums?.mailboxes, final.mailboxes);
    assertApart(sandbox, members);
    assertNoSecrets(run, sandbox);
  });
});

/** Asserts that each request carries credentials of the mailbox that it is for. */
function assertApart({ requests, oauth }: Sandbox, members: readonly FleetMember[]): void {
  const emailOf = new Map(oauth.issued.map(({ accessToken, email }) => [`Bearer ${accessToken}`, email]));
  for (const { service, headers } of requests) {
    if (service !== 'gmail') continue;
    const email = emailOf.get(headers.authorization ?? '');
    assert.ok(members.some((one) => one.email === email));
  }
  for (const { service, body } of requests) {
    if (service !== 'oauth') continue;
    const { refresh_token, client_id } = body as Record<string, string>;
    assert.equal(
      `${members.find((one) => one.refreshToken === refresh_token)?.name}.apps.googleusercontent.com`,
      client_id,
    );
  }
}

function assertNoSecrets({ stdout, stderr }: Finished, { oauth }: Sandbox): void {
  const secrets = [
    ...oauth.clients.values(),
    ...oauth.grants.keys(),
    ...oauth.issued.map(({ accessToken }) => accessToken),
  ];
  for (const secret of secrets) for (const output of [stdout, stderr]) assert.ok(!output.includes(secret));
}

describe('job fleet', () => {
  it('ends with the code of the mailboxes when all failed with the same code', async () => {
    const { sandbox, members, file } = await startFleet(membersOf(3));
    await using _ = sandbox;
    for (const { refreshToken } of members) sandbox.oauth.revoke(refreshToken);
    const run = await runJob(sandbox, ['fleet', 'greeting'], { ...GREETING, mailboxes: file });
    assertFleet(run, 77, { mailboxes: counts({ all: 3, failed: 3 }) });
  });

  it('needs no GMAIL_SECRET_ID, and ignores GMAIL_MAILBOX', async () => {
    const { sandbox, members, file } = await startFleet(membersOf(2));
    await using _ = sandbox;
    const run = await runJob(sandbox, ['fleet', 'greeting'], {
      ...GREETING,
      mailboxes: file,
      env: { GMAIL_SECRET_ID: undefined, GMAIL_MAILBOX: 'somebody@example.com' },
    });
    assertFleet(run, 0, { outcome: 'ok', mailboxes: counts({ all: 2, done: 2 }), changed: 2 });
    assert.deepEqual(members.map(greeted), [1, 1]);
  });

  it('works only on the mailboxes of --mailbox, and suggests the nearest name for an unknown one', async () => {
    const { sandbox, members, file } = await startFleet(membersOf(3));
    await using _ = sandbox;
    const options = { ...GREETING, mailboxes: file };
    const one = await runJob(sandbox, ['fleet', '--mailbox', 'gmail-jobs/m1', 'greeting'], options);
    assertFleet(one, 0, { mailboxes: counts({ all: 1, done: 1 }) });
    assert.deepEqual(members.map(greeted), [0, 1, 0]);
    const none = await runJob(sandbox, ['fleet', '--mailbox', 'gmail-jobs/m8', 'greeting'], options);
    const { error } = assertFleet(none, 2, { mailboxes: counts({}) });
    assert.match(String(error), /no mailbox "gmail-jobs\/m8" \(did you mean "gmail-jobs\/m0"\?\)/);
  });

  it('begins no further mailbox when its budget is spent, and ends those in work as partial or remaining', async () => {
    const { sandbox, file } = await startFleet(membersOf(4));
    await using _ = sandbox;
    sandbox.faults.add({ kind: 'hang', service: 'gmail', verb: 'messages.list', ...forever });
    const run = await runJob(sandbox, ['fleet', '--at-once', '2', '--budget', '1s', 'greeting'], {
      ...GREETING,
      mailboxes: file,
    });
    assertFleet(run, 0, { outcome: 'partial', mailboxes: counts({ all: 4, remaining: 4 }) });
    assert.equal(run.events.filter(({ event }) => event === 'run.finished').length, 2);
  });

  it('ends with 78, a final line and a ping for a configuration that is wrong', async () => {
    const { sandbox } = await startFleet(membersOf(1));
    await using _ = sandbox;
    const run = await runJob(sandbox, ['fleet', 'greeting'], {
      ...GREETING,
      env: { MAILBOXES_FILE: 'missing.yaml', HEARTBEAT_URL: sandbox.monitorUrl },
    });
    const final = assertFleet(run, 78, { outcome: 'failed' });
    assert.match(String(final.error), /missing\.yaml/);
    assert.equal(sandbox.requests.filter(({ service }) => service === 'monitor').length, 2);
  });

  it('refuses an option of the job once for all mailboxes', async () => {
    const { sandbox, file } = await startFleet(membersOf(3));
    await using _ = sandbox;
    const run = await runJob(sandbox, ['fleet', '--at-once', '1', 'apply-rules', '--rule', 'no-such'], {
      mailboxes: file,
    });
    const final = assertFleet(run, 2, { outcome: 'failed' });
    assert.match(String(final.error), /no-such/);
    assert.equal(run.events.filter(({ event }) => event === 'run.finished').length, 0);
  });

  it("applies each mailbox's own rules, which may be broken in one, and keeps a journal in each", async () => {
    const { sandbox, members } = await startFleet(membersOf(4, 2));
    await using _ = sandbox;
    const folder = await mkdtemp(join(tmpdir(), 'gmail-jobs-fleet-'));
    const ruleOf = (name: string) => ({ name, query: 'subject:hit', actions: { addLabels: [`of-${name}`] } });
    const files = { m0: { rules: [ruleOf('m0')] }, m1: { rules: [ruleOf('m1')] }, m2: { rulez: [] } };
    const entries = await Promise.all(
      members.map(async ({ name, secretId }) => {
        const rules = join(folder, `${name}.yaml`);
        const own = files[name as keyof typeof files];
        if (own !== undefined) await writeFile(rules, JSON.stringify(own));
        return { secret: secretId, ...(own !== undefined && { rules }) };
      }),
    );
    const options = {
      mailboxes: { mailboxes: entries },
      rules: { rules: [ruleOf('common')] },
      // The program may read the folder of the rules and of the list only.
      unlocked: true,
    };
    const run = await runJob(sandbox, ['fleet', 'apply-rules'], options);
    const { error } = assertFleet(run, 65, { mailboxes: counts({ all: 4, done: 3, failed: 1 }), changed: 6 });
    assert.match(String(error), /1 with exit code 78 \(gmail-jobs\/m2\)/);
    for (const [index, label] of ['of-m0', 'of-m1', undefined, 'of-common'].entries()) {
      const { mailbox } = members[index] as FleetMember;
      const names = mailbox.labels().map(({ name }) => name);
      assert.deepEqual(
        names.filter((name) => name.startsWith('of-')),
        label === undefined ? [] : [label],
      );
      const journal = mailbox.findLabel('gmail-jobs/journal')?.id ?? '';
      const journals = mailbox.messages().filter(({ labelIds }) => labelIds.has(journal));
      assert.equal(journals.length, label === undefined ? 0 : 1);
    }
    const rule = await runJob(sandbox, ['fleet', 'apply-rules', '--rule', 'm0', '--dry-run'], options);
    assertFleet(rule, 65, { mailboxes: counts({ all: 4, nothingToDo: 1, failed: 3 }) });
    const refused = rule.events.filter(({ event }) => event === 'fleet.refused').map(({ mailbox }) => mailbox);
    assert.deepEqual(refused.sort(), ['gmail-jobs/m1', 'gmail-jobs/m3']);
    await rm(folder, { recursive: true });
  });

  it('ends with 143 when SIGTERM comes while it looks for the mailboxes', async () => {
    const { sandbox } = await startFleet(membersOf(1));
    await using _ = sandbox;
    const child = new ChildHandle();
    sandbox.faults.add({ kind: 'hook', service: 'aws', verb: 'ListSecrets', before: () => child.kill('SIGTERM') });
    sandbox.faults.add({ kind: 'hang', service: 'aws', verb: 'ListSecrets', ...forever });
    const run = await runJob(sandbox, ['fleet', 'greeting'], {
      ...GREETING,
      mailboxes: { mailboxes: [{ secretPrefix: 'gmail-jobs/' }] },
      onStart: child.onStart,
    });
    assertFleet(run, 143, { outcome: 'interrupted', mailboxes: counts({}) });
  });

  it('forecasts units and prices from dry runs in three mailboxes', async () => {
    const { sandbox, members, file } = await startFleet(membersOf(9));
    await using _ = sandbox;
    const { code, stdout } = await runJob(sandbox, ['fleet', '--forecast', '--json', '--every', 'day', 'greeting'], {
      ...GREETING,
      mailboxes: file,
    });
    assert.equal(code, 0, stdout);
    const forecast = JSON.parse(stdout);
    const units = sandbox.requests.reduce((sum, request) => sum + (request.units ?? 0), 0);
    assert.deepEqual(forecast, {
      ...{ job: 'greeting', mailboxes: 9, everyMs: 86_400_000, samples: 3, unitsPerMailbox: units / 3 },
      ...{ unitsPerRun: units * 3, unitsPerHour: Math.round((units * 3) / 24), unitsPerDay: units * 3 },
      ...{ projectUnitsPerMinute: 1_200_000, freeUnitsPerDay: 80_000_000 },
      ...{ secrets: 9, secretReadsPerMonth: 270, dollarsPerMonth: { secrets: 3.6, reads: 0 } },
    });
    assert.deepEqual(
      members.map(greeted),
      Array.from({ length: 9 }, () => 0),
    );
  });

  it('forecasts the mailboxes that it found, and names the entries that failed', async () => {
    const { sandbox, file } = await startFleet(membersOf(2));
    await using _ = sandbox;
    const mailboxes = { mailboxes: [...file.mailboxes, { secretPrefix: 'nothing/here/' }] };
    const { code, stdout } = await runJob(sandbox, ['fleet', '--forecast', 'greeting'], { ...GREETING, mailboxes });
    const [forecast, failed] = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    assert.deepEqual([code, forecast.mailboxes], [78, 2], stdout);
    assert.deepEqual([failed.exitCode, typeof failed.remedy], [78, 'string'], stdout);
    assert.match(failed.failed, /nothing\/here/);
  });

  it('needs a database for --status and --retry', async () => {
    for (const words of [['--status'], ['--retry', 'greeting']]) {
      const { code, stderr } = await runJob(null, ['fleet', ...words], GREETING);
      assert.equal(code, 2);
      assert.match(stderr, /needs a database, and DATABASE_URL is not set/);
    }
  });
});

describe('the secret of a service account in a fleet', () => {
  it('is fetched once, and opens the mailbox of each subject', async () => {
    const { sandbox, members } = await startFleet(membersOf(6));
    await using _ = sandbox;
    const subjects = members.map(({ email }) => email);
    const key = sandbox.oauth.serviceAccount({
      subjects: subjects.slice(0, 5),
      scopes: ['https://www.googleapis.com/auth/gmail.modify'],
    });
    sandbox.secrets.setSecret('gmail-jobs/workspace', key);
    const run = await runJob(sandbox, ['fleet', '--at-once', '3', 'greeting'], {
      ...GREETING,
      mailboxes: { mailboxes: [{ serviceAccount: 'gmail-jobs/workspace', subjects }] },
    });
    const final = assertFleet(run, 65, { mailboxes: counts({ all: 6, done: 5, failed: 1 }), changed: 5 });
    assert.match(String(final.error), /1 with exit code 77 \(m5@example\.com\)/);
    const fetches = sandbox.requests.filter(({ service }) => service === 'aws');
    const told = run.events.filter(({ event, stage }) => event === 'secret.fetched' && stage === 'AWSCURRENT');
    assert.equal(told.length, 1);
    // AWSCURRENT once for all, and AWSPREVIOUS once for the subject that Google refused.
    assert.equal(fetches.length, 2);
    assert.ok(!`${run.stdout}${run.stderr}`.includes(key.private_key.split('\n')[1] ?? ''));
  });
});
