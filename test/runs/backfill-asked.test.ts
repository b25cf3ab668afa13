/** The question before a backfill, at a real terminal. Where there is no Python to make one, these tests are left out. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { mailboxOfYears, RULES, stateOf } from '../fixtures/years.ts';
import { COMMAND, ROOT, withRules } from '../run.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';

/** Runs a command at a terminal of its own; types the first argument when it was asked and is given a line to go on. */
const AT_TERMINAL = `
import fcntl, os, pty, struct, sys, termios
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 100, 0, 0))
seen, typed = b'', False
while True:
    try:
        piece = os.read(fd, 65536)
    except OSError:
        break
    if not piece:
        break
    seen += piece
    sys.stdout.buffer.write(piece)
    sys.stdout.flush()
    if not typed and b'[y/N]' in seen:
        typed = True
        sys.stdin.readline()
        os.write(fd, sys.argv[1].encode().decode('unicode_escape').encode())
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
`;

const hasPython = spawnSync('python3', ['-c', 'import pty, os; os.waitstatus_to_exitcode']).status === 0;

async function answer(sandbox: Sandbox, typed: string, meanwhile = () => {}) {
  await using files = await withRules(RULES);
  const [, ...words] = COMMAND;
  // As README says for a rules file elsewhere.
  const readable = `--allow-fs-read=${files.folder}`;
  const command = [process.execPath, readable, ...words, 'apply-rules', '--from', '9999d', '--to=2y'];
  const child = spawn('python3', ['-c', AT_TERMINAL, typed, ...command], {
    cwd: ROOT,
    env: { PATH: process.env.PATH, TERM: 'xterm', ...sandbox.env, ...files.env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let screen = '';
  let wasAsked = false;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
    if (wasAsked || !screen.includes('[y/N]')) return;
    wasAsked = true;
    meanwhile();
    child.stdin.end('\n');
  });
  const code = await new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  return { code, screen: stripVTControlCharacters(screen) };
}

describe('the question before a backfill', { concurrency: 3, skip: !hasPython && 'there is no python3' }, () => {
  for (const [key, typed, code, outcome] of [
    ['y', 'y\\r', 0, /✔ ok: \d+ matched, \d+ changed/],
    ['n', 'n\\r', 0, /✔ partial: \d+ matched/],
    ['Ctrl-C', '\\x03', 130, /✖ interrupted, exit code 130/],
  ] as const) {
    it(`takes ${key}, and the run ends with ${code}`, async () => {
      await using sandbox = await startSandbox({ mailbox: mailboxOfYears() });
      const before = stateOf(sandbox);
      const shown = await answer(sandbox, typed);
      assert.equal(shown.code, code, shown.screen);
      assert.match(shown.screen, outcome);
      assert.match(shown.screen, /Forecast[\s\S]*old-mail[\s\S]*in all[\s\S]*guards[\s\S]*Go on\? \[y\/N\]/);
      const goesOn = key === 'y';
      assert.equal(JSON.stringify(stateOf(sandbox)) === JSON.stringify(before), !goesOn);
      const dates = /to go on: bin\/job apply-rules --from \d{4}-\d\d-\d\d --to=\d{4}-\d\d-\d\d/;
      assert.equal(dates.test(shown.screen.replace(/\s+/g, ' ')), !goesOn, shown.screen);
    });
  }

  it('leaves time to star what is to be left alone', async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOfYears() });
    const before = stateOf(sandbox);
    const starred = Object.keys(before).filter((id) => before[id]?.join() === 'INBOX,UNREAD');
    const shown = await answer(sandbox, 'y\\r', () => sandbox.mailbox.modify(starred, ['STARRED'], []));
    assert.equal(shown.code, 0, shown.screen);
    const after = stateOf(sandbox);
    for (const id of starred) assert.deepEqual(after[id], ['INBOX', 'STARRED', 'UNREAD']);
    assert.match(shown.screen, /\d+ changed/);
  });
});
