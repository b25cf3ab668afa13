import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { readStack, stackOf } from '../../../lib/process/stack.ts';

describe('stackOf', () => {
  it('shows the stack of an error and of its causes', () => {
    const stack = stackOf(new Error('outer', { cause: new TypeError('inner', { cause: 'text' }) }));
    assert.match(stack, /^Error: outer\n {4}at [\s\S]*\nCaused by: TypeError: inner\n {4}at [\s\S]*\nCaused by: text$/);
  });

  it('ends for an error that is its own cause, and fits into a log line', () => {
    const error = new Error('x'.repeat(5_000));
    error.cause = error;
    assert.ok(stackOf(error).length <= 6_000);
  });

  it('shows a thrown value that is no Error', () => {
    assert.equal(stackOf('text'), 'text');
    assert.equal(stackOf(null), 'null');
  });
});

describe('readStack', () => {
  const jobs = new URL('file:///app/jobs/');
  const withStack = (...frames: readonly string[]) =>
    Object.assign(new Error('x'), { stack: ['Error: x', ...frames.map((frame) => `    at ${frame}`)].join('\n') });

  it('names the first place in a job, also behind places of the program', () => {
    const error = withStack(
      'search (file:///app/lib/gmail/searcher.ts:10:5)',
      'async run (file:///app/jobs/tidy.ts:12:7)',
      'async file:///app/jobs/shared/words.ts:3:1',
      'node:internal/timers:5:1',
    );
    assert.deepEqual(readStack(error, jobs), {
      text: [
        'Error: x',
        '    at search (lib/gmail/searcher.ts:10:5)',
        '    at async run (jobs/tidy.ts:12:7)',
        '    at async jobs/shared/words.ts:3:1',
        '    at node:internal/timers:5:1',
      ].join('\n'),
      place: 'jobs/tidy.ts:12',
    });
  });

  it('names no place for a stack without one, and for a value without a stack', () => {
    assert.equal(readStack(withStack('x (/elsewhere/jobs/tidy.ts:1:1)'), jobs).place, undefined);
    assert.equal(readStack('text', jobs).place, undefined);
  });

  it('finds the place of the source by the source map beside a built file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'gmail-jobs-stack-'));
    try {
      await mkdir(join(folder, 'jobs'));
      // The third line of the file is the first one of the source.
      const map = { version: 3, sources: ['../../jobs/tidy.ts'], names: [], mappings: ';;AAAA' };
      await writeFile(join(folder, 'jobs/tidy.js.map'), JSON.stringify(map));
      const error = withStack(`run (${folder}/jobs/tidy.js:3:1)`);
      const { text, place } = readStack(error, pathToFileURL(`${folder}/jobs/`));
      assert.deepEqual([text, place], ['Error: x\n    at run (jobs/tidy.ts:1:1)', 'jobs/tidy.ts:1']);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
