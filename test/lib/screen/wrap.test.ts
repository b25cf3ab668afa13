import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters, styleText } from 'node:util';
import { cut, splitProblems, widthOf, wrap, wrapCommand } from '../../../lib/screen/wrap.ts';

const TEXT = 'Set HEARTBEAT_URL to the address that a monitor gives you, then run `bin/job check` again.';

describe('a text for a terminal', () => {
  it('is broken at words; further lines have the indent of the first, plus hang', () => {
    assert.equal(
      wrap(`  ${TEXT}`, 40, 2),
      [
        '  Set HEARTBEAT_URL to the address that',
        '    a monitor gives you, then run',
        '    `bin/job check` again.',
      ].join('\n'),
    );
    assert.equal(wrap('one\n  two three', 100), 'one\n  two three');
    assert.equal(wrap(TEXT, Number.POSITIVE_INFINITY), TEXT);
  });

  it('loses no word, and only a long word makes a line too long', () => {
    for (let columns = 20; columns <= 100; columns += 1) {
      const wrapped = wrap(TEXT, columns, 2);
      assert.equal(wrapped.replace(/\n */g, ' '), TEXT);
      for (const line of wrapped.split('\n')) assert.ok(line.length <= columns, `${columns}: ${line}`);
    }
  });

  it('keeps long words and commands in backticks whole', () => {
    const link = `https://accounts.google.com/${'x'.repeat(60)}`;
    assert.equal(wrap(`see ${link} now`, 30), `see\n${link}\nnow`);
    assert.equal(wrap('You may run `job undo --last` now.', 24), 'You may run\n`job undo --last` now.');
    assert.equal(wrap("a lone ` and Gmail's words are words", 24), "a lone ` and Gmail's\nwords are words");
  });

  it('keeps the spaces between columns', () => {
    assert.equal(wrap('  Mailbox   alice@example.com', 80), '  Mailbox   alice@example.com');
  });

  it('counts no column for styles, and two for East Asian characters', () => {
    assert.equal(widthOf(styleText('bold', 'abc', { validateStream: false })), 3);
    assert.equal(widthOf('日本語'), 6);
    assert.equal(widthOf('e\u0301'), 1);
    const styled = wrap(styleText('dim', 'aaaa bbbb cccc dddd eeee', { validateStream: false }), 20);
    assert.equal(stripVTControlCharacters(styled), 'aaaa bbbb cccc dddd\neeee');
  });
});

describe('a command for a shell', () => {
  it('gets backslashes at line ends, so that it can be pasted', () => {
    const command = "  bin/job apply-rules --rule old --from 2015-01-01 --query 'a b'\\''c d'";
    const wrapped = wrapCommand(command, 40, 2);
    assert.equal(
      wrapped,
      ['  bin/job apply-rules --rule old \\', '    --from 2015-01-01 --query \\', "    'a b'\\''c d'"].join('\n'),
    );
    assert.equal(wrapCommand(command, 80), command);
  });
});

describe('a text that is cut', () => {
  it('ends with an ellipsis, and fits', () => {
    assert.equal(cut('abcdef', 6), 'abcdef');
    assert.equal(cut('abcdefg', 6), 'abcde…');
    assert.equal(cut('日本語日本語', 6), '日本…');
    assert.equal(cut('ab cd', 4), 'ab…');
  });
});

describe('splitProblems', () => {
  it('splits at each problem of a file, and not at other semicolons', () => {
    const problems = ['my rules.yaml:3:5: a; b', 'my rules.yaml:9:1: c', 'and 3 more'];
    assert.deepEqual(splitProblems(problems.join('; ')), problems);
    for (const text of ['one; two', 'rules.yaml: is empty; no rules', ''])
      assert.deepEqual(splitProblems(text), [text]);
  });
});
