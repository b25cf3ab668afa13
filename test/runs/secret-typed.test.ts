/** A typed secret is not echoed, even when it is typed before the prompt. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { hasTerminal, runAtTerminal } from '../fixtures/at-terminal.ts';
import { startSandbox } from '../sandbox/index.ts';

it('a client secret is not shown when it is typed as soon as it is asked for', {
  skip: !hasTerminal && 'there is no python3',
}, async () => {
  await using sandbox = await startSandbox();
  const args = ['authorize', '--no-browser', '--client-id', '123-abc.apps.googleusercontent.com'];
  const shown = await runAtTerminal(sandbox, args, { keys: [['it is not shown', 'hush\r']] });
  assert.equal(shown.code, 78, shown.screen);
  assert.match(shown.screen, /Client secret \(it is not shown\): \s+job: the answer is no client secret/);
  assert.deepEqual([shown.screen.includes('hush'), shown.left, shown.isEchoing], [false, '', true]);
});
