import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { jobsToTry } from '../../../lib/build/code-cache.ts';

/** esbuild's entry of a file that imports these. */
const importing = (...paths: string[]) => ({
  bytes: 1,
  imports: paths.map((path) => ({ path, kind: 'import-statement' as const })),
});

describe('the trial runs of a build', () => {
  it('run digest and apply-rules under the names of their files, apply-rules last', () => {
    const inputs = {
      'jobs/tidy.ts': importing('lib/standard/apply-rules.ts'),
      'jobs/digest.ts': importing('lib/standard/digest.ts'),
      'jobs/undo.ts': importing('lib/standard/undo.ts'),
    };
    assert.deepEqual(jobsToTry('jobs', inputs), ['digest', 'tidy']);
  });

  it("never run a job of the owner's, whose effects a build may not have", () => {
    const inputs = {
      'jobs/digest.ts': importing('lib/job.ts'),
      'jobs/more.ts': importing('lib/standard/apply-rules.ts', 'node:fs'),
      'test/jobs/tidy.ts': importing('lib/standard/apply-rules.ts'),
    };
    assert.deepEqual(jobsToTry('jobs', inputs), []);
  });
});
