import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createJobLog } from '../../../lib/run/job-log.ts';
import { commandSpelling } from '../../../lib/screen/command-spelling.ts';
import { createLog } from '../../../lib/screen/log.ts';

describe("a job's log", () => {
  const lines: string[] = [];
  const misuses: Error[] = [];
  const spelling = commandSpelling({});
  const runLog = createLog({ level: 'debug', format: 'json', write: (line) => lines.push(line), spelling });
  const log = createJobLog(runLog, (error) => misuses.push(error));

  it('writes events of the job at each level, and has no final line', () => {
    for (const level of ['debug', 'info', 'warn', 'error'] as const) log[level]('runs.counted', { count: 1 });
    const written = lines.map((line) => JSON.parse(line));
    assert.deepEqual(
      written.map(({ level, event, count }) => [level, event, count]),
      ['debug', 'info', 'warn', 'error'].map((level) => [level, 'runs.counted', 1]),
    );
    assert.ok(!('last' in log));
  });

  it('refuses events that begin with a name of the program, and what is no text', () => {
    lines.length = 0;
    const toFinal = { toJSON: () => 'run.finished' } as unknown as string;
    for (const event of ['run.started', 'run.finished', 'run', 'fleet.finished', 'egress.refused', toFinal]) {
      assert.throws(() => log.warn(event, {}), /^Error: log\.warn: the event /);
    }
    assert.deepEqual(lines, []);
    assert.equal(misuses.length, 6);
    assert.equal(
      misuses[0]?.message,
      "log.warn: the event run.started belongs to the program: give the job's event a name that does not begin with run",
    );
  });
});
