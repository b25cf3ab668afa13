import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ROOT } from './run.ts';

const folder = mkdtempSync(join(tmpdir(), 'gmail-jobs-reporter-'));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a test file with these lines under the reporter of `npm test`. */
function report(...lines: string[]) {
  const file = join(folder, 'made-up.test.mjs');
  writeFileSync(file, [`import { test, describe, it } from 'node:test';`, ...lines].join('\n'));
  const [, reporter = ''] = /(--test-reporter=\S+)/.exec(readFileSync(join(ROOT, 'package.json'), 'utf8')) ?? [];
  const env = { PATH: process.env.PATH };
  return spawnSync(process.execPath, ['--test', reporter, file], { cwd: ROOT, env, encoding: 'utf8' });
}

describe('the reporter of npm test', { concurrency: 3 }, () => {
  it('prints nothing for tests that pass, and ends with the summary', () => {
    const lines = Array.from({ length: 30 }, (_, index) => `test('number ${index}', () => console.log('noise'));`);
    const { stdout, status } = report(...lines, `it.todo('later', () => { throw new Error('not yet'); });`);
    assert.equal(status, 0);
    assert.match(stdout, /^# tests 31\n# suites 0\n# pass 30\n# fail 0\n(# \w+ [\d.]+\n)+$/);
  });

  it('prints each failed test in full, and no failure of its suite', () => {
    const { stdout, status } = report(
      `describe('a suite', () => { it('fails', () => { throw new Error('the reason'); }); });`,
      `test('passes', (t) => t.diagnostic('fail is a word'));`,
    );
    assert.equal(status, 1);
    assert.match(stdout, /✖ fails[\s\S]*Error: the reason[\s\S]*made-up\.test\.mjs:2:/);
    assert.doesNotMatch(stdout, /passes|subtest|a word/);
    assert.match(stdout, /# pass 1\n# fail 1\n[\s\S]*# duration_ms [\d.]+\n$/);
  });

  it('prints why a test file could not be loaded', () => {
    const { stdout, status } = report(`import './is-not-there.mjs';`);
    assert.equal(status, 1);
    assert.match(stdout, /Cannot find module .*is-not-there[\s\S]*# fail 1\n/);
  });
});
