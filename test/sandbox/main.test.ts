import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import test from 'node:test';

const MAIN = new URL('main.ts', import.meta.url).pathname;

test('prints the variables to paste and what to type next, and ends with Ctrl-C', async () => {
  const child = spawn(process.execPath, [MAIN, '--messages', '20'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    output += chunk;
    if (output.includes('Ctrl-C')) break;
  }
  child.kill('SIGINT');
  const [exitCode] = await once(child, 'exit');
  assert.equal(exitCode, 0);
  assert.match(output, /^export GMAIL_API_URL='http:\/\/127\.0\.0\.1:\d+'$/m);
  assert.match(output, /^export GOOGLE_TOKEN_URL='http:\/\/127\.0\.0\.1:\d+\/token'$/m);
  assert.match(output, /bin\/job apply-rules --dry-run/);
});

for (const options of [
  ['--mesages', '3'],
  ['--messages', '2k'],
  ['--messages', ''],
  ['--quota-profile', '2025'],
  ['--email', 'alice'],
  ['extra'],
]) {
  test(`exits 2 with one line when it is called with ${JSON.stringify(options)}`, () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...options], { encoding: 'utf8' });
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /^[^\n]+\n$/);
  });
}
