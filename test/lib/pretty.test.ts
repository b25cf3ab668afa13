import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { type LogEvent, prettyLine } from '../../lib/pretty.ts';

const line = (event: LogEvent) => stripVTControlCharacters(prettyLine({ level: 'info', ...event }));

describe('the lines of a backfill', () => {
  it('say what became of a window, and how many are left', () => {
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

  it('have no line for the forecast, which is a table', () => {
    assert.equal(line({ event: 'backfill.forecast', units: 1 }), '');
  });
});
