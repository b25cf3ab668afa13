import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { authorizeForMore } from '../../../lib/google/scopes.ts';
import { Scope } from '../../../lib/job.ts';

describe('the advice for a grant that is too small', () => {
  const { modify, readonly, insert, labels } = Scope;
  const rules = { name: 'apply-rules', scopes: [modify] };
  const digest = { name: 'digest', scopes: [readonly, insert, labels] };
  const undo = { name: 'undo', scopes: [modify] };
  const list = { name: 'list', scopes: [readonly] };
  const installed = [rules, digest, list, undo];
  const table = [
    [
      'the job that needs more, with those that run',
      [rules],
      [readonly, insert, labels],
      'apply-rules,digest,list,undo',
    ],
    ['no job that would need a further scope', [rules], [], 'apply-rules,undo'],
    ['jobs that need no more than it', [digest], [], 'digest,list'],
    ['jobs that a wider scope serves', [digest], [modify], 'apply-rules,digest,list,undo'],
    [
      'installed jobs in place of a command',
      [{ name: 'job runs', scopes: [modify] }],
      [readonly],
      'apply-rules,list,undo',
    ],
  ] as const;
  for (const [title, needing, granted, names] of table) {
    it(`names ${title}`, () => {
      const remedy = authorizeForMore(needing, granted, installed);
      assert.match(remedy, new RegExp(`\`job rotate --jobs ${names}\``));
    });
  }
});
