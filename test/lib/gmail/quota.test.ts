import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { QuotaWindow } from '../../../lib/gmail/quota.ts';
import { seededRandom, VirtualClock } from '../../virtual-clock.ts';

const MINUTE_MS = 60_000;
const never = new AbortController().signal;

interface Load {
  readonly limit: number;
  /** Units of each request, in order. */
  readonly units: readonly number[];
  /** Requests in parallel. */
  readonly width: number;
  /** How long a request is under way. */
  readonly latencyMs: () => number;
  /** When the server counts a request, as a share of its duration. */
  readonly countedAt: () => number;
}

interface Outcome {
  readonly elapsedMs: number;
  readonly ownTimeMs: number;
  readonly longestMs: number;
  /** The most that the server counted in any minute. */
  readonly peak: number;
}

/** Sends a load as fast as the window allows, and counts units as Google would. */
async function play({ limit, units, width, latencyMs, countedAt }: Load): Promise<Outcome> {
  const clock = new VirtualClock();
  const window = new QuotaWindow({ unitsPerMinute: limit, clock, onWait: () => undefined });
  const charges: { at: number; units: number }[] = [];
  const latencies: number[] = [];
  let next = 0;
  const work = async () => {
    while (next < units.length) {
      const cost = units[next++] ?? 0;
      const lease = await window.take(cost, never);
      const latency = latencyMs();
      latencies.push(latency);
      const share = countedAt();
      charges.push({ at: clock.now() + Math.floor(latency * share), units: cost });
      await clock.sleep(latency, never);
      lease.done();
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return {
    elapsedMs: clock.now(),
    ownTimeMs: latencies.reduce((sum, ms) => sum + ms, 0),
    longestMs: Math.max(0, ...latencies),
    peak: peakOf(charges),
  };
}

/** The most units within any minute; units exactly a minute apart are not in the same minute. */
function peakOf(charges: { at: number; units: number }[]): number {
  const sorted = charges.toSorted((a, b) => a.at - b.at);
  let peak = 0;
  let sum = 0;
  let first = 0;
  for (const { at, units } of sorted) {
    sum += units;
    for (let old = sorted[first]; old !== undefined && old.at <= at - MINUTE_MS; old = sorted[first]) {
      sum -= old.units;
      first += 1;
    }
    peak = Math.max(peak, sum);
  }
  return peak;
}

const sum = (units: readonly number[]) => units.reduce((total, cost) => total + cost, 0);
const constant = (value: number) => () => value;

function setUp(unitsPerMinute: number) {
  const clock = new VirtualClock();
  const waits: { waitMs: number; why: string }[] = [];
  const window = new QuotaWindow({ unitsPerMinute, clock, onWait: (waitMs, why) => waits.push({ waitMs, why }) });
  /** Takes units and ends the request at once. Returns the time at which it got them. */
  const spend = async (units: number, signal: AbortSignal = never) => {
    const lease = await window.take(units, signal);
    lease.done();
    return clock.now();
  };
  return { clock, waits, window, spend };
}

describe('QuotaWindow', () => {
  it('sends requests within the limit at once', async () => {
    const outcome = await play({
      limit: 6_000,
      units: Array(120).fill(50),
      width: 8,
      latencyMs: constant(0),
      countedAt: constant(0),
    });
    assert.equal(outcome.elapsedMs, 0);
    assert.equal(outcome.peak, 6_000);
  });

  it('sends the first request beyond the limit a minute after the first answer, not after the first request', async () => {
    const { clock, window, spend } = setUp(100);
    const lease = await window.take(100, never);
    await clock.sleep(7_000, never);
    lease.done();
    assert.equal(await spend(1), 67_000);
  });

  it('waits for the answer of a request that takes longer than a minute', async () => {
    const { clock, window, spend } = setUp(100);
    const lease = await window.take(100, never);
    const second = spend(50);
    await clock.sleep(5 * MINUTE_MS, never);
    lease.done();
    assert.equal(await second, 6 * MINUTE_MS);
  });

  it('holds units back for the end of a run when they are a small part of the limit', async () => {
    for (const [limit, spare] of [
      [15_000, 60],
      [6_000, 60],
      [3_000, 60],
      [2_999, 0],
      [100, 0],
    ] as const) {
      const { window, spend } = setUp(limit);
      window.holdBack();
      assert.equal(await spend(limit - spare), 0);
      assert.equal(window.used, limit - spare);
      if (spare > 0) {
        const early = new AbortController();
        const refused = assert.rejects(window.take(1, early.signal));
        early.abort(new Error('enough'));
        await refused;
        window.release();
        assert.equal(await spend(spare), 0);
      }
      assert.equal(await spend(1), MINUTE_MS);
    }
  });

  for (const [units, minutes] of [
    [6_000, 0],
    [6_050, 1],
    [12_000, 1],
    [60_000, 9],
    [600_000, 99],
  ] as const) {
    it(`spends ${units} units at 6,000 a minute in ${minutes} minutes and at most 3 % more`, async () => {
      const outcome = await play({
        limit: 6_000,
        units: Array(units / 50).fill(50),
        width: 4,
        latencyMs: constant(150),
        countedAt: constant(0.5),
      });
      const ownTimeMs = outcome.ownTimeMs / 4 + outcome.longestMs;
      assert.ok(outcome.elapsedMs <= 1.03 * minutes * MINUTE_MS + ownTimeMs, `took ${outcome.elapsedMs} ms`);
      assert.ok(outcome.elapsedMs >= minutes * MINUTE_MS);
      assert.ok(outcome.peak <= 6_000, `peak ${outcome.peak}`);
    });
  }

  it('never exceeds the limit in any minute by the count of the server, under 300 random loads, and wastes no time', async () => {
    for (let seed = 1; seed <= 300; seed += 1) {
      const random = seededRandom(seed);
      const costs = [[50], [5, 50], [1, 5, 20, 25, 50], [20]][seed % 4] ?? [];
      const largest = Math.max(...costs);
      const limit = largest + Math.floor(random() * 6_000);
      const units = Array.from({ length: 5 + Math.floor(random() * 400) }, () => {
        return costs[Math.floor(random() * costs.length)] ?? 1;
      });
      const width = 1 + Math.floor(random() * 8);
      const longest = [0, 50, 400, 5_000, 90_000][seed % 5] ?? 0;
      const load: Load = {
        limit,
        units,
        width,
        latencyMs: () => Math.floor(random() * longest),
        countedAt: seed % 3 === 0 ? constant(0) : seed % 3 === 1 ? constant(1) : random,
      };
      const outcome = await play(load);
      const about = `seed ${seed}: ${JSON.stringify({ ...outcome, limit, width, total: sum(units) })}`;
      assert.ok(outcome.peak <= limit, about);
      // Only a remainder smaller than one request may stay unused.
      const windows = Math.ceil(sum(units) / (limit - largest + 1)) - 1;
      const ownTimeMs = outcome.ownTimeMs / width + outcome.longestMs * (windows + 2);
      assert.ok(outcome.elapsedMs <= 1.03 * windows * MINUTE_MS + ownTimeMs, about);
    }
  });

  it('serves requests in the order of their calls, small ones after a large one, too', async () => {
    const { window, spend } = setUp(100);
    (await window.take(60, never)).done();
    const served: string[] = [];
    const take = async (name: string, units: number) => {
      await spend(units);
      served.push(name);
    };
    await Promise.all([take('large', 90), take('small', 1), take('middle', 40), take('last', 1)]);
    assert.deepEqual(served, ['large', 'small', 'middle', 'last']);
  });

  it('sends a request that costs more than the limit when nothing else is in the window', async () => {
    const { spend } = setUp(100);
    assert.equal(await spend(60), 0);
    assert.equal(await spend(250), MINUTE_MS);
    assert.equal(await spend(1), 2 * MINUTE_MS);
  });

  it('reports once for each waiting request how long it waits, and why', async () => {
    const { window, waits, spend } = setUp(100);
    await spend(100);
    await spend(100);
    window.refused(2_000);
    await spend(10);
    assert.deepEqual(waits[0], { waitMs: MINUTE_MS, why: 'window' });
    assert.deepEqual(waits[1], { waitMs: 2_000, why: 'refused' });
    assert.equal(waits.length, 2);
  });

  describe('when a waiting request is aborted', () => {
    it('rejects at once with the reason of the signal', async () => {
      const { clock, window, spend } = setUp(100);
      await spend(100);
      const stop = new AbortController();
      const waiting = window.take(1, stop.signal);
      const reason = new Error('stopped');
      queueMicrotask(() => stop.abort(reason));
      await assert.rejects(waiting, reason);
      assert.equal(clock.now(), 0);
    });

    it('spends nothing for it, and keeps the order of later requests', async () => {
      const { spend } = setUp(100);
      await spend(50);
      const stop = new AbortController();
      const first = spend(100);
      const given = [spend(90, stop.signal), spend(90, stop.signal)];
      const last = spend(1);
      stop.abort(new Error('stopped'));
      for (const promise of given) await assert.rejects(promise);
      assert.deepEqual(await Promise.all([first, last]), [MINUTE_MS, 2 * MINUTE_MS]);
    });

    it('serves the next request at once when the first in line is aborted', async () => {
      const { spend } = setUp(100);
      await spend(50);
      const stop = new AbortController();
      const first = spend(100, stop.signal);
      const second = spend(50);
      stop.abort(new Error('stopped'));
      await assert.rejects(first);
      assert.equal(await second, 0);
    });

    it('rejects a signal that is already aborted, and spends nothing', async () => {
      const { spend } = setUp(100);
      await assert.rejects(spend(100, AbortSignal.abort(new Error('stopped'))), /stopped/);
      assert.equal(await spend(100), 0);
    });
  });

  describe('after a refusal', () => {
    it('sends nothing during the pause', async () => {
      const { window, spend } = setUp(6_000);
      window.refused(5_000);
      assert.deepEqual(await Promise.all([spend(1), spend(50), spend(1)]), [5_000, 5_000, 5_000]);
    });

    it('lengthens a pause, and never shortens one', async () => {
      const { window, spend } = setUp(6_000);
      window.refused(5_000);
      window.refused(9_000);
      window.refused(1_000);
      assert.equal(await spend(1), 9_000);
    });

    it('halves the limit for two minutes', async () => {
      const { clock, window, spend } = setUp(100);
      await clock.sleep(MINUTE_MS, never);
      window.refused(1_000);
      assert.equal(await spend(50), 61_000);
      assert.equal(await spend(50), 121_000);
      assert.equal(await spend(50), 181_000);
      await clock.sleep(2 * MINUTE_MS, never);
      const start = clock.now();
      assert.deepEqual([await spend(50), await spend(50)], [start, start]);
    });

    it('halves the limit once for all refusals within a minute', async () => {
      const { clock, window, spend } = setUp(100);
      await clock.sleep(MINUTE_MS, never);
      for (let n = 0; n < 8; n += 1) window.refused(n * 1_000);
      assert.deepEqual([await spend(50), await spend(1)], [67_000, 127_000]);
    });

    it('keeps the limit in the first minute, when the previous run may have spent the quota', async () => {
      const { window, spend } = setUp(100);
      window.refused(1_000);
      assert.deepEqual([await spend(50), await spend(50), await spend(50)], [1_000, 1_000, 61_000]);
    });

    it('lowers the limit to an eighth at most, and doubles it afterwards', async () => {
      const { clock, window, spend } = setUp(800);
      for (let n = 0; n < 10; n += 1) {
        window.refused(1_000);
        await clock.sleep(MINUTE_MS, never);
      }
      const start = clock.now();
      assert.deepEqual([await spend(100), await spend(1)], [start, start + MINUTE_MS]);
      const rateAt = async (minutes: number) => {
        await clock.sleep(start + minutes * MINUTE_MS - clock.now(), never);
        const at = clock.now();
        for (let units = 0; ; units += 20) if ((await spend(20)) > at) return units;
      };
      assert.deepEqual([await rateAt(3), await rateAt(5), await rateAt(7)], [200, 400, 800]);
    });
  });
});

describe('the window of the project', () => {
  function open(unitsPerMinute = 100) {
    const clock = new VirtualClock();
    const shared = { clock, onWait: () => undefined };
    const project = new QuotaWindow({ ...shared, unitsPerMinute, isShared: true });
    const [ann, bob] = [1, 2].map(() => new QuotaWindow({ ...shared, unitsPerMinute: 80, project }));
    return { clock, project, ann: ann as QuotaWindow, bob: bob as QuotaWindow };
  }

  it("lets all mailboxes together spend the project's units, and each no more than its own", async () => {
    const { clock, project, ann, bob } = open();
    (await ann.take(80, never)).done();
    (await bob.take(20, never)).done();
    assert.equal(project.used, 100);
    (await bob.take(20, never)).done();
    assert.ok(clock.now() >= MINUTE_MS, `${clock.now()} ms`);
    assert.ok(clock.now() <= MINUTE_MS + 100, `${clock.now()} ms`);
  });

  it('gives back the units of a request that was not sent, or was stopped while it waited', async () => {
    const { project, ann, bob } = open();
    (await ann.take(80, never)).cancel();
    assert.deepEqual([project.used, ann.used], [0, 0]);
    (await ann.take(80, never)).done();
    await assert.rejects(bob.take(60, AbortSignal.abort(new Error('stopped'))));
    assert.deepEqual([project.used, bob.used], [80, 0]);
  });

  it('pauses all mailboxes after a refusal for the project, and one after a refusal of its user', async () => {
    for (const [isForProject, expectedMs] of [
      [true, 5_000],
      [false, 0],
    ] as const) {
      const { clock, ann, bob } = open();
      ann.refused(5_000, isForProject);
      (await bob.take(1, never)).done();
      assert.equal(clock.now(), expectedMs);
      (await ann.take(1, never)).done();
      assert.equal(clock.now(), 5_000);
    }
  });

  it('keeps few entries for many requests', async () => {
    const { clock, project } = open(1_200_000);
    for (let sent = 0; sent < 10_000; sent += 1) (await project.take(5, never)).done();
    assert.equal(project.used, 50_000);
    await clock.sleep(MINUTE_MS + 100, never);
    assert.equal(project.used, 0);
  });
});
