/** The forecast of a restore: what it will import, and what that costs. */
import { styleText } from 'node:util';
import { counted, formatCount } from '../base/count.ts';
import { formatDuration, roundUpDuration } from '../base/duration.ts';
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

const MOST_LABELS_SHOWN = 10;

/** For a person at a terminal. */
export function renderRestore(forecast: RestoreForecast, target: string): string {
  const { messages, bytes, units, durationMs, runs, newLabels } = forecast;
  const line = (title: string, text: string) => `    ${styleText('dim', title.padEnd(8))}  ${text}`;
  const time = durationMs < 1_000 ? 'a moment' : `about ${formatDuration(roundUpDuration(durationMs))}`;
  const shown = newLabels.slice(0, MOST_LABELS_SHOWN).join(', ');
  const more = newLabels.length - MOST_LABELS_SHOWN;
  return [
    `  ${styleText('bold', 'Forecast')}  into ${target}`,
    '',
    line('work', `${counted(messages, 'message')} to import, ${formatBytes(bytes)}`),
    line('quota', `${formatCount(units)} units`),
    line('time', time),
    line('runs', runs <= 1 ? 'this one is enough' : formatCount(runs)),
    ...(newLabels.length === 0 ? [] : [line('labels', `creates ${shown}${more > 0 ? ` and ${more} more` : ''}`)]),
  ].join('\n');
}

function formatBytes(bytes: number): string {
  for (const [unit, size] of [
    ['GB', 1e9],
    ['MB', 1e6],
    ['kB', 1e3],
  ] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(1)} ${unit}`;
  }
  return counted(bytes, 'byte');
}
