/** Computes from the requests that the sandbox received what a run cost, and the least that it could have cost. */
import { ConcurrencyLimiter } from '../../lib/gmail/concurrency.ts';
import { VirtualClock } from '../virtual-clock.ts';
import type { Asked, StandInReport } from './stand-in.ts';

export interface Account {
  /** Requests to Gmail. */
  readonly requests: number;
  readonly units: number;
  readonly refusals: number;
  readonly mostUnitsInAMinute: number;
  /** Messages changed or read; a message that two rules change counts twice. */
  readonly messages: number;
  /** See leastUnits. */
  readonly leastUnits: number;
  /** See ownTime. */
  readonly ownMs: number;
}

/** Requests for messages, which do not depend on each other. */
const BULK = new Set(['messages.batchModify', 'messages.modify', 'messages.get', 'PutObject']);

const PAGE = 500;
const BATCH = 1_000;

/** Added to each latency: transport and decoding on a busy machine. */
const CLIENT_MS = 20;

/** `startedAt` is the start of the process, in epoch milliseconds. */
export async function accountFor(report: StandInReport, startedAt: number): Promise<Account> {
  const { requests, refusals, mostUnitsInAMinute } = report;
  const gmail = requests.filter(({ service }) => service === 'gmail');
  const done = gmail.filter((request) => isBulk(request) && request.status < 300);
  return {
    requests: gmail.length,
    units: sum(gmail, ({ units }) => units),
    refusals,
    mostUnitsInAMinute,
    messages: sum(done, ({ ids = 1 }) => ids),
    leastUnits: leastUnits(gmail),
    ownMs: await ownTime(requests, startedAt),
  };
}

/**
 * The time that a run needs without waits for the quota, in milliseconds: from the start of the process to its first
 * request, the longest chain of requests that depend on each other, such as the pages of a search, and the requests that
 * change or read messages, rule by rule, as many at once as the program sends. Each takes its recorded time plus 20 ms.
 */
async function ownTime(requests: readonly Asked[], startedAt: number): Promise<number> {
  const startMs = Math.min(...requests.map((request) => request.startedAt)) - startedAt;
  const steps = requests.filter((request) => !isBulk(request));
  return startMs + longestWay(steps) + (await throughGate(requests.filter(isBulk), steps.length));
}

/** The longest chain, from the last answer back: before each request comes the last answer before it. */
function longestWay(requests: readonly Asked[]): number {
  const byAnswer = requests.toSorted((a, b) => b.finishedAt - a.finishedAt);
  let [at] = byAnswer;
  let totalMs = 0;
  while (at !== undefined) {
    totalMs += durationMs(at);
    const { startedAt } = at;
    at = byAnswer.find(({ finishedAt }) => finishedAt <= startedAt);
  }
  return totalMs;
}

/** The time of the requests under the program's own limit of requests at once, after `answersBefore` good answers. */
async function throughGate(requests: readonly Asked[], answersBefore: number): Promise<number> {
  const limiter = new ConcurrencyLimiter();
  const clock = new VirtualClock();
  const { signal } = new AbortController();
  for (let answer = 0; answer < answersBefore; answer += 1) limiter.succeeded();
  for (const rule of Map.groupBy(requests, ({ change }) => change).values()) {
    const pass = async (request: Asked) => {
      await limiter.acquire(signal);
      await clock.sleep(durationMs(request), signal);
      limiter.succeeded();
      limiter.release();
    };
    await Promise.all(rule.map(pass));
  }
  return clock.now();
}

/**
 * The fewest units for the run without a journal: profile, labels, missing labels, and for each set of messages that are
 * read or get the same change full pages of the list and full batches. Before the first change a run lists the labels
 * again, for new journals; at the end it repeats each search of more than a page, because changes of others shift pages.
 */
function leastUnits(gmail: readonly Asked[]): number {
  const sizes = new Map<string, number>();
  for (const { change, ids = 0 } of gmail) if (change) sizes.set(change, (sizes.get(change) ?? 0) + ids);
  const read = sum(gmail, ({ verb, status }) => Number(verb === 'messages.get' && status === 200));
  const pages = sum([...sizes.values(), read], (size) => Math.ceil(size / PAGE));
  const batches = sum([...sizes.values()], (size) => Math.ceil(size / BATCH));
  const changed = [...sizes.values()];
  const looksAgain = changed.filter((size) => size > PAGE).length;
  const created = sum(gmail, ({ verb }) => Number(verb === 'labels.create'));
  return 1 + 1 + Number(changed.length > 0) + 5 * looksAgain + 5 * created + 5 * pages + 50 * batches + 20 * read;
}

function isBulk({ verb }: Asked): boolean {
  return BULK.has(verb);
}

function durationMs({ startedAt, finishedAt }: Asked): number {
  return finishedAt - startedAt + CLIENT_MS;
}

function sum<T>(all: readonly T[], of: (one: T) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}
