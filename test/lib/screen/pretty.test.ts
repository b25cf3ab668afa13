import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type FinalNotes, type LogEvent, prettyLine } from '../../../lib/screen/pretty.ts';

const line = (event: LogEvent) => stripVTControlCharacters(prettyLine({ level: 'info', ...event }));

describe('every event', () => {
  it('has a sentence in SENTENCES', async () => {
    const names = new Set<string>();
    const event =
      /'((?:backfill|digest|egress|export|fleet|gmail(?!\.com)|heartbeat|journal|label|post|process|protect|quota|restore(?!\.json)|rules?|run|secret|token|undo|window)\.[a-z_]+)'/g;
    for await (const file of glob(['lib/**/*.ts'])) {
      if (file === 'lib/screen/pretty.ts') continue;
      for (const [, name = ''] of (await readFile(file, 'utf8')).matchAll(event)) names.add(name);
    }
    for (const final of ['run.finished', 'fleet.finished']) names.delete(final);
    assert.ok(names.size > 35, [...names].join(' '));
    for (const name of ['label.matched', 'journal.not_closed', 'digest.there', 'quota.wait'])
      assert.ok(names.has(name), name);
    for (const name of names) assert.ok(!line({ event: name }).startsWith(`· ${name}`), name);
  });
});

describe('the last lines of a fleet', () => {
  const ends = { all: 1_240, done: 40, nothingToDo: 1_190, partial: 0, failed: 0, remaining: 10, elsewhere: 0 };
  const event = { event: 'fleet.finished', exitCode: 0, durationMs: 61_000, requests: 7_000, quotaUnits: 33_480 };

  it('count the mailboxes, and then the messages', () => {
    const spent = '(1m 01s, 7,000 requests, 33,480 quota units)';
    assert.equal(
      line({ ...event, outcome: 'partial', mailboxes: ends, changed: 621, skipped: 9 }),
      `✔ fleet partial: 1,240 mailboxes, 40 done, 1,190 with nothing to do, 10 remaining ${spent}\n  messages: 621 changed, 9 left alone\n`,
    );
    assert.equal(
      line({ ...event, outcome: 'nothing-to-do', mailboxes: { all: 1, nothingToDo: 1 } }),
      `✔ fleet nothing to do: 1 mailbox, 1 with nothing to do ${spent}\n`,
    );
  });

  it('name what failed, and the next step', () => {
    const failed = { outcome: 'failed', exitCode: 65, mailboxes: { all: 2, done: 1, failed: 1 } };
    assert.match(
      line({ ...event, ...failed, error: 'The job failed in one', remedy: 'Look at it.' }),
      /^✖ fleet failed, exit code 65: 2 mailboxes, 1 done, 1 failed \(.*\)\n {2}The job failed in one\n {2}Look at it\.\n$/,
    );
  });
});

describe('the lines of a backfill', () => {
  it('say what a window changed, and how many windows are left', () => {
    const event = { event: 'window.finished', window: '2019', changed: 120_431, failed: 3, messages: 120_434 };
    assert.equal(line({ ...event, windowsLeft: 7 }), '· 2019: 120,431 changed, 3 failed (7 windows left)\n');
    assert.equal(line({ ...event, failed: 0, windowsLeft: 1 }), '· 2019: 120,431 changed (1 window left)\n');
    assert.equal(
      line({ ...event, changed: 0, failed: 0, windowsLeft: 0 }),
      '· 2019: 120,434 messages (the last one)\n',
    );
    const none = { ...event, changed: 0, failed: 0, messages: 0, windowsLeft: 2 };
    assert.equal(line(none), '· 2019: nothing to do (2 windows left)\n');
  });

  it('say what the journal holds', () => {
    const event = { event: 'journal.written', messages: 12_000 };
    assert.equal(line({ ...event, part: 1, parts: 1 }), '· journal written: 12,000 messages\n');
    assert.equal(line({ ...event, part: 2, parts: 3 }), '· journal written: 12,000 messages, part 2 of 3\n');
  });

  it('say how many messages of a copy were verified, with those that the copy lacks', () => {
    const event = { event: 'export.verified', messages: 4, sound: 3, damaged: 1, missing: 1, aged: 0, bytes: 0 };
    const counts = '5 messages verified: 3 sound, 1 damaged, 1 missing, 0 changed in the mailbox since';
    assert.equal(line({ ...event, problems: 0 }), `· ${counts} (0 bytes read)\n`);
    assert.equal(
      line({ ...event, problems: 2 }),
      `· ${counts}; 2 problems of the index or state.json (0 bytes read)\n`,
    );
  });

  it('have no line for counts that are all 0', () => {
    const event = { event: 'export.finished', copied: 0, bytes: 0, relabelled: 0, deleted: 0 };
    assert.equal(line(event), '');
    assert.match(line({ ...event, relabelled: 1 }), /1 with new labels/);
    assert.equal(line({ event: 'restore.finished', imported: 0, there: 0, leftOut: 0, failed: 0 }), '');
  });

  it('have no line for the forecast, which is a table', () => {
    assert.equal(line({ event: 'backfill.forecast', units: 1 }), '');
  });
});

describe('the line of a rule that was planned', () => {
  const event = { event: 'rule.planned', rule: 'old', matched: 1_172, skipped: 12, spared: 10, toChange: 1_160 };

  it('names the changes, and why other messages are left alone', () => {
    assert.equal(
      line({ ...event, actions: ['archive', 'label Auto/Archived'] }),
      '· old: 1,172 found, 1,160 to change (archive, label Auto/Archived), 10 spared by keepNewest, 2 handled by earlier rules\n',
    );
    assert.equal(line({ ...event, skipped: 0, spared: 0, actions: [] }), '· old: 1,172 found, 1,160 to change\n');
    assert.equal(line({ ...event, matched: 0 }), '· old: nothing found\n');
  });
});

describe('the final line', () => {
  const none = { matched: 0, changed: 0, skipped: 0, failed: 0, remaining: 0 };
  const event = { ...none, event: 'run.finished', exitCode: 0, durationMs: 1_234, requests: 1, quotaUnits: 5_000 };
  const finished = (fields: LogEvent, notes: FinalNotes = {}, columns?: number) =>
    stripVTControlCharacters(prettyLine({ level: 'info', ...event, ...fields }, columns, notes));
  const spent = '(1.2s, 1 request, 5,000 quota units)';

  for (const [what, fields, notes, expected] of [
    [
      'what changed',
      { outcome: 'ok', changed: 1_603, skipped: 10 },
      {},
      `✔ ok: 1,603 changed, 10 left alone ${spent}\n`,
    ],
    [
      'what would change, in a dry run',
      { outcome: 'ok', dryRun: true, remaining: 1_603, skipped: 10 },
      {},
      `✔ ok: 1,603 would change, 10 left alone ${spent}\n`,
    ],
    ['that there was nothing', { outcome: 'nothing-to-do' }, {}, `✔ nothing to do ${spent}\n`],
    [
      'that a verified copy is sound',
      { job: 'export', outcome: 'nothing-to-do', skipped: 1_603 },
      { verifies: true },
      `✔ sound: 1,603 messages ${spent}\n`,
    ],
    [
      'how many messages of a verified copy are sound',
      { job: 'export', outcome: 'failed', exitCode: 65, skipped: 1_603, failed: 2 },
      { verifies: true },
      `✖ failed, exit code 65: 1,603 sound, 2 failed ${spent}\n`,
    ],
    [
      'that nothing was changed, when the person did not want it',
      { outcome: 'partial', remaining: 6_364, skipped: 1, resume: 'job apply-rules' },
      { declined: true },
      `· Nothing was changed. ${spent}\n`,
    ],
    [
      'what was changed, when the person declined later',
      { outcome: 'partial', changed: 2, remaining: 1 },
      { declined: true },
      `✔ partial: 2 changed, 1 remaining ${spent}\n`,
    ],
    [
      'that nothing was changed, and not that nothing matched, when it was stopped while it looked',
      { outcome: 'interrupted', exitCode: 130 },
      {},
      `✖ interrupted, exit code 130: nothing was changed ${spent}\n`,
    ],
    [
      'how it is taken back, and how it goes on',
      { outcome: 'partial', changed: 1, remaining: 1, resume: 'job apply-rules' },
      { undo: 'job undo 20261123-031608-7f3a' },
      `✔ partial: 1 changed, 1 remaining ${spent}\n  to undo: job undo 20261123-031608-7f3a\n  to continue: job apply-rules\n`,
    ],
  ] as const) {
    it(`says ${what}`, () => assert.equal(finished(fields, notes), expected));
  }

  it('is wrapped at words; a command gets backslashes so that it can be pasted', () => {
    const resume = 'bin/job apply-rules --rule old-newsletters --from 2015-01-01';
    const fields = { outcome: 'failed', exitCode: 75, error: 'Gmail was not available after 6 attempts', resume };
    assert.equal(
      finished(fields, {}, 40),
      [
        '✖ failed, exit code 75: nothing was',
        '  changed (1.2s, 1 request, 5,000 quota',
        '  units)',
        '  Gmail was not available after 6',
        '  attempts',
        '  to continue: bin/job apply-rules \\',
        '    --rule old-newsletters --from \\',
        '    2015-01-01',
        '',
      ].join('\n'),
    );
  });

  it('shows each problem of the rules file on its own line', () => {
    const error = 'rules.yaml:3:5: unknown key; rules.yaml:9:1: needs a name';
    const shown = line({ ...event, outcome: 'failed', exitCode: 78, error });
    assert.match(shown, /\n {2}rules\.yaml:3:5: unknown key\n {2}rules\.yaml:9:1: needs a name\n/);
  });

  it('shows no control sequence of a text', () => {
    const shown = prettyLine({
      level: 'info',
      event: 'rules.warning',
      rule: 'a',
      warning: 'x\u001b[2Jy\u0007\u009b1mz',
    });
    assert.equal(stripVTControlCharacters(shown), '· a: xy z\n');
  });
});
