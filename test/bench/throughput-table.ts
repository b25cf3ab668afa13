/** The table of `npm run bench:throughput` and the notes below it. */
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
  const keepsJournal = row.title === 'apply-rules';
  const figures = [
    String(row.mailbox),
    String(row.messages),
    String(row.requests),
    String(row.units),
    isPlain || keepsJournal ? '' : String(row.leastUnits),
    String(row.refusals),
    String(row.windows - 1),
    isPlain ? '' : seconds(row.ownMs),
    seconds(row.wallMs),
    isPlain ? '' : seconds(row.mostMs),
    row.memoryMb.toFixed(0),
  ];
  show(row.title, figures);
}

/** The rows of each contender, the smallest mailbox first. */
export interface Compared {
  readonly applied: readonly Row[];
  readonly bare: readonly Row[];
  readonly read: readonly Row[];
  readonly plain: Row;
}

export function showNotes({ applied, bare, read, plain }: Compared): void {
  const large = applied.at(-1);
  const ratio = (large?.messages ?? 0) / plain.messages;
  const journals = applied.map(({ units }, index) => `${units - (bare[index]?.units ?? 0)} units of ${units}`);
  process.stdout.write(`
messages  changed or read; a message that two rules change counts twice
least     the fewest units that suffice: profile, labels, new labels, full pages, full batches, and a second search of
          each long list at the end
minutes   imposed by the quota: units ÷ limit, rounded up, minus 1
own       time without the quota: start, the longest chain of requests that depend on each other, and the requests that
          change or read, as many at once as the program sends; each as the sandbox recorded it, plus 20 ms
at most   1.03 × minutes + own

The journal: ${journals.join(', ')}.
Peak memory on ${large?.mailbox} messages against ${applied[0]?.mailbox}: apply-rules ${growth(applied)}, read-starred ${growth(read)}.
The plain script made ${plain.messages} changes. Extrapolated to ${large?.messages}: \
${seconds(plain.wallMs * ratio)} s, ${Math.round(plain.units * ratio)} units; apply-rules took ${seconds(large?.wallMs ?? 0)} s.
`);
}

function growth(rows: readonly Row[]): string {
  return `${((rows.at(-1)?.memoryMb ?? 0) / (rows[0]?.memoryMb ?? 1)).toFixed(2)} ×`;
}

function show(title: string, figures: readonly string[]): void {
  process.stdout.write(`${title.padEnd(18)}${figures.map((figure) => figure.padStart(9)).join('')}\n`);
}

function seconds(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
