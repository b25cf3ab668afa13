import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { createLog, type LogFormat } from '../../../lib/screen/log.ts';
import { AS_NAMED } from '../../fixtures/as-named.ts';

it('logs what is nested 50,000 deep: values, keys, causes of errors', () => {
  let list: unknown[] = [];
  let object: Record<string, unknown> = {};
  let error = new Error('the first');
  for (let level = 0; level < 50_000; level += 1) {
    list = [list];
    object = { a: object };
    error = new Error('a later one', { cause: error });
  }
  for (const format of ['json', 'pretty'] as const) {
    const lines: string[] = [];
    const log = createLog({ level: 'info', format, spelling: AS_NAMED, write: (line) => lines.push(line) });
    for (const fields of [{ list }, object, { err: error }, { error }]) log.info('job.event', fields);
    assert.equal(lines.length, 4);
    for (const line of lines) assert.ok(line.length < 1_000, line);
  }
});

it('keeps level, time and event of a line that has fields of these names', () => {
  const lines: string[] = [];
  const log = createLog({ level: 'info', format: 'json', spelling: AS_NAMED, write: (line) => lines.push(line) });
  log.info('job.event', { event: 'run.finished', level: 3, time: 4 });
  const { time, ...rest } = JSON.parse(lines[0] ?? '');
  assert.match(time, /^\d{4}-/);
  assert.deepEqual(rest, { level: 'info', event: 'job.event', event_: 'run.finished', level_: 3, time_: 4 });
});

describe('the logs of runs', () => {
  /** A log with its lines, without their times. */
  function start(format: LogFormat = 'json', level: 'info' | 'error' = 'info') {
    const lines: string[] = [];
    const write = (line: string) => lines.push(line.replace(/"time":"[^"]*",/, '').trimEnd());
    const redact = (text: string) => text.replace('s3cret', '[redacted]');
    return { lines, log: createLog({ level, format, spelling: AS_NAMED, write, redact }) };
  }

  it('have the name of the run in each line; a line of the process has none', () => {
    const { log, lines } = start();
    log.info('fleet.started');
    const [alice, bob] = ['gmail-jobs/alice', 'gmail-jobs/s3cret'].map((mailbox) => log.forRun({ mailbox }));
    alice?.warn('quota.wait', { waitMs: 5 });
    bob?.info('secret.fetched', { error: 's3cret' });
    log.info('fleet.finished');
    assert.deepEqual(lines, [
      '{"level":"info","event":"fleet.started"}',
      '{"level":"warn","mailbox":"gmail-jobs/alice","event":"quota.wait","waitMs":5}',
      '{"level":"info","mailbox":"gmail-jobs/[redacted]","event":"secret.fetched","error":"[redacted]"}',
      '{"level":"info","event":"fleet.finished"}',
    ]);
  });

  it('begin a line on a terminal with the name', () => {
    const { log, lines } = start('pretty');
    log.forRun({ mailbox: 'bob' }).info('journal.trashed', { count: 2 });
    assert.match(stripVTControlCharacters(lines[0] ?? ''), /^· bob: 2 old journals/);
  });

  it('end with their own final line, whatever the level is; the others and the process go on', () => {
    const { log, lines } = start('json', 'error');
    const [alice, bob] = ['alice', 'bob'].map((mailbox) => log.forRun({ mailbox }));
    alice?.last('run.finished', { exitCode: 0 });
    alice?.error('job.late');
    bob?.info('not.shown');
    bob?.error('run.bug');
    log.error('egress.refused');
    log.last('fleet.finished', {});
    log.error('job.late');
    assert.deepEqual(lines, [
      '{"level":"info","mailbox":"alice","event":"run.finished","exitCode":0}',
      '{"level":"error","mailbox":"bob","event":"run.bug"}',
      '{"level":"error","event":"egress.refused"}',
      '{"level":"info","event":"fleet.finished"}',
    ]);
  });
});
