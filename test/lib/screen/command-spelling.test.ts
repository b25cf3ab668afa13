import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { COMMANDS } from '../../../lib/commands/index.ts';
import { commandSpelling } from '../../../lib/screen/command-spelling.ts';
import { ROOT } from '../../run.ts';

const laptop = commandSpelling({});
const dyno = commandSpelling({ DYNO: 'scheduler.1234' });

describe('a command in a text', () => {
  const texts: [named: string, onLaptop: string, onDyno: string][] = [
    ['See `job --help`.', 'See `bin/job --help`.', 'See `heroku run job help`.'],
    ['See `job apply-rules --help`.', 'See `bin/job apply-rules --help`.', 'See `heroku run job help apply-rules`.'],
    ['`job check --jobs a,b` says', '`bin/job check --jobs a,b` says', '`heroku run job check --jobs a,b` says'],
    ['with `job …`.', 'with `bin/job …`.', 'with `heroku run job …`.'],
    ['plain `job`', 'plain `bin/job`', 'plain `heroku run job`'],
    ['(`job rotate`)', '(`bin/job rotate`)', '(`bin/job rotate` on your own computer)'],
    [
      '`job authorize --replace`',
      '`bin/job authorize --replace`',
      '`bin/job authorize --replace` on your own computer',
    ],
    [
      '`GMAIL_SECRET_ID=a/b job rotate`',
      '`GMAIL_SECRET_ID=a/b bin/job rotate`',
      '`GMAIL_SECRET_ID=a/b bin/job rotate` on your own computer',
    ],
    [
      '`GMAIL_SECRET_ID=a job check`',
      '`GMAIL_SECRET_ID=a bin/job check`',
      '`GMAIL_SECRET_ID=a bin/job check` on your own computer',
    ],
    ['`job policy`', '`bin/job policy`', '`bin/job policy` on your own computer'],
    [
      '`job runs` or `job rotate`',
      '`bin/job runs` or `bin/job rotate`',
      '`heroku run job runs` or `bin/job rotate` on your own computer',
    ],
    ['`job undo\n x`', '`bin/job undo\n x`', '`heroku run job undo\n x`'],
    ['`job authorized-job`', '`bin/job authorized-job`', '`heroku run job authorized-job`'],
  ];
  for (const [named, onLaptop, onDyno] of texts) {
    it(`is spelt for laptop and dyno: ${JSON.stringify(named)}`, () => {
      assert.deepEqual([laptop.text(named), dyno.text(named)], [onLaptop, onDyno]);
      assert.deepEqual([laptop.text(onLaptop), dyno.text(onDyno)], [onLaptop, onDyno], 'twice');
    });
  }

  it('changes only texts in backticks that begin with the word job', () => {
    for (const text of [
      'a job is done',
      '`jobs/rules.yaml`',
      '`heroku run job check`',
      '`bin/job x`',
      '`job',
      '`my job x`',
    ])
      assert.deepEqual([laptop.text(text), dyno.text(text)], [text, text]);
  });

  it('knows the same laptop-only commands as jobs/README.md', () => {
    const reference = readFileSync(join(ROOT, 'jobs/README.md'), 'utf8');
    const [, said = ''] = /Only the commands (.*) are for Heroku too/.exec(reference) ?? [];
    const named = [...said.matchAll(/`([a-z]+)`/g)].map(([, name]) => String(name));
    assert.ok(named.length > 0);
    for (const name of Object.keys(COMMANDS)) {
      const isOwn = dyno.text(`\`job ${name}\``).endsWith('on your own computer');
      assert.equal(isOwn, !named.includes(name), name);
    }
  });
});

describe('a whole command line', () => {
  const AWKWARD = [
    '',
    ' ',
    'two words',
    "it's",
    '"q"',
    '*',
    '$HOME',
    '`id`',
    '$(id)',
    '\\',
    '#',
    ';',
    '-(is:starred OR a)',
    'a\nb',
    '!',
    '~',
  ];

  it('is plain where no word needs quotes', () => {
    const words = ['job', 'apply-rules', '--from', '2015-01-01', '--max-share=90%'];
    assert.equal(laptop.command(words), 'bin/job apply-rules --from 2015-01-01 --max-share=90%');
    assert.equal(dyno.command(words), 'heroku run job apply-rules --from 2015-01-01 --max-share=90%');
    assert.equal(dyno.command(['job', 'rotate']), 'bin/job rotate');
  });

  /** The words that a shell makes of `line`, with functions in place of the commands. */
  const read = (line: string, commands = '') => {
    const script = `show() { printf '%s\\0' "$@"; }; ${commands}\n${line.replace(/^bin\/job/, 'show job')}`;
    return execFileSync('sh', ['-c', script], { encoding: 'utf8' }).split('\0').slice(0, -1);
  };

  it('is read back by a shell word for word', () => {
    const words = ['job', 'export', ...AWKWARD];
    assert.deepEqual(read(laptop.command(words)), words);
  });

  it('survives `heroku run`, which drops the quotes of several arguments', () => {
    // As buildCommand of the CLI, and then the dyno's shell.
    const heroku = `heroku() { shift
      if [ $# -eq 1 ]; then line=$1; else
        line=''
        for arg; do
          case $arg in *' '*|*'"'*) arg="\\"$(printf %s "$arg" | sed 's/"/\\\\"/g')\\"" ;; esac
          line="$line $arg"
        done
      fi
      eval "show $line"
    }`;
    for (const words of [
      ['job', 'undo', '20261123-031608-7f3a', '--yes'],
      ['job', 'export', ...AWKWARD],
      ...AWKWARD.map((word) => ['job', 'x', word]),
    ])
      assert.deepEqual(read(dyno.command(words), heroku), words);
    assert.notDeepEqual(
      read("heroku run job x 'a*b' '$HOME'", heroku),
      ['job', 'x', 'a*b', '$HOME'],
      'this is not how the CLI works',
    );
  });
});
