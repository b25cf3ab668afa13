/** What a backfill would do, before it does anything: what it changes, what it costs and how long it takes. */

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
  /** For people, such as `2015-01-01 to now (UTC)`. */
  readonly range: string;
  readonly windows: number;
  /** Such as `year`; null when the range is not divided. */
  readonly windowUnit: string | null;
  readonly messages: number;
  readonly changes: number;
  /** Quota units spent so far, by looking. */
  readonly unitsSpent: number;
  /** Quota units in all, those spent included. */
  readonly units: number;
  /** Requests still to be sent. */
  readonly requests: number;
  /** Of what is still to be done, at the current quota. */
  readonly durationMs: number;
  /** Runs of the current budget that it takes. */
  readonly runs: number;
  /** The current quota. */
  readonly unitsPerMinute: number;
  /** The current budget of a run. */
  readonly budgetMs: number;
  readonly guards: {
    readonly maxChanges: number | null;
    /** Where that was said, when it was not in the rules file. */
    readonly maxChangesFrom?: string;
    /** The largest share of the mailbox that may be changed, from 0 to 1. */
    readonly maxShare: number | null;
    /** Messages in the mailbox. */
    readonly mailbox: number;
  };
}

export interface Load {
  /** Units still to be spent. */
  readonly units: number;
  /** Requests that they are spent on. */
  readonly requests: number;
  readonly unitsPerMinute: number;
  /** Units spent within the last minute. */
  readonly usedInWindow: number;
  /** How long a request takes. */
  readonly requestMs: number;
  /** Requests side by side. */
  readonly atOnce: number;
}

const WINDOW_MS = 60_000;

/** Longer fields do not fit into a line of a log well; the events of the rules have the same numbers. */
const MAX_RULES_BYTES = 5_000;

/**
 * How long the load takes, in milliseconds, in a strict window of 60 seconds from each answer: the quota fills it at
 * once, and again each time that the first units come back; or the requests themselves are slower than that.
 */
export function estimateDurationMs(load: Load): number {
  const { units, requests, unitsPerMinute, usedInWindow, requestMs, atOnce } = load;
  if (requests === 0) return 0;
  const ownMs = (count: number) => Math.ceil(count / atOnce) * requestMs;
  const each = units / requests;
  if (each === 0) return ownMs(requests);
  const perWindow = Math.max(1, Math.floor(unitsPerMinute / each));
  const used = Math.min(perWindow, usedInWindow / each);
  const waits = Math.ceil((used + requests) / perWindow) - 1;
  const lastOnes = Math.min(requests, used + requests - waits * perWindow);
  return Math.round(Math.max(ownMs(requests), waits * (WINDOW_MS + requestMs) + ownMs(lastOnes)));
}

/** The fields of the event `backfill.forecast`; without the rules when there are too many for a line of a log. */
export function forecastEvent(forecast: Forecast): Readonly<Record<string, unknown>> {
  const { rules, guards, ...totals } = forecast;
  const { maxChanges, maxShare, mailbox } = guards;
  const short = Buffer.byteLength(JSON.stringify(rules)) <= MAX_RULES_BYTES;
  return { ...totals, maxChanges, maxShare, mailbox, ruleCount: rules.length, ...(short ? { rules } : {}) };
}

/** What is asked below the forecast. */
export const QUESTION = 'Go on? [y/N] ';
