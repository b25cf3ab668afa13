/** Writes the index of a made-up copy, as an export of a large mailbox leaves it, and measures how it is opened. */
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRunId } from '../../lib/base/run-id.ts';
import { INDEX, partPath } from '../../lib/export/index-writer.ts';
import { formatLine, type Line } from '../../lib/export/line.ts';
import { measure, type Usage } from './children.ts';

const LINES_PER_PART = 1_000;
const BEGAN = Date.parse('2026-11-01T00:00:00Z');
const PLACES = [['INBOX'], ['SENT'], ['INBOX', 'UNREAD', 'CATEGORY_PROMOTIONS'], ['IMPORTANT', 'CATEGORY_PERSONAL']];

/** Message `n` of the made-up mailbox; the source has the text `source n`. */
function madeUpLine(n: number): Line {
  const id = (0x18f0_0000_0000_0000n + BigInt(n) * 0x1_0001n).toString(16);
  const source = `source ${n}`;
  return {
    id,
    threadId: n % 3 === 0 ? id : (0x18f0_0000_0000_0000n + BigInt(n - (n % 3)) * 0x1_0001n).toString(16),
    date: new Date(BEGAN - n * 300_000).toISOString(),
    size: source.length,
    sha256: createHash('sha256').update(source).digest('hex'),
    labels: [...(PLACES[n % PLACES.length] ?? []), ...(n % 5 === 0 ? [`Work/Customer ${n % 400}`] : [])],
    historyId: String(1_000_000 + n * 7),
  };
}

/** Writes `messages` lines, and a line with new labels for every tenth. */
async function writeCopyIndex(folder: string, messages: number): Promise<void> {
  await mkdir(join(folder, 'index'), { recursive: true });
  const relabelled: Line[] = [];
  let part = 0;
  // A run an hour; each has the quota for 18 parts.
  const write = async (lines: readonly Line[]) => {
    const run = createRunId(new Date(BEGAN + Math.floor(part / 18) * 3_600_000)).replace(/.{4}$/, 'abcd');
    await writeFile(join(folder, partPath(INDEX, run, (part % 18) + 1)), lines.map(formatLine).join(''));
    part += 1;
  };
  for (let first = 0; first < messages; first += LINES_PER_PART) {
    const count = Math.min(LINES_PER_PART, messages - first);
    const lines = Array.from({ length: count }, (_, n) => madeUpLine(first + n));
    await write(lines);
    for (const line of lines) {
      if ('id' in line && Number.parseInt(line.id.slice(-3), 16) % 10 === 0)
        relabelled.push({ id: line.id, labels: ['INBOX', 'Later'], historyId: '99000000' });
    }
  }
  for (let first = 0; first < relabelled.length; first += LINES_PER_PART) {
    await write(relabelled.slice(first, first + LINES_PER_PART));
  }
}

/** The flags of the Procfile that concern memory. */
const FLAGS = ['--max-semi-space-size=2', '--v8-pool-size=1'];

/** Opens the copy of so many messages in a process of its own. */
export async function measureOpening(messages: number): Promise<Usage> {
  const folder = await mkdtemp(join(tmpdir(), 'gmail-jobs-copy-'));
  try {
    await writeCopyIndex(folder, messages);
    return await measure([...FLAGS, 'test/bench/open-copy.ts', folder], {});
  } finally {
    await rm(folder, { recursive: true });
  }
}
