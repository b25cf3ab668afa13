/**
 * Runs a job over a span of time: shows the forecast and asks before the first change. A job that changes labels runs once,
 * in a mailbox whose searches are limited to the span; a job that reads messages runs once for each window.
 */
import { UsageError } from '../errors.ts';
import type { Mailbox, MailboxOptions, UpcomingChanges } from '../gmail/mailbox.ts';
import type { Span, Window } from '../gmail/windows.ts';
import { alignWindows } from '../gmail/windows.ts';
import type { Job, RunContext } from '../job.ts';
import type { OptionSpecs } from '../options.ts';
import type { Log } from '../screen/log.ts';
import type { Progress } from '../screen/progress.ts';
import type { RunTerminal } from '../screen/terminal.ts';
import {
  type Forecast,
  forecastChanges,
  forecastEvent,
  forecastReading,
  forecastSearches,
  QUESTION,
  type Resources,
} from './forecast.ts';
import { renderForecast } from './forecast-screen.ts';
import type { BackfillValues } from './options.ts';
import { type Range, readingSpanOf, readRange, remainingDates, spanOf } from './span.ts';

export interface BackfillOptions {
  readonly name: string;
  readonly values: BackfillValues;
  readonly kind: Job['backfill'];
  readonly dryRun: boolean;
  readonly person: RunTerminal;
  readonly progress: Progress;
  readonly log: Log;
  readonly now: Date;
  /** Rejects when the answer is not yes, or the run is told to stop. */
  readonly confirm: (question: string) => Promise<void>;
}

/** A window of a job that reads, with the messages found in it. */
type ReadingWindow = { readonly window: Window; readonly ids: readonly string[] };

export class Backfill {
  readonly #options: BackfillOptions;
  readonly #range: Range;
  /** Undefined for a job that reads: its windows depend on the number of messages in the mailbox. */
  readonly #span: Span | undefined;
  #resources: Resources | undefined;
  #confirmed = false;
  /** Starts the progress bar with the forecast's numbers. */
  #begin = () => {};
  /** The last window that a job that reads has finished. */
  #finished: Window | undefined;

  /** @throws UsageError when no time lies between --from and --to, or nobody can be asked. */
  constructor(options: BackfillOptions) {
    const { values, kind, dryRun, person, now } = options;
    this.#options = options;
    this.#range = readRange(values, now);
    if (kind === 'changes') this.#span = spanOf(this.#range, values.window, values.oldestFirst);
    if (!person.interactive && !values.yes && !dryRun) {
      throw new UsageError(
        'a backfill asks before its first change, and nobody can answer here',
        'Add --yes to start it without the question, or --dry-run to see what it would do.',
      );
    }
  }

  /** The mailbox's options for this backfill. */
  mailboxOptions(resources: Resources): Partial<MailboxOptions> {
    this.#resources = resources;
    const { dryRun } = this.#options;
    return {
      ...(this.#span && { span: this.#span }),
      announceChanges: (upcoming) => this.#announceChanges(upcoming),
      announceSearches: (searches) => this.#announceSearches(this.#span, searches),
      ...(!dryRun && { confirm: () => this.#confirm() }),
    };
  }

  async run<O extends OptionSpecs, P>(job: Job<O, P>, context: RunContext<O, P>): Promise<void> {
    if (job.backfill === undefined || job.backfill === 'changes') return await job.run(context);
    const { mailbox, tally, log, signal } = context;
    const span = await this.#readingSpan(mailbox);
    const query = job.backfill.reads(context);
    this.#announceSearches(span, 1);
    const found = await mailbox.spanning(span).find(query);
    const windows = alignWindows([found], span)
      .map(({ window, ids }) => ({ window: window ?? span.whole, ids: ids[0]?.list() ?? [] }))
      .filter(({ ids }) => ids.length > 0);
    if (!span.oldestFirst) windows.reverse();
    const messages = windows.reduce((sum, { ids }) => sum + ids.length, 0);
    this.#tell(forecastReading(this.#forecastInput(span), this.#options.name, messages, windows.length));
    const waiting = new Set<ReadingWindow>(windows);
    try {
      if (!mailbox.live || messages === 0) return;
      await this.#confirm();
      for (const one of windows) {
        signal.throwIfAborted();
        waiting.delete(one);
        this.#options.progress.window(one.window.name);
        await job.run({ ...context, mailbox: mailbox.spanning(only(one.window)), window: describe(one) });
        this.#finished = one.window;
        this.#options.progress.advance(one.ids.length);
        log.info('window.finished', {
          window: one.window.name,
          messages: one.ids.length,
          windowsLeft: waiting.size,
        });
      }
    } finally {
      // Counts the windows that were not worked on as remaining.
      tally.matched([...waiting].reduce((sum, { ids }) => sum + ids.length, 0));
    }
  }

  /**
   * Returns the words of the command that continues this backfill. Ages become dates, so that the command means the same
   * tomorrow; windows that a job has read are left out.
   */
  resume(words: readonly string[]): string[] {
    const { oldestFirst } = this.#options.values;
    const { fromS = null, toS = null } = this.#finished ?? {};
    const left = remainingDates(this.#range, oldestFirst ? { toS } : { fromS });
    return pin(pin(words, '--from', left.from), '--to', left.to);
  }

  async #readingSpan(mailbox: Mailbox): Promise<Span> {
    const { values } = this.#options;
    return readingSpanOf(this.#range, values.window, values.oldestFirst, await mailbox.size());
  }

  async #announceChanges(upcoming: UpcomingChanges): Promise<void> {
    if (this.#span === undefined) return;
    this.#tell(await forecastChanges(this.#forecastInput(this.#span), upcoming));
  }

  /** Logs the cost of a search in every window, before its first request. */
  #announceSearches(span: Span | undefined, searches: number): void {
    if (span?.asked !== true || span.windows.length < 2 || searches === 0) return;
    this.#options.log.info('backfill.look', forecastSearches(this.#forecastInput(span), searches));
  }

  #tell(forecast: Forecast): void {
    const { log, person, progress } = this.#options;
    progress.stop();
    log.info('backfill.forecast', forecastEvent(forecast));
    person.show((columns) => renderForecast(forecast, columns));
    const { units, unitsSpent, unitsPerMinute, messages, changes } = forecast;
    this.#begin = () => progress.plan({ total: changes || messages, units: units - unitsSpent, unitsPerMinute });
  }

  #forecastInput(span: Span) {
    if (this.#resources === undefined) throw new Error('the mailbox was not opened for this backfill');
    const { timeZone, yes } = this.#options.values;
    return { ...this.#resources, span, timeZone, asks: !yes };
  }

  /** Returns whether the person was asked. */
  async #confirm(): Promise<boolean> {
    const { values, confirm } = this.#options;
    // A job that reads may also change something in each window, and is asked about only once.
    if (this.#confirmed) return false;
    if (!values.yes) await confirm(QUESTION);
    this.#confirmed = true;
    this.#begin();
    return !values.yes;
  }
}

function only(window: Window): Span {
  return { whole: window, unit: 'window', windows: [window], asked: false, oldestFirst: false };
}

function describe({ window, ids }: ReadingWindow) {
  const toDate = (seconds: number | null) => (seconds === null ? null : new Date(seconds * 1_000));
  return { name: window.name, from: toDate(window.fromS), to: toDate(window.toS), ids };
}

/** The command line's `words` with this value for the option: in its last place there, or added at the end. */
function pin(words: readonly string[], option: string, value: string | undefined): string[] {
  if (value === undefined) return [...words];
  const at = words.findLastIndex((word) => word === option || word.startsWith(`${option}=`));
  if (at < 0) return [...words, option, value];
  return words[at] === option ? words.with(at + 1, value) : words.with(at, `${option}=${value}`);
}
