import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createLog } from '../../../lib/screen/log.ts';
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
