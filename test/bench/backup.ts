/**
 * `node24 test/bench/backup.ts`, and the last part of `npm run bench:throughput`: measures an export to S3 that Google's quota
 * limits, exports with nothing new, the memory of export, restore and attachments with messages of 25 MB, and how a large
 * copy is opened.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testProgram } from '../fixtures/program.ts';
import { commandWith } from '../run.ts';
import { accountFor } from './account.ts';
import type { BackupCommand, BackupStandInOptions, BackupStandInReport } from './backup-stand-in.ts';
import { measure, surroundings, type Usage, type Variables } from './children.ts';
import { measureOpening } from './copy-index.ts';

const STAND_IN = fileURLToPath(new URL('backup-stand-in.ts', import.meta.url));
const MINUTE_MS = 60_000;

/** The factor by which an export may exceed the minutes that the quota imposes. */
const MOST = 1.03;
/** The export needs so many minutes' worth of units, and therefore waits for one minute less. */
const WINDOWS = 3;
const UNITS_OF_READ = 20;
const UNITS_PER_MINUTE = 6_000;

const LARGE = 8;
const LARGE_BYTES = 25_000_000;
const SMALL = 60;
/** A quota that imposes no wait while memory is measured. */
const PLENTY = 1_000_000;

const MOST_EXPORT_MB = 200;
const MOST_RESTORE_MB = 256;
const MOST_UNITS = 12;
const MOST_S3_REQUESTS = 10;
const COPIED = 500_000;
const MOST_OPENING_MS = 5_000;
const MOST_OPENING_MB = 200;

/** A figure, its limit (undefined for none), and its unit. */
type Figure = readonly [title: string, measured: number, atMost: number | undefined, unit: string];

interface Measured extends Usage {
  /** In epoch milliseconds. */
  readonly startedAt: number;
  readonly standIn: BackupStandInReport;
}

/** Stand-ins and the runs on them. */
class Place implements AsyncDisposable {
  readonly #folder: string;
  readonly #child: ChildProcess;
  readonly #env: Variables;

  private constructor(folder: string, child: ChildProcess, env: Variables) {
    this.#folder = folder;
    this.#child = child;
    this.#env = env;
  }

  static async open(options: Omit<BackupStandInOptions, 'folder'>): Promise<Place> {
    const folder = await mkdtemp(join(tmpdir(), 'gmail-jobs-bench-'));
    const child = fork(STAND_IN, [JSON.stringify({ ...options, folder })]);
    const [variables] = (await once(child, 'message')) as [Variables];
    const { HEARTBEAT_URL: _, ...env } = variables;
    return new Place(folder, child, { ...env, GMAIL_QUOTA_PER_MINUTE: String(options.unitsPerMinute) });
  }

  async run(words: readonly string[], more: Variables = {}): Promise<Measured> {
    const startedAt = performance.timeOrigin + performance.now();
    const usage = await measure(words, { ...this.#env, ...more });
    return { ...usage, startedAt, standIn: await this.tell('report') };
  }

  async tell(command: BackupCommand): Promise<BackupStandInReport> {
    this.#child.send(command);
    const [report] = (await once(this.#child, 'message')) as [BackupStandInReport];
    return report;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.disconnect();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

/** Prints the figures and returns those that exceed their limits, in words. */
export async function measureBackups(): Promise<string[]> {
  const job = async (name: string, ...words: string[]) => [...(await commandWith('own')).slice(1), name, ...words];
  const figures: Figure[] = [];
  const show = (...figure: Figure) => {
    const [title, measured, atMost, unit] = figure;
    const shown = (value: number) => `${Math.round(value * 10) / 10} ${unit}`;
    const isOver = atMost !== undefined && measured > atMost;
    const limit = atMost === undefined ? '' : `at most ${shown(atMost)}`;
    process.stdout.write(`${title.padEnd(66)}${shown(measured).padStart(14)}  ${limit}${isOver ? '  EXCEEDED' : ''}\n`);
    figures.push(figure);
  };

  process.stdout.write(
    `\nCopies: S3 and Gmail with the latencies of Gmail, quota ${UNITS_PER_MINUTE} units a minute\n`,
  );
  const messages = Math.floor(((WINDOWS - 0.05) * UNITS_PER_MINUTE) / UNITS_OF_READ);
  {
    await using place = await Place.open({ messages, large: 0, largeBytes: 0, unitsPerMinute: UNITS_PER_MINUTE });
    const first = await place.run(await job('export'));
    const account = await accountFor(first.standIn, first.startedAt);
    const windows = Math.ceil(account.units / UNITS_PER_MINUTE);
    const mostMs = MOST * (windows - 1) * MINUTE_MS + account.ownMs;
    const title = `export of ${account.messages} messages`;
    show(`${title}: wall time`, first.wallMs / 1_000, mostMs / 1_000, 's');
    show(`${title}: refused requests`, first.standIn.refusals, 0, '');
    show(`${title}: peak memory`, first.memoryMb, MOST_EXPORT_MB, 'MB');
    show(
      `${title}: CPU time of the stand-ins, as a multiple of the program's`,
      first.standIn.cpuMs / first.cpuMs,
      undefined,
      '×',
    );
    const again = await place.run(await job('export'));
    showNothingNew(account.messages, again);
  }
  {
    const [large, largeBytes] = [LARGE, LARGE_BYTES];
    await using place = await Place.open({ messages: SMALL, large, largeBytes, unitsPerMinute: PLENTY });
    const title = `${SMALL} messages, ${LARGE} of them of 25 MB`;
    const first = await place.run(await job('export'));
    show(`export of ${title}: peak memory`, first.memoryMb, MOST_EXPORT_MB, 'MB');
    showNothingNew(SMALL, await place.run(await job('export')));
    const rules = join(await testProgram('installed'), 'attachments.yaml');
    await writeFile(rules, JSON.stringify({ rules: [{ name: 'all', query: 'larger:1K', files: ['*'] }] }));
    const saved = await place.run(await job('attachments'), { ATTACHMENTS_FILE: rules });
    show(`attachments of ${title}: peak memory`, saved.memoryMb, MOST_EXPORT_MB, 'MB');
    await place.tell('empty');
    const restored = await place.run(await job('restore', '--yes'));
    show(`restore of ${title}: peak memory`, restored.memoryMb, MOST_RESTORE_MB, 'MB');
    show(`restore of ${title}: refused requests`, restored.standIn.refusals, 0, '');
    show('peak memory of the stand-ins', restored.standIn.memoryMb, undefined, 'MB');
  }
  const opened = await measureOpening(COPIED);
  show(`opening the copy of ${COPIED} messages: wall time`, opened.wallMs / 1_000, MOST_OPENING_MS / 1_000, 's');
  show(`opening the copy of ${COPIED} messages: CPU time`, opened.cpuMs / 1_000, undefined, 's');
  show(`opening the copy of ${COPIED} messages: peak memory`, opened.memoryMb, MOST_OPENING_MB, 'MB');
  return figures.flatMap(([title, measured, atMost]) => (atMost !== undefined && measured > atMost ? [title] : []));

  function showNothingNew(size: number, { standIn: { requests } }: Measured): void {
    const units = requests.reduce((sum, request) => sum + request.units, 0);
    const s3Requests = requests.filter(({ service }) => service === 's3').length;
    show(`export with nothing new, ${size} messages: quota units`, units, MOST_UNITS, '');
    show(`export with nothing new, ${size} messages: requests to S3`, s3Requests, MOST_S3_REQUESTS, '');
  }
}

if (import.meta.main) {
  process.stdout.write(`${surroundings()}\n`);
  const missed = await measureBackups();
  if (missed.length > 0) process.exitCode = 1;
}
