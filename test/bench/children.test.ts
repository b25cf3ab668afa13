import assert from 'node:assert/strict';
import { test } from 'node:test';
import { commandWith } from '../run.ts';
import { measure, startSandboxProcess } from './children.ts';

test('the benchmarks measure a run on a sandbox in a process of its own', async () => {
  const { env, stop } = await startSandboxProcess(0);
  try {
    const [, ...program] = await commandWith('installed');
    const { wallMs, cpuMs, memoryMb } = await measure([...program, 'apply-rules'], env);
    for (const figure of [wallMs, cpuMs, memoryMb]) assert.ok(figure > 0);
  } finally {
    stop();
  }
});
