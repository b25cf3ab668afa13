/**
 * Limits a job to a span of time: gives its mailbox the span, shows the forecast, and asks before the first change or the
 * first message that the job gets. The mailbox's verbs work through the windows of the span.
 */
import { type DateRange, datesOf, readRange } from '../base/date-range.ts';
import { UsageError } from '../errors.ts';
import type { UpcomingReads } from '../gmail/hand-over.ts';
import type { MailboxOptions, UpcomingChanges } from '../gmail/mailbox.ts';
import type { Span } from '../gmail/windows.ts';
import type { Log } from '../screen/log.ts';
import type { Progress } from '../screen/progress.ts';
import type { RunTerminal } from '../screen/terminal.ts';
import {
  type Forecast,
  forecastChanges,
  forecastEvent,
  forecastReads,
  forecastSearches,
  QUESTION,
  type Resources,
} from './forecast.ts';
import { renderForecast } from './forecast-screen.ts';
import type { BackfillValues } from './options.ts';
import { spanOf } from './span.ts';

export interface BackfillOptions {
  readonly name: string;
  readonly values: BackfillValues;
  readonly dryRun: boolean;
  readonly person: RunTerminal;
  readonly progress: Progress;
  readonly log: Log;
  readonly now: Date;
  /** Rejects when the answer is not yes, or the run is told to stop. */
  readonly confirm: (question: string) => Promise<void>;
}

export class Backfill {
  readonly #options: BackfillOptions;
  readonly #range: DateRange;
  readonly #span: Span;
  #resources: Resources | undefined;
  #confirmed = false;
  /** Starts the progress bar with the forecast's numbers. */
  #begin = () => {};
  /** A job may also change something for each message that it gets: its forecast is that of the messages. */
  #isReading = false;

  /** @throws UsageError when no time lies between --from and --to, or nobody can be asked. */
  constructor(options: BackfillOptions) {
    const { values, dryRun, person, now } = options;
    this.#options = options;
    this.#range = readRange(values, now);
    this.#span = spanOf(this.#range, values.window, values.oldestFirst);
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
      span: this.#span,
      announceChanges: (upcoming) => this.#announceChanges(upcoming),
      announceReads: (upcoming) => this.#announceReads(upcoming),
      announceSearches: (searches) => this.#announceSearches(searches),
      ...(!dryRun && { confirm: () => this.confirm() }),
    };
  }

  /** Asks once in a run. Returns whether it asked. Rejects when the answer is not yes. */
  async confirm(question = QUESTION): Promise<boolean> {
    const { values, confirm } = this.#options;
    if (this.#confirmed) return false;
    if (!values.yes) await confirm(question);
    this.#confirmed = true;
    this.#begin();
    return !values.yes;
  }

  /** The words of the command that continues this backfill: ages become dates, so that it means the same tomorrow. */
  resume(words: readonly string[]): string[] {
    const { from, to } = datesOf(this.#range);
    return pin(pin(words, '--from', from), '--to', to);
  }

  async #announceChanges(upcoming: UpcomingChanges): Promise<void> {
    if (this.#isReading) return;
    this.#tell(await forecastChanges(this.#forecastInput(), upcoming));
  }

  #announceReads(upcoming: UpcomingReads): void {
    this.#isReading = true;
    this.#tell(forecastReads(this.#forecastInput(), this.#options.name, upcoming));
  }

  /** Logs the cost of a search in every window, before its first request. */
  #announceSearches(searches: number): void {
    const { asked, windows } = this.#span;
    if (!asked || windows.length < 2 || searches === 0) return;
    this.#options.log.info('backfill.look', forecastSearches(this.#forecastInput(), searches));
  }

  #tell(forecast: Forecast): void {
    const { log, person, progress } = this.#options;
    progress.stop();
    log.info('backfill.forecast', forecastEvent(forecast));
    person.show((columns) => renderForecast(forecast, columns));
    const { units, unitsSpent, unitsPerMinute, messages, changes } = forecast;
    this.#begin = () => progress.plan({ total: changes || messages, units: units - unitsSpent, unitsPerMinute });
  }

  #forecastInput() {
    if (this.#resources === undefined) throw new Error('the mailbox was not opened for this backfill');
    const { timeZone, yes } = this.#options.values;
    return { ...this.#resources, span: this.#span, timeZone, asks: !yes };
  }
}

/** The command line's `words` with this value for the option: in its last place there, or added at the end. */
function pin(words: readonly string[], option: string, value: string | undefined): string[] {
  if (value === undefined) return [...words];
  const at = words.findLastIndex((word) => word === option || word.startsWith(`${option}=`));
  if (at < 0) return [...words, option, value];
  return words[at] === option ? words.with(at + 1, value) : words.with(at, `${option}=${value}`);
}
