/** The jobs of jobs/ and its rules.yaml as they are: holds for any jobs and rules. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { parseAttachmentRules } from '../../lib/attachments/schema.ts';
import { RESERVED_NAMES } from '../../lib/commands/index.ts';
import { Registry } from '../../lib/registry.ts';
import { parseRules } from '../../lib/rules/schema.ts';
import { runOwnJob } from '../run.ts';

const JOBS = new URL('../../jobs/', import.meta.url);
const RULES = new URL('rules.yaml', JOBS);
const ATTACHMENTS = new URL('attachments.yaml', JOBS);

describe('the jobs in jobs/', () => {
  const registry = new Registry(JOBS, RESERVED_NAMES);

  for (const name of registry.names) {
    it(`loads, with a summary of one line and at least one scope: ${name}`, async () => {
      const { summary, scopes } = await registry.load(name);
      assert.match(summary, /^\S.*$/);
      assert.ok(scopes.length > 0);
    });
  }

  it('are in the built program', async () => {
    const { code, stdout, stderr } = await runOwnJob(null, ['list']);
    assert.equal(code, 0, stderr);
    const listed = [...stdout.matchAll(/^ {2}(\S+)/gm)].map(([, name]) => name);
    assert.deepEqual(listed, registry.names);
  });
});

describe('jobs/attachments.yaml', { skip: !existsSync(ATTACHMENTS) && 'there is none' }, () => {
  it('has no mistake', () => {
    parseAttachmentRules(readFileSync(ATTACHMENTS, 'utf8'), 'jobs/attachments.yaml');
  });
});

describe('jobs/rules.yaml', { skip: !existsSync(RULES) && 'there is none' }, () => {
  it('has no mistake', () => {
    parseRules(readFileSync(RULES, 'utf8'), 'jobs/rules.yaml');
  });
});
