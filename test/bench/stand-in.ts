/**
 * A sandbox in a process of its own, so that the benchmarks do not measure it. Sends its parent the variables, then one
 * report on the received requests for each message from the parent.
 */
import { type Sandbox, startSandbox } from '../sandbox/index.ts';
import { seededRandom } from '../virtual-clock.ts';

/** Latencies like Gmail's: lognormal, one answer in a hundred takes more than 2.5 times the median. */
const MEDIAN_MS = 120;
const SIGMA = 0.4;

export interface StandInOptions {
  readonly messages: number;
  /** By default Google's limit. */
  readonly unitsPerMinute?: number;
  /** The delay of each answer. By default as Gmail's. */
  readonly latencyMs?: number;
}

/** One request as the sandbox received it. Times are epoch milliseconds. */
export interface Asked {
  readonly service: string;
  readonly verb: string;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly units: number;
  readonly status: number;
  /** The change of labels as JSON, and the number of messages that it is for. */
  readonly change?: string;
  readonly ids?: number;
}

export interface StandInReport {
  readonly requests: readonly Asked[];
  readonly refusals: number;
  readonly mostUnitsInAMinute: number;
}

if (import.meta.main && process.send !== undefined) await serve(JSON.parse(process.argv[2] ?? '') as StandInOptions);

async function serve({ messages, unitsPerMinute, latencyMs }: StandInOptions): Promise<void> {
  const quota = unitsPerMinute === undefined ? {} : { unitsPerMinute };
  const sandbox = await startSandbox({ messages, quota, latencyMs: latencyMs ?? latencies(1) });
  process.on('message', () => process.send?.(reportOn(sandbox)));
  process.on('disconnect', () => process.exit());
  process.send?.(sandbox.env);
}

export function latencies(seed: number): () => number {
  const random = seededRandom(seed);
  return () => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return MEDIAN_MS * Math.exp(SIGMA * normal);
  };
}

export function reportOn({ requests, gmail: { quota } }: Sandbox): StandInReport {
  const asked = requests.map(
    ({ service, verb, startedAt, finishedAt = startedAt, units = 0, status = 0, body }): Asked => {
      const { ids, ...change } = verb === 'messages.batchModify' ? (body as { ids: string[] }) : { ids: undefined };
      const changed = ids === undefined ? {} : { change: JSON.stringify(change), ids: ids.length };
      return { service, verb, startedAt, finishedAt, units, status, ...changed };
    },
  );
  return { requests: asked, refusals: quota.refusals, mostUnitsInAMinute: quota.maxUnitsInAnyMinute };
}
