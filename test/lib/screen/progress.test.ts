import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { createProgressBar } from '../../../lib/screen/progress-bar.ts';

const HIDE_CURSOR = '\x1b[?25l';
const SHOW_CURSOR = '\x1b[?25h';

/** A terminal that keeps what was written to it, and a clock that is set by hand. */
function open(columns = 100) {
  let text = '';
  const stream = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  const time = { now: 0 };
  const bar = createProgressBar(Object.assign(stream, { isTTY: true, columns }), () => time.now);
  return {
    bar,
    time,
    /** The text drawn since the last call. */
    drawn: () => {
      const now = text;
      text = '';
      return now;
    },
    // Its timer would keep a failed test alive.
    [Symbol.dispose]: () => bar.end(),
  };
}

const AHEAD = { total: 1_000_000, units: 50_000, unitsPerMinute: 6_000 };

describe('the progress bar', () => {
  it('is drawn only for long work', () => {
    using screen = open();
    const { bar, drawn } = screen;
    bar.start(1_999);
    bar.advance(100);
    bar.plan({ total: 1_500, units: 4_000, unitsPerMinute: 6_000 });
    bar.spent(20);
    bar.advance(1);
    assert.equal(drawn(), '');
    bar.start(2_000);
    bar.end();
    using long = open();
    long.bar.plan({ total: 1_500, units: 30_000, unitsPerMinute: 6_000 });
    long.bar.spent(20);
    assert.match(long.drawn(), /0%.*0 of 1,500.*20 units\/min/);
  });

  it('counts the whole plan while its parts begin', () => {
    using screen = open(120);
    const { bar, drawn } = screen;
    bar.plan(AHEAD);
    bar.window('2015');
    bar.start(100_000);
    bar.advance(100_000);
    bar.window('2016');
    bar.start(300_000);
    bar.stop();
    drawn();
    bar.advance(150_000);
    assert.match(stripVTControlCharacters(drawn()), /25% {2}2016 {4}250,000 of 1,000,000/);
  });

  it('shows a pause', () => {
    using screen = open(120);
    const { bar, time, drawn } = screen;
    bar.plan(AHEAD);
    bar.waiting(time.now + 14_000, 'window');
    assert.match(stripVTControlCharacters(drawn()), /paused 14s for Gmail's quota/);
    time.now += 10_000;
    bar.stop();
    assert.match(stripVTControlCharacters(drawn()), /paused 4s for Gmail's quota/);
    time.now += 5_000;
    bar.advance(0);
    assert.match(stripVTControlCharacters(drawn()), / 0\/s {2}0 units\/min/);
  });

  it('shows a pause alone before the work is known, until the pause is over', (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    using screen = open();
    const { bar, time, drawn } = screen;
    assert.equal(bar.waiting(time.now + 14_000, 'refused'), true);
    assert.match(stripVTControlCharacters(drawn()), /^.* {2}paused 14s, refused by Gmail/s);
    bar.waiting(time.now + 12_000, 'window');
    bar.stop();
    assert.ok(drawn().includes(SHOW_CURSOR));
    bar.looking(3);
    assert.match(stripVTControlCharacters(drawn()), /looking: 3 messages found, paused 14s, refused by Gmail/);
    time.now += 14_000;
    bar.waiting(time.now, 'window');
    assert.ok(!drawn().includes(SHOW_CURSOR));
    test.mock.timers.tick(1);
    assert.ok(drawn().includes(SHOW_CURSOR));
  });

  it('shows the messages found during the search', () => {
    using screen = open();
    const { bar, drawn } = screen;
    bar.looking(500);
    assert.equal(drawn(), '');
    bar.looking(34_500);
    assert.match(drawn(), /looking: 34,500 messages found/);
  });

  it('restores the screen and the cursor, for a written line and at the end', () => {
    using screen = open();
    const { bar, drawn } = screen;
    bar.plan(AHEAD);
    bar.spent(50);
    assert.ok(drawn().includes(HIDE_CURSOR));
    bar.stop();
    assert.ok(drawn().endsWith(`${SHOW_CURSOR}\x1b[?7h\x1b8\x1b[1G\x1b[2K`));
    bar.advance(1_000);
    assert.ok(drawn().includes(HIDE_CURSOR));
    bar.end();
    assert.ok(drawn().includes(SHOW_CURSOR));
    bar.advance(1_000);
    bar.spent(50);
    bar.waiting(1e9, 'window');
    bar.stop();
    assert.equal(drawn(), '');
  });

  it('comes back by itself after a line was written', (test) => {
    test.mock.timers.enable({ apis: ['setTimeout'] });
    using screen = open();
    const { bar, drawn } = screen;
    bar.plan(AHEAD);
    bar.spent(50);
    bar.stop();
    drawn();
    test.mock.timers.tick(249);
    assert.equal(drawn(), '');
    test.mock.timers.tick(1);
    assert.match(drawn(), /0%/);
  });

  it('is erased when the work is done', () => {
    using screen = open();
    const { bar, drawn } = screen;
    bar.start(5_000);
    bar.advance(1_000);
    assert.match(drawn(), /20%/);
    bar.advance(4_000);
    assert.ok(drawn().includes(SHOW_CURSOR));
  });
});
