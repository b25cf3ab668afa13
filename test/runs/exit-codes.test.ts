/** The exit codes of the command line, of the configuration, and of changes that Gmail refuses. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ARCHIVE, apply, carrying, forever, STAR, sandboxOf, told } from '../fixtures/starring.ts';
import { assertEnded, runJob } from '../run.ts';
import { googleErrors } from '../sandbox/index.ts';

describe('the exit code', { concurrency: 4 }, () => {
  it('is 0 when the work is done, and when there is nothing to do', async () => {
    await using sandbox = await sandboxOf();
    const first = assertEnded(await apply(sandbox), 0, { outcome: 'ok', matched: 3, changed: 3, dryRun: false });
    assert.equal(first.secretVersion, sandbox.secrets.secret().versions[0]?.id);
    assert.match(String(first.time), /^\d{4}-\d\d-\d\dT/);
    const second = assertEnded(await apply(sandbox), 0, { outcome: 'nothing-to-do', matched: 0 });
    assert.notEqual(first.runId, second.runId);
  });

  it('is 0 for the help texts and the list of jobs, without any configuration', async () => {
    for (const args of [['--help'], ['list'], ['apply-rules', '--help'], ['help', 'apply-rules']]) {
      const run = await runJob(null, args);
      assert.deepEqual([run.code, run.stderr], [0, ''], args.join(' '));
      assert.match(run.stdout, args.includes('apply-rules') ? /--rule <name>/ : /apply-rules/);
      assert.doesNotMatch(run.stdout, /run\.finished/);
    }
    assert.match((await runJob(null, ['--version'])).stdout, /^gmail-jobs \d+\.\d+\.\d+\n$/);
  });

  it('on a dyno, usage errors name heroku run commands', async () => {
    const run = await runJob(null, ['undo'], { env: { DYNO: 'run.1' } });
    assert.deepEqual([run.code, run.stdout], [2, '']);
    assert.match(run.stderr, /`heroku run job runs`/);
  });

  const usage: [string[], RegExp][] = [
    [[], /^Usage: bin\/job <name>[\s\S]*apply-rules/],
    [['undo'], /`bin\/job runs`/],
    [['help', 'aply-rules'], /"apply-rules"[\s\S]*`bin\/job --help`/],
    [['aply-rules'], /"apply-rules"/],
    [['../lib/main'], /no job/],
    [['constructor'], /no job/],
    [['apply-rules', '--dryrun'], /--dry-run/],
    [['apply-rules', '--max-change', '5'], /--max-changes/],
    [['apply-rules', 'now'], /argument/],
    [['apply-rules', '--rule'], /--rule/],
    [['apply-rules', '--only', 'star'], /unknown option '--only'/],
    [['apply-rules', '--budget', 'soon'], /--budget.*duration/],
    [['apply-rules', '--budget', '0m'], /duration/],
  ];
  it('is 2 for a wrong command line; the message names the nearest word, and there is no final line', async () => {
    await using sandbox = await sandboxOf();
    const runs = usage.map(async ([args, expected]) => {
      const run = await runJob(sandbox, args, { rules: { rules: [STAR] } });
      assert.deepEqual([run.code, run.stdout], [2, ''], `job ${args.join(' ')}: ${run.stdout}${run.stderr}`);
      assert.match(run.stderr, expected);
      assert.doesNotMatch(run.stderr, /^\s+at /m);
    });
    await Promise.all(runs);
    assert.deepEqual(sandbox.requests, []);
  });

  it('is 65 when Gmail refuses a part of the changes', async () => {
    await using sandbox = await sandboxOf(2_500);
    sandbox.faults.add({ verb: 'messages.batchModify', skip: 2, ...googleErrors.invalidArgument('Invalid ids value') });
    const run = await apply(sandbox);
    const final = assertEnded(run, 65, { outcome: 'failed', matched: 2_500, remaining: 0, retries: 0 });
    assert.ok(Number(final.failed) >= 500);
    assert.equal(carrying(sandbox, 'STARRED'), final.changed);
    const refused = run.events.filter(({ event }) => event === 'gmail.refused');
    assert.deepEqual(
      refused.map(({ rule, count }) => [rule, count]),
      [['star-it', final.failed]],
    );
  });

  it('is 65, not 75, when Gmail refused a part before it went away', async () => {
    await using sandbox = await sandboxOf(3);
    sandbox.faults.add({ verb: 'messages.batchModify', ...googleErrors.invalidArgument('Invalid ids') });
    sandbox.faults.add({ verb: 'messages.batchModify', ...forever, ...googleErrors.dailyLimit() });
    const run = await apply(sandbox, { rules: { rules: [STAR, ARCHIVE] } });
    assertEnded(run, 65, { outcome: 'failed', matched: 6, changed: 0, failed: 3, remaining: 3 });
  });

  it('is 75 when the daily quota is spent, without a retry', async () => {
    await using sandbox = await sandboxOf();
    sandbox.faults.add({ verb: 'messages.list', ...forever, ...googleErrors.dailyLimit() });
    const final = assertEnded(await apply(sandbox), 75, { outcome: 'failed', retries: 0 });
    assert.match(told(final), /Daily Limit.*quota/);
  });

  it('is 75 when Gmail sends a Retry-After of an hour', async () => {
    await using sandbox = await sandboxOf();
    const fault = { ...googleErrors.backendError(), headers: { 'retry-after': '3600' } };
    sandbox.faults.add({ verb: 'messages.list', ...forever, ...fault });
    assertEnded(await apply(sandbox), 75, { outcome: 'failed' });
  });
});

describe('a wrong configuration', { concurrency: 4 }, () => {
  it('exits 78 with all missing variables in one message when nothing is configured', async () => {
    const run = await runJob(null, ['apply-rules']);
    const final = assertEnded(run, 78, { outcome: 'failed', requests: 0 });
    for (const name of ['GMAIL_SECRET_ID', 'AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY']) {
      assert.match(String(final.error), new RegExp(`\\b${name}\\b`));
    }
    assert.match(String(final.remedy), /^Set them with `export NAME=value`/);
    assert.equal(run.stdout.trimEnd().split('\n').length, 1);
  });

  it('exits 78 with every wrong variable in one message, and repeats no value', async () => {
    const wrong = {
      AWS_REGION: 'WRONG somewhere',
      RUN_BUDGET: 'WRONG-budget',
      GMAIL_QUOTA_PROFILE: 'WRONG-profile',
      GMAIL_QUOTA_PER_MINUTE: '6000WRONG',
      LOG_LEVEL: 'WRONG-level',
      LOG_FORMAT: 'WRONG-format',
      HEARTBEAT_URL: 'ftp://WRONG.example',
      GMAIL_API_URL: 'https://WRONG.example',
      GOOGLE_TOKEN_URL: 'https://WRONG.example',
      GOOGLE_AUTH_URL: 'https://WRONG.example',
    };
    await using sandbox = await sandboxOf();
    const run = await apply(sandbox, { env: wrong });
    const final = assertEnded(run, 78, { outcome: 'failed' });
    for (const name of Object.keys(wrong)) assert.match(String(final.error), new RegExp(`\\b${name}\\b`));
    assert.doesNotMatch(run.stdout + run.stderr, /WRONG/);
    assert.deepEqual(sandbox.requests, []);
  });

  it('exits 78 for a stand-in that is not on this machine, whatever its address looks like', async () => {
    await using sandbox = await sandboxOf();
    const addresses = [
      'https://gmail.example',
      'http://127.0.0.1.gmail.example',
      'http://127.0.0.1@gmail.example',
      '127.0.0.1:8080',
    ];
    const runs = addresses.map(async (address) => {
      const final = assertEnded(await apply(sandbox, { env: { GMAIL_API_URL: address } }), 78);
      assert.match(String(final.error), /GMAIL_API_URL/, address);
    });
    await Promise.all(runs);
    assert.deepEqual(sandbox.requests, []);
  });

  it('is reported to the monitor', async () => {
    await using sandbox = await sandboxOf();
    const env = { HEARTBEAT_URL: sandbox.monitorUrl, RUN_BUDGET: 'soon' };
    assertEnded(await apply(sandbox, { env }), 78);
    assert.deepEqual(
      sandbox.monitor.pings.map(({ path }) => path.split('/').at(-1)),
      ['78'],
    );
  });
});
