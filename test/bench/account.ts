/** What a run cost and what it could have cost, worked out from what the sandbox was asked in the course of it. */
import { ConcurrencyLimiter } from '../../lib/gmail/concurrency.ts';
import { VirtualClock } from '../virtual-clock.ts';
import type { Asked, StandInReport } from './stand-in.ts';

export interface Account {
  /** Requests to Gmail. */
  readonly requests: number;
  readonly units: number;
  readonly refusals: number;
  readonly mostUnitsInAMinute: number;
  /** Messages that were changed, or read; one that several rules change counts for each. */
  readonly messages: number;
  /** The fewest units with which that can be done, without a journal. */
  readonly leastUnits: number;
  /** See ownTime. */
  readonly ownMs: number;
}

/** What there is one of for each message, or for a thousand of them: these do not wait for one another. */
const BULK = new Set(['messages.batchModify', 'messages.modify', 'messages.get']);

const PAGE = 500;
const BATCH = 1_000;

/** What a request takes besides its latency: the way there and back, and decoding, on a machine with other work. */
const CLIENT_MS = 20;

/** `startedAt` is when the process was started, in epoch milliseconds. */
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
 * How long the run takes by itself, in milliseconds, if nothing has to wait for the quota: from the process's start to
 * its first request; then the longest way through the requests that are steps to others, such as the pages of a search;
 * then those that change or read, rule after rule, as many at once as the program's gate lets through. Each takes as
 * long as the sandbox recorded, and 20 ms.
 */
async function ownTime(requests: readonly Asked[], startedAt: number): Promise<number> {
  const startMs = Math.min(...requests.map((request) => request.startedAt)) - startedAt;
  const steps = requests.filter((request) => !isBulk(request));
  return startMs + longestWay(steps) + (await throughGate(requests.filter(isBulk), steps.length));
}

/** Backwards from the last answer: each time to the request whose answer was the last one before. */
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

/** The requests by a clock without waits, through a gate that has seen so many good answers before. */
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
 * Whose mailbox it is, its labels, and labels that are missing; then for each set of messages that get the same change,
 * or are read, full pages of their list and full batches. Before its first change a run looks at the labels once more,
 * for journals that it could not know of; and at the end once more at each search whose list had more than a page, for
 * what the changes of others have hidden from it.
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
