/** Forecasts a copy: requests, quota units, time, runs and bytes. */

import { MAX_CONCURRENT } from '../gmail/concurrency.ts';
import type { IdSet } from '../gmail/ids.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { getMessage } from '../gmail/messages.ts';
import { estimateDurationMs } from '../gmail/pace.ts';

export interface ExportForecast {
  readonly messages: number;
  /** Messages that are read one by one. */
  readonly large: number;
  readonly units: number;
  readonly unitsPerMinute: number;
  readonly durationMs: number;
  /** Runs of `budgetMs`, this one included. */
  readonly runs: number;
  readonly budgetMs: number;
  /** Estimated from a few messages; undefined for a short copy. */
  readonly bytes: number | undefined;
}

export interface UpcomingExport {
  /** The messages to be copied. */
  readonly ids: IdSet;
  readonly large: IdSet;
  readonly mailbox: Mailbox;
  readonly budgetMs: number;
  readonly signal: AbortSignal;
}

/** A shorter copy needs no estimate of its bytes, which costs some seconds of quota. */
const LONG_MS = 3 * 60_000;

const SAMPLE = 20;

/** Large messages are counted between these limits, in megabytes, and taken to have the middle size. */
const SPANS_MB = [2, 5, 10, 20, 50] as const;

export async function forecastExport(input: UpcomingExport): Promise<ExportForecast> {
  const { ids, large, mailbox, budgetMs } = input;
  const { client } = mailbox;
  const units = ids.size * client.costOf('messages.get');
  const { unitsPerMinute } = client;
  const durationMs = estimateDurationMs({
    requests: ids.size,
    units,
    unitsPerMinute,
    usedInWindow: client.quota.used,
    requestMs: client.meanRequestMs,
    atOnce: MAX_CONCURRENT,
  });
  return {
    messages: ids.size,
    large: large.size,
    units,
    unitsPerMinute,
    durationMs,
    runs: Math.max(1, Math.ceil(durationMs / budgetMs)),
    budgetMs,
    bytes: durationMs < LONG_MS ? undefined : await estimateBytes(input),
  };
}

/** From the sizes of a few small messages, and from searches for the large ones. About 420 quota units. */
async function estimateBytes({ ids, large, mailbox, signal }: UpcomingExport): Promise<number> {
  const small = ids.without(large);
  const sample = Array.from({ length: Math.min(SAMPLE, small.size) }, (_, index) =>
    small.at(Math.floor((index * small.size) / Math.min(SAMPLE, small.size))),
  );
  let bytes = 0;
  let read = 0;
  for (const id of sample) {
    const message = await getMessage(mailbox.client, { id, format: 'minimal' }, signal);
    if (typeof message?.sizeEstimate !== 'number') continue;
    bytes += message.sizeEstimate;
    read += 1;
  }
  const ofSmall = read === 0 ? 0 : (bytes / read) * small.size;
  if (large.size === 0) return Math.round(ofSmall);
  let ofLarge = 0;
  let rest = large.size;
  for (const [index, fromMb] of SPANS_MB.entries()) {
    const toMb = SPANS_MB[index + 1];
    if (toMb === undefined || rest === 0) break;
    const above = await countLarger(toMb, { large, mailbox });
    ofLarge += (rest - above) * ((fromMb + toMb) / 2) * 1_000_000;
    rest = above;
  }
  return Math.round(ofSmall + ofLarge);
}

async function countLarger(mb: number, { large, mailbox }: Pick<UpcomingExport, 'large' | 'mailbox'>): Promise<number> {
  const options = { includeSpamTrash: true, isBackground: true, among: large };
  const { windows, unplaced } = await mailbox.find(`larger:${mb}M`, options);
  return [...windows.values()].reduce((sum, ids) => sum + ids.size, unplaced.size);
}
