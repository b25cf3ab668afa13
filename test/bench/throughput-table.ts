/** The table of `npm run bench:throughput`, and what is said below it. */
import type { Row } from './throughput.ts';

const TITLES = [
  'mailbox',
  'messages',
  'requests',
  'units',
  'least',
  'refused',
  'minutes',
  'own, s',
  'wall, s',
  'at most',
];

export function showTitles(): void {
  show('', [...TITLES, 'MB']);
}

export function showRow(row: Row): void {
  const isPlain = row.title === 'plain script';
  const figures = [
    String(row.mailbox),
    String(row.messages),
    String(row.requests),
    String(row.units),
    isPlain ? '' : String(row.leastUnits),
    String(row.refusals),
    String(row.windows - 1),
    isPlain ? '' : seconds(row.ownMs),
    seconds(row.wallMs),
    isPlain ? '' : seconds(row.mostMs),
    row.memoryMb.toFixed(0),
  ];
  show(row.title, figures);
}

/** The parts that have to be compared, by size of mailbox, the smallest first. */
export interface Compared {
  readonly applied: readonly Row[];
  readonly bare: readonly Row[];
  readonly plain: Row;
}

export function showNotes({ applied, bare, plain }: Compared): void {
  const [small, large] = applied;
  const extrapolated = applied.map((row) => {
    const ratio = row.messages / plain.messages;
    const units = Math.round(plain.units * ratio);
    const time = `${seconds(plain.wallMs * ratio)} s, ${units} units`;
    return `  ${row.mailbox} messages, ${row.messages} changes: ${ratio === 1 ? time : `about ${time} (extrapolated)`}`;
  });
  const journals = applied.map((row, index) => row.units - (bare[index]?.units ?? 0));
  process.stdout.write(`
messages  changed or read; one that two rules change counts twice
least     units with which that can be done: whose mailbox, its labels, new labels, full pages and full batches
minutes   that the quota imposes: units ÷ limit, rounded up, less one
own       the time without the quota: start, the longest way through requests that lead to others, then those that
          change or read, through the program's gate; as long as the sandbox recorded, and 10 ms, each
at most   1.03 × minutes + own

The journal: ${journals.map((units, index) => `${units} units of ${applied[index]?.units}`).join(', ')}.
Peak memory of apply-rules, 100,000 against 10,000 messages: ${((large?.memoryMb ?? 0) / (small?.memoryMb ?? 1)).toFixed(2)} ×.
The plain script with all changes of apply-rules, in proportion to ${plain.messages}:
${extrapolated.join('\n')}
`);
}

function show(title: string, figures: readonly string[]): void {
  process.stdout.write(`${title.padEnd(18)}${figures.map((figure) => figure.padStart(9)).join('')}\n`);
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
