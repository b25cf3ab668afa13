import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type Finding, failed, ok, skipped, warning } from '../../../lib/check/finding.ts';
import { createFindingRenderer, verdictOf } from '../../../lib/check/screen.ts';
import { CredentialError, UnavailableError } from '../../../lib/errors.ts';

const IDS = ['aws', 'mailbox'];

function show(finding: Finding, columns = Number.POSITIVE_INFINITY): string[] {
  return stripVTControlCharacters(createFindingRenderer({ ids: IDS, columns })(finding)).split('\n');
}

describe('the screen of job check', () => {
  it('aligns the lines, and writes AWS in capitals', () => {
    assert.deepEqual(show(ok('aws', 'allowed')), ['  ✔ AWS      allowed']);
    assert.deepEqual(show(skipped('mailbox', 'not checked')), ['  – mailbox  not checked']);
  });

  it('puts rows, notes and the remedy below their line', () => {
    const rows = [{ status: 'ok', cells: ['a', 'one'] } as const, { cells: ['long-name', 'two'] }];
    assert.deepEqual(show(warning('mailbox', 'hm', 'Do it.', { rows, notes: ['think of it'] })), [
      '  ! mailbox  hm',
      '             ✔ a          one',
      '             · long-name  two',
      '             ! think of it',
      '             → Do it.',
    ]);
  });

  it('never exceeds the width of a terminal, and loses no word', () => {
    const words = 'one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen';
    const counts = '1,000 found, 990 to change, 10 spared by keepNewest';
    const rows = [{ cells: ['rule', counts, words] }];
    for (const columns of [60, 70, 80]) {
      const lines = show(warning('aws', words, words, { rows, notes: [words] }), columns);
      for (const line of lines) assert.ok(line.length <= columns, `${line.length}: ${line}`);
      assert.equal(lines.join(' ').match(/\bfifteen\b/g)?.length, 4);
      assert.ok(
        lines.every((line) => /^ {2}! |^ {13}/.test(line) || line.startsWith('         ')),
        lines.join('\n'),
      );
    }
  });

  it('keeps every line whole in a log', () => {
    const words = 'word '.repeat(100).trim();
    assert.deepEqual(show(ok('aws', words)), [`  ✔ AWS      ${words}`]);
  });
});

describe('the verdict', () => {
  const jobs = ['a', 'b'];
  const error = new CredentialError('denied', 'allow');

  it('is yes without a failure, and counts the warnings', () => {
    assert.equal(verdictOf([ok('aws', '')], jobs), 'Yes, the next run would work.');
    assert.equal(
      verdictOf([warning('x', '', ''), warning('y', '', '')], jobs),
      'Yes, the next run would work. 2 warnings.',
    );
  });

  it('names the lines that failed', () => {
    assert.equal(verdictOf([failed('aws', error), failed('x', error)], jobs), 'No: AWS, x failed (exit code 77).');
  });

  it('names the jobs that would run and the jobs that would not', () => {
    const some = failed('scopes', error, { stops: ['b'] });
    assert.equal(verdictOf([some], jobs), 'In part: a would run, b would not (exit code 77).');
    const all = failed('scopes', error, { stops: jobs });
    assert.equal(verdictOf([all], jobs), 'No: scopes failed (exit code 77).');
    assert.equal(verdictOf([some, failed('aws', error)], jobs), 'No: scopes, AWS failed (exit code 77).');
  });

  it('says when runs use AWSPREVIOUS, and when a later run may work', () => {
    assert.match(verdictOf([failed('token', error, { bridged: true })], jobs), /^Yes, but only with AWSPREVIOUS/);
    assert.match(verdictOf([failed('token', new UnavailableError('away', 'wait'))], jobs), /^Not now: token failed/);
  });
});
