/** Forecasts a restore: requests, quota units, time and runs. */
import type { GmailClient } from '../gmail/client.ts';
import { MAX_CONCURRENT } from '../gmail/concurrency.ts';
import { estimateDurationMs } from '../gmail/pace.ts';

export interface RestoreForecast {
  /** Messages that the mailbox does not have under their ids. */
  readonly messages: number;
  readonly bytes: number;
  /** Quota units still to be spent. */
  readonly units: number;
  readonly durationMs: number;
  /** Runs of the budget, this one included. */
  readonly runs: number;
  /** Labels that will be created. */
  readonly newLabels: readonly string[];
}

export interface UpcomingRestore extends Pick<RestoreForecast, 'messages' | 'bytes' | 'newLabels'> {
  /** Searches of Message-IDs. */
  readonly searches: number;
  readonly budgetMs: number;
  readonly elapsedMs: number;
}

export function forecastRestore(client: GmailClient, upcoming: UpcomingRestore): RestoreForecast {
  const { messages, bytes, newLabels, searches, budgetMs, elapsedMs } = upcoming;
  const units =
    messages * client.costOf('messages.import') +
    searches * client.costOf('messages.list') +
    newLabels.length * client.costOf('labels.create');
  const durationMs = estimateDurationMs({
    units,
    requests: messages + searches + newLabels.length,
    unitsPerMinute: client.unitsPerMinute,
    usedInWindow: client.quota.used,
    requestMs: client.meanRequestMs,
    atOnce: MAX_CONCURRENT,
  });
  const runs = Math.max(1, Math.ceil((elapsedMs + durationMs) / budgetMs));
  return { messages, bytes, units, durationMs, runs, newLabels };
}
