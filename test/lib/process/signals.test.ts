import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { rememberSignals } from '../../../lib/process/signals.ts';

function setUp() {
  const process = new EventEmitter();
  return { process, signals: rememberSignals(process as unknown as NodeJS.Process) };
}

describe('rememberSignals', () => {
  it('tells a listener of a signal that came before it listened, at once', () => {
    const { process, signals } = setUp();
    process.emit('SIGTERM');
    const heard: string[] = [];
    for (const signal of ['SIGTERM', 'SIGINT'] as const) signals.on(signal, () => heard.push(signal));
    assert.deepEqual(heard, ['SIGTERM']);
  });

  it('tells every listener of every signal that comes later', () => {
    const { process, signals } = setUp();
    const heard: string[] = [];
    for (const name of ['one', 'two']) signals.on('SIGINT', () => heard.push(name));
    process.emit('SIGINT');
    process.emit('SIGINT');
    assert.deepEqual(heard, ['one', 'two', 'one', 'two']);
  });
});
