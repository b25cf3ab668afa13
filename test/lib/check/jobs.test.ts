import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { VersionKeys } from '../../../lib/aws/job-secrets.ts';
import type { Finding } from '../../../lib/check/finding.ts';
import { checkJobs } from '../../../lib/check/jobs.ts';
import { UnavailableError, UsageError } from '../../../lib/errors.ts';
import { defineJob, type Job, Scope } from '../../../lib/job.ts';

const PLAIN = { summary: 'x', scopes: [Scope.readonly], options: {}, async run() {} };
const KEYS: VersionKeys = {
  secretId: 'gmail-jobs/alice',
  versionId: 'v1',
  furtherKeys: new Map([['WEBHOOK_TOKEN', '"made-up-token"']]),
};

async function lineOf(job: Job, jobKeys: () => Promise<VersionKeys | null> = async () => KEYS) {
  const found: Finding[] = [];
  const jobs = [{ name: 'mine', job }];
  const check = checkJobs({
    jobs,
    mailbox: null,
    jobKeys,
    rulesFile: undefined,
    attachmentsFile: undefined,
    allowHosts: () => undefined,
  });
  for await (const finding of check) found.push(finding);
  assert.ok(found.length <= 1);
  return found[0];
}

describe('the line of a job', () => {
  it('is left out for a job without secrets that has nothing to show, and asks for no keys', async () => {
    assert.equal(await lineOf(defineJob(PLAIN) as Job, assert.fail), undefined);
  });

  it('says that the secrets are there', async () => {
    const job = defineJob({ ...PLAIN, secrets: ['WEBHOOK_TOKEN'] }) as Job;
    assert.partialDeepStrictEqual(await lineOf(job), {
      status: 'ok',
      detail: 'the secret gmail-jobs/alice has WEBHOOK_TOKEN',
    });
    assert.equal((await lineOf(job, async () => null))?.status, 'skipped');
  });

  it('fails for a missing secret, also when the job needs options', async () => {
    const job = defineJob({
      ...PLAIN,
      secrets: ['CRM_KEY'],
      prepare() {
        throw new UsageError('--to is missing', 'Write --to.');
      },
    }) as Job;
    assert.partialDeepStrictEqual(await lineOf(job), { status: 'failed', exitCode: 78, stops: ['mine'] });
    const away = async () => {
      throw new UnavailableError('AWS is away', 'Wait.');
    };
    assert.partialDeepStrictEqual(await lineOf(job, away), { status: 'failed', exitCode: 75, detail: 'AWS is away' });
  });

  it('names the file of a job that throws, and the check goes on', async () => {
    const job = defineJob({ ...PLAIN, hosts: () => [new URL('').host] }) as Job;
    assert.partialDeepStrictEqual(await lineOf(job), {
      status: 'failed',
      detail: 'the job throws TypeError: Invalid URL',
      exitCode: 1,
      stops: ['mine'],
    });
  });
});
