/** Writes the index of a made-up copy, as an export of a large mailbox leaves it. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createRunId } from '../../lib/base/run-id.ts';
import { partPath } from '../../lib/export/index-writer.ts';
import { formatLine, type Line } from '../../lib/export/line.ts';

const LINES_PER_PART = 1_000;
const BEGAN = Date.parse('2026-11-01T00:00:00Z');
const PLACES = [['INBOX'], ['SENT'], ['INBOX', 'UNREAD', 'CATEGORY_PROMOTIONS'], ['IMPORTANT', 'CATEGORY_PERSONAL']];

/** Message `n` of the made-up mailbox; the source has the text `source n`. */
export function madeUpLine(n: number): Line {
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
export async function writeCopyIndex(folder: string, messages: number): Promise<void> {
  await mkdir(join(folder, 'index'), { recursive: true });
  const relabelled: Line[] = [];
  let part = 0;
  // A run an hour; each has the quota for 18 parts.
  const write = async (lines: readonly Line[]) => {
    const run = createRunId(new Date(BEGAN + Math.floor(part / 18) * 3_600_000)).replace(/.{4}$/, 'abcd');
    await writeFile(join(folder, partPath(run, (part % 18) + 1)), lines.map(formatLine).join(''));
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
