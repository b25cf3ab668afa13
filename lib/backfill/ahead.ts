/** The numbers of a forecast: from what is ahead of a backfill, what it spent so far, and the quota and budget it has. */

import type { QuotaProfile } from '../config.ts';
import { batchCount, portionsOf, setSizes } from '../gmail/change-plan.ts';
import type { GmailClient } from '../gmail/client.ts';
import type { Ahead } from '../gmail/mailbox.ts';
import type { QuotaWindow } from '../gmail/quota.ts';
import { PAGE_SIZE } from '../gmail/searcher.ts';
import { unitsOf } from '../gmail/units.ts';
import type { Span } from '../gmail/window.ts';
import { estimateDurationMs, type Forecast, type ForecastRule } from './forecast.ts';

/** What the work costs, and what there is to pay it with. */
export interface Costs {
  readonly connection: { readonly client: GmailClient; readonly quota: QuotaWindow };
  readonly profile: QuotaProfile;
  readonly budgetMs: number;
  readonly mailboxSize: () => Promise<number>;
  /** How long the run has worked already. */
  readonly elapsedMs: () => number;
}

export interface Facts extends Costs {
  readonly span: Span;
  readonly timeZone: string;
  /** Whether a person is asked, so that what protect finds is looked up once more. */
  readonly asks: boolean;
}

/** Requests still to be sent, with the units that they cost. */
interface Load {
  readonly requests: number;
  readonly units: number;
}

const AT_ONCE = 8;

/** The forecast of a job that changes labels. */
export async function forecastChanges(
  facts: Facts,
  { plan, guards, newLabels, keepsJournal }: Ahead,
): Promise<Forecast> {
  const sizes = setSizes(plan);
  const portions = portionsOf(plan, keepsJournal);
  const batches = portions.flatMap((portion) => sizes.map((_, set) => batchCount(portion, set))).reduce(sum, 0);
  const journals = keepsJournal ? portions.length : 0;
  const long = plan.sets.filter(({ found }) => found > PAGE_SIZE).length;
  const looksUp = facts.asks && plan.protection !== undefined && batches > 0 ? 1 : 0;
  const { profile } = facts;
  const load = total([
    { requests: batches, units: batches * unitsOf('messages.batchModify', profile) },
    { requests: journals, units: journals * unitsOf('messages.insert', profile) },
    // Each is marked when all is done; more than ten of them at once.
    journals > 10
      ? { requests: 1, units: unitsOf('messages.batchModify', profile) }
      : { requests: journals, units: journals * unitsOf('messages.modify', profile) },
    // Where a list was longer than a page, it is looked at the end for what was missed.
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
    ...common(facts, load),
    rules,
    windows: plan.windows.filter(({ changes }) => changes.some(({ ids }) => ids.size > 0)).length,
    messages: rules.reduce((all, { matched }) => all + matched, 0),
    changes: sizes.reduce(sum, 0),
    guards: {
      maxChanges: ofRun?.atMost ?? null,
      ...(ofRun?.from !== undefined && { maxChangesFrom: ofRun.from }),
      maxShare: guards.find(({ share }) => share !== undefined)?.share ?? null,
      mailbox: await facts.mailboxSize(),
    },
  };
}

/** The forecast of a job that reads `messages` in so many windows. */
export function forecastReading(facts: Facts, job: string, messages: number, windows: number): Forecast {
  const load = { requests: messages, units: messages * unitsOf('messages.get', facts.profile) };
  return {
    ...common(facts, load),
    rules: [{ name: job, matched: messages, skipped: 0, toChange: 0, atMost: null }],
    windows,
    messages,
    changes: 0,
    guards: { maxChanges: null, maxShare: null, mailbox: 0 },
  };
}

/** Fields of the event backfill.look: the cost of `searches` searches in each window, if one page holds a window's messages. */
export function forecastSearches(facts: Facts, searches: number) {
  const { span, profile, connection } = facts;
  const requests = span.windows.length * searches;
  const units = requests * unitsOf('messages.list', profile);
  const { unitsPerMinute } = connection.quota;
  return {
    windows: span.windows.length,
    windowUnit: span.unit,
    searches,
    units,
    durationMs: durationOf(facts, { requests, units }),
    unitsPerMinute,
  };
}

function durationOf({ connection: { client, quota } }: Facts, { requests, units }: Load): number {
  return estimateDurationMs({
    units,
    requests,
    unitsPerMinute: quota.unitsPerMinute,
    usedInWindow: quota.used,
    requestMs: client.meanRequestMs,
    atOnce: AT_ONCE,
  });
}

function common(facts: Facts, load: Load) {
  const { connection, span, timeZone, budgetMs, elapsedMs } = facts;
  const { requests, units } = load;
  const { client, quota } = connection;
  const unitsSpent = client.statistics.quotaUnits;
  const durationMs = durationOf(facts, load);
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

function total(loads: readonly Load[]): Load {
  return {
    requests: loads.reduce((all, { requests }) => all + requests, 0),
    units: loads.reduce((all, { units }) => all + units, 0),
  };
}

function sum(one: number, two: number): number {
  return one + two;
}
