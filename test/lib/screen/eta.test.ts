import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { QuotaWindow } from '../../../lib/gmail/quota.ts';
import { LastMinute, SteadyEstimate, TimeLeft } from '../../../lib/screen/eta.ts';
import { seededRandom, VirtualClock } from '../../virtual-clock.ts';

const never = new AbortController().signal;

interface Load {
  /** Units of each request, in order. */
  readonly units: readonly number[];
  readonly limit: number;
  readonly atOnce: number;
  /** Each request takes a random 50% to 150% of this. */
  readonly requestMs: number;
}

interface Look {
  readonly at: number;
  readonly leftMs: number | null;
  /** The estimate from the average rate since the start. */
  readonly naiveMs: number;
}

/** Sends requests as fast as the quota allows, and reads the time left every second. */
async function watch({ units, limit, atOnce, requestMs }: Load): Promise<{ endMs: number; looks: Look[] }> {
  const clock = new VirtualClock();
  const now = () => clock.now();
  const random = seededRandom(7);
  const quota = new QuotaWindow({ unitsPerMinute: limit, clock, onWait: () => undefined });
  const left = new TimeLeft(limit, now);
  const steady = new SteadyEstimate(now);
  const total = units.reduce((sum, count) => sum + count, 0);
  let ahead = total;
  let next = 0;
  let endMs = 0;
  const looks: Look[] = [];
  const look = async () => {
    while (ahead > 0) {
      const naiveMs = (ahead / (total - ahead)) * clock.now();
      looks.push({ at: clock.now(), leftMs: steady.show(left.ms(ahead)), naiveMs });
      await clock.sleep(1_000, never);
    }
  };
  const send = async () => {
    while (next < units.length) {
      const cost = units[next++] ?? 0;
      const lease = await quota.take(cost, never);
      left.spent(cost);
      ahead -= cost;
      endMs = clock.now();
      await clock.sleep(requestMs * (0.5 + random()), never);
      lease.done();
    }
  };
  await Promise.all([look(), ...Array.from({ length: atOnce }, send)]);
  return { endMs, looks };
}

/** The largest error after the first tenth, as a share of the true time left, or of a minute when less is left. */
function worstError({ endMs, looks }: Awaited<ReturnType<typeof watch>>, of: 'leftMs' | 'naiveMs' = 'leftMs'): number {
  const errors = looks.flatMap((look) => {
    const truth = endMs - look.at;
    const shown = look[of];
    return look.at > endMs / 10 && shown !== null ? [Math.abs(shown - truth) / Math.max(truth, 60_000)] : [];
  });
  assert.ok(errors.length > looks.length * 0.85, 'there is an estimate nearly all the time');
  return Math.max(...errors);
}

/** How much the time left went up after the first tenth, in all and at most at once. */
function rises({ endMs, looks }: Awaited<ReturnType<typeof watch>>): { sumMs: number; mostMs: number } {
  const shown = looks.filter(({ at }) => at > endMs / 10).map(({ leftMs }) => leftMs ?? 0);
  const ups = shown.slice(1).map((ms, index) => Math.max(0, ms - (shown[index] ?? 0)));
  return { sumMs: ups.reduce((sum, ms) => sum + ms, 0), mostMs: Math.max(...ups) };
}

const batches = (count: number) => Array<number>(count).fill(50);

describe('the time left', () => {
  it('is right in a run of bursts and pauses, where the rate is wrong', async () => {
    const run = await watch({ units: batches(1_300), limit: 6_000, atOnce: 8, requestMs: 400 });
    assert.ok(run.endMs > 9 * 60_000);
    assert.ok(worstError(run) < 0.05, `${worstError(run)}`);
    assert.ok(worstError(run, 'naiveMs') > 0.4, `${worstError(run, 'naiveMs')}`);
    assert.deepEqual(rises(run), { sumMs: 0, mostMs: 0 });
  });

  it('is right when searches and changes take turns', async () => {
    const units = Array.from({ length: 8 }, () => [...Array<number>(240).fill(5), ...batches(120)]).flat();
    const run = await watch({ units, limit: 6_000, atOnce: 6, requestMs: 250 });
    assert.ok(worstError(run) < 0.15, `${worstError(run)}`);
    assert.ok(rises(run).sumMs < run.endMs / 20, `${rises(run).sumMs}`);
  });

  it('is right when the requests are slower than the quota', async () => {
    const run = await watch({ units: batches(600), limit: 6_000, atOnce: 4, requestMs: 3_000 });
    assert.ok(worstError(run) < 0.15, `${worstError(run)}`);
    assert.ok(rises(run).mostMs < 3_000, `${rises(run).mostMs}`);
  });

  it('is right with a small limit that requests never spend exactly', async () => {
    const run = await watch({ units: Array<number>(150).fill(20), limit: 250, atOnce: 8, requestMs: 150 });
    assert.ok(worstError(run) < 0.2, `${worstError(run)}`);
  });

  it('counts units that were spent before the work began', async () => {
    let now = 1_000_000;
    const left = new TimeLeft(6_000, () => now, [{ at: now - 10_000, count: 6_000 }]);
    assert.equal(left.ms(100), 50_000);
    now += 20_000;
    assert.equal(left.ms(100), 30_000);
    assert.equal(left.ms(6_100), 90_000);
    assert.equal(left.ms(0), 0);
  });

  it('is unknown before the first request, unless the quota alone decides', () => {
    const left = new TimeLeft(6_000, () => 0);
    assert.equal(left.ms(5_000), null);
    assert.ok((left.ms(12_000) ?? 0) >= 60_000);
  });

  it('follows the speed of the work where the units are unknown', () => {
    let now = 0;
    const left = new TimeLeft(Number.POSITIVE_INFINITY, () => now);
    for (; now < 10_000; now += 100) left.spent(1_000);
    assert.ok(Math.abs((left.ms(50_000) ?? 0) - 5_000) < 200, `${left.ms(50_000)}`);
  });
});

describe('the estimate that is shown', () => {
  it('runs down by itself, and approaches a new estimate without a jump', () => {
    let now = 0;
    const steady = new SteadyEstimate(() => now);
    assert.equal(steady.show(null), null);
    assert.equal(steady.show(600_000), 600_000);
    for (now = 1_000; now <= 100_000; now += 1_000) steady.show(600_000 - now);
    assert.ok(Math.abs((steady.show(500_000) ?? 0) - 500_000) < 1_000);
    now += 1_000;
    const after = steady.show(900_000) ?? 0;
    assert.ok(after > 500_000 && after < 550_000, `${after}`);
    for (let i = 0; i < 60; i += 1) {
      now += 1_000;
      steady.show(900_000);
    }
    assert.ok((steady.show(900_000) ?? 0) > 870_000);
  });
});

describe('the last minute', () => {
  it('forgets older counts', () => {
    let now = 0;
    const minute = new LastMinute(() => now);
    minute.add(10);
    now = 30_000;
    minute.add(5);
    assert.equal(minute.sum, 15);
    now = 60_000;
    assert.equal(minute.sum, 5);
    assert.deepEqual(minute.events, [{ at: 30_000, count: 5 }]);
    now = 90_000;
    assert.equal(minute.sum, 0);
  });
});
