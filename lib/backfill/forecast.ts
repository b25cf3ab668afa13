/** Computes a backfill's forecast: its changes, quota units and duration. Shows nothing: see forecast-screen.ts. */
import type { QuotaProfile } from '../config.ts';
import { batchCount, portionsOf, setSizes } from '../gmail/change-plan.ts';
import type { GmailClient } from '../gmail/client.ts';
import { MAX_CONCURRENT } from '../gmail/concurrency.ts';
import type { UpcomingReads } from '../gmail/hand-over.ts';
import { PAGE_SIZE } from '../gmail/list-page.ts';
import type { UpcomingChanges } from '../gmail/mailbox.ts';
import { estimateDurationMs } from '../gmail/pace.ts';
import type { QuotaWindow } from '../gmail/quota.ts';
import { unitsOf } from '../gmail/units.ts';
import type { Span } from '../gmail/windows.ts';

export interface ForecastRule {
  readonly name: string;
  readonly matched: number;
  readonly skipped: number;
  readonly toChange: number;
  /** The rule's own maxChanges. */
  readonly atMost: number | null;
}

export interface Forecast {
  readonly rules: readonly ForecastRule[];
  /** Such as `2015-01-01 to now (UTC)`. */
  readonly range: string;
  readonly windows: number;
  /** Such as `year`; null when the range is not divided. */
  readonly windowUnit: string | null;
  readonly messages: number;
  readonly changes: number;
  /** Quota units that the searches have spent so far. */
  readonly unitsSpent: number;
  /** Quota units in all, including `unitsSpent`. */
  readonly units: number;
  /** Requests still to be sent. */
  readonly requests: number;
  /** How long the rest takes, at the current quota. */
  readonly durationMs: number;
  /** How many runs of `budgetMs` the backfill takes, including this one. */
  readonly runs: number;
  readonly unitsPerMinute: number;
  readonly budgetMs: number;
  readonly guards: {
    readonly maxChanges: number | null;
    /** Where `maxChanges` was set, when not in the rules file. */
    readonly maxChangesFrom?: string;
    /** The largest share of the mailbox that one rule may change, from 0 to 1. */
    readonly maxShare: number | null;
    /** Messages in the mailbox. */
    readonly mailbox: number;
  };
}

/** The run's quota and time. */
export interface Resources {
  readonly connection: { readonly client: GmailClient; readonly quota: QuotaWindow };
  readonly profile: QuotaProfile;
  readonly budgetMs: number;
  readonly mailboxSize: () => Promise<number>;
  /** Milliseconds since the connection to Gmail was opened. */
  readonly elapsedMs: () => number;
}

export interface ForecastInput extends Resources {
  readonly span: Span;
  readonly timeZone: string;
  /** Whether the run asks a person first; it then repeats the search for protected messages after the answer. */
  readonly asks: boolean;
}

/** Requests still to be sent. */
interface Work {
  readonly requests: number;
  readonly units: number;
}

/** The forecast of a job that changes labels. */
export async function forecastChanges(
  input: ForecastInput,
  { plan, guards, newLabels, keepsJournal }: UpcomingChanges,
): Promise<Forecast> {
  const sizes = setSizes(plan);
  const portions = portionsOf(plan, keepsJournal);
  const batches = portions.flatMap((portion) => sizes.map((_, set) => batchCount(portion, set))).reduce(sum, 0);
  const journals = keepsJournal ? portions.length : 0;
  const long = plan.sets.filter(({ found }) => found > PAGE_SIZE).length;
  const looksUp = input.asks && plan.protection !== undefined && batches > 0 ? 1 : 0;
  const { profile } = input;
  const work = total([
    { requests: batches, units: batches * unitsOf('messages.batchModify', profile) },
    { requests: journals, units: journals * unitsOf('messages.insert', profile) },
    // At the end the run marks its journals, more than ten of them in one batch.
    journals > 10
      ? { requests: 1, units: unitsOf('messages.batchModify', profile) }
      : { requests: journals, units: journals * unitsOf('messages.modify', profile) },
    // A search with more than one page of results is repeated at the end, for messages that it missed.
    { requests: long, units: long * unitsOf('messages.list', profile) },
    { requests: newLabels.length, units: newLabels.length * unitsOf('labels.create', profile) },
    { requests: looksUp, units: looksUp * unitsOf('messages.list', profile) },
  ]);
  const rules = plan.sets.map(({ name, found }, index): ForecastRule => {
    const toChange = sizes[index] ?? 0;
    const own = guards.find(({ set, share }) => set === name && share === undefined);
    return { name, matched: found, skipped: found - toChange, toChange, atMost: own?.atMost ?? null };
  });
  const ofRun = guards.find(({ set }) => set === undefined);
  return {
    ...common(input, work),
    rules,
    windows: plan.windows.filter(({ changes }) => changes.some(({ ids }) => ids.size > 0)).length,
    messages: rules.reduce((all, { matched }) => all + matched, 0),
    changes: sizes.reduce(sum, 0),
    guards: {
      maxChanges: ofRun?.atMost ?? null,
      ...(ofRun?.from !== undefined && { maxChangesFrom: ofRun.from }),
      maxShare: guards.find(({ share }) => share !== undefined)?.share ?? null,
      mailbox: await input.mailboxSize(),
    },
  };
}

/** The forecast of a job that gets messages, without the attachments that it will read. */
export function forecastReads(
  input: ForecastInput,
  job: string,
  { messages, windows, ...work }: UpcomingReads,
): Forecast {
  return {
    ...common(input, work),
    rules: [{ name: job, matched: messages, skipped: 0, toChange: 0, atMost: null }],
    windows,
    messages,
    changes: 0,
    guards: { maxChanges: null, maxShare: null, mailbox: 0 },
  };
}

/** The fields of the event `backfill.look`: the cost of `searches` searches in each window, if each result is one page. */
export function forecastSearches(input: ForecastInput, searches: number) {
  const { span, profile, connection } = input;
  const requests = span.windows.length * searches;
  const units = requests * unitsOf('messages.list', profile);
  const { unitsPerMinute } = connection.quota;
  return {
    windows: span.windows.length,
    windowUnit: span.unit,
    searches,
    units,
    durationMs: durationOf(input, { requests, units }),
    unitsPerMinute,
  };
}

function durationOf({ connection: { client, quota } }: ForecastInput, { requests, units }: Work): number {
  return estimateDurationMs({
    units,
    requests,
    unitsPerMinute: quota.unitsPerMinute,
    usedInWindow: quota.used,
    requestMs: client.meanRequestMs,
    atOnce: MAX_CONCURRENT,
  });
}

function common(input: ForecastInput, work: Work) {
  const { connection, span, timeZone, budgetMs, elapsedMs } = input;
  const { requests, units } = work;
  const { client, quota } = connection;
  const unitsSpent = client.statistics.quotaUnits;
  const durationMs = durationOf(input, work);
  return {
    range: `${span.whole.name} (${timeZone})`,
    windowUnit: span.asked ? span.unit : null,
    unitsSpent,
    units: unitsSpent + units,
    requests,
    durationMs,
    runs: Math.max(1, Math.ceil((elapsedMs() + durationMs) / budgetMs)),
    unitsPerMinute: quota.unitsPerMinute,
    budgetMs,
  };
}

function total(works: readonly Work[]): Work {
  return {
    requests: works.reduce((all, { requests }) => all + requests, 0),
    units: works.reduce((all, { units }) => all + units, 0),
  };
}

function sum(one: number, two: number): number {
  return one + two;
}

/** A longer list of rules would make the log line too long; the events `rule.planned` have the same numbers. */
const MAX_RULES_BYTES = 5_000;

/** The fields of the event `backfill.forecast`; leaves out the rules when they are too many for a log line. */
export function forecastEvent(forecast: Forecast): Readonly<Record<string, unknown>> {
  const { rules, guards, ...totals } = forecast;
  const { maxChanges, maxShare, mailbox } = guards;
  const short = Buffer.byteLength(JSON.stringify(rules)) <= MAX_RULES_BYTES;
  return { ...totals, maxChanges, maxShare, mailbox, ruleCount: rules.length, ...(short ? { rules } : {}) };
}

export const QUESTION = 'Go on? [y/N] ';
