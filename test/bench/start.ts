/**
 * `npm run bench:start [rounds]`: what a run of apply-rules with nothing to do takes, three rules and no latency, beside a
 * plain script that does the same with the same libraries, and beside an empty Node program; and how many round trips it
 * takes at 50 ms each. One after the other in turns, medians, ratios; round trips by the shortest runs. Exits 1 when a limit is passed.
 */
import { measure, median, PROGRAM, startSandboxProcess, surroundings, type Usage } from './children.ts';

const LATENCY_MS = 50;

/** The most that the program may take, as a part of what the plain script takes. */
const LIMITS = { wallMs: 0.25, cpuMs: 0.25, memoryMb: 0.45 };
const MOST_ROUND_TRIPS = 5;

const rounds = Number(process.argv[2] ?? 15);
const program = [...PROGRAM, 'apply-rules'];
const near = await startSandboxProcess(0);
const far = await startSandboxProcess(LATENCY_MS);
try {
  // The first run does what there is to do.
  for (const { env } of [near, far]) for (const _ of [1, 2]) await measure(program, env);
  const contenders = {
    program: () => measure(program, near.env),
    plain: () => measure(['test/bench/plain.mjs'], near.env),
    empty: () => measure(['test/bench/empty.cjs'], {}),
    far: () => measure(program, far.env),
  };
  const found: Record<keyof typeof contenders, Usage[]> = { program: [], plain: [], empty: [], far: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const name of Object.keys(contenders) as (keyof typeof contenders)[])
      found[name].push(await contenders[name]());
  }
  // What else the machine does lengthens a run and never shortens it; a difference of two medians would be mostly that.
  const shortest = (usages: readonly Usage[]) => Math.min(...usages.map(({ wallMs }) => wallMs));
  const roundTrips = (shortest(found.far) - shortest(found.program)) / LATENCY_MS;
  report(median(found.program), median(found.plain), median(found.empty), roundTrips);
} finally {
  near.stop();
  far.stop();
}

function report(own: Usage, plain: Usage, empty: Usage, roundTrips: number): void {
  const rows = [
    ['a run with nothing to do', 'program', 'plain script', 'ratio', 'at most', 'empty Node', 'ratio'],
    ...(
      [
        ['wall time, ms', 'wallMs'],
        ['CPU time, ms', 'cpuMs'],
        ['peak memory, MB', 'memoryMb'],
      ] as const
    ).map(([title, key]) => [
      title,
      own[key].toFixed(0),
      plain[key].toFixed(0),
      (own[key] / plain[key]).toFixed(3),
      LIMITS[key].toFixed(2),
      empty[key].toFixed(0),
      (own[key] / empty[key]).toFixed(1),
    ]),
    [`round trips of ${LATENCY_MS} ms`, roundTrips.toFixed(1), '', '', String(MOST_ROUND_TRIPS), '', ''],
  ];
  process.stdout.write(`${surroundings()}; medians of ${rounds}\n\n`);
  for (const cells of rows) {
    const [title = '', ...figures] = cells;
    process.stdout.write(`${title.padEnd(26)}${figures.map((figure) => figure.padStart(13)).join('')}\n`);
  }
  const tooMuch = (Object.keys(LIMITS) as (keyof Usage)[]).filter((key) => own[key] > LIMITS[key] * plain[key]);
  // Timers are late by a part of a millisecond each.
  if (tooMuch.length > 0 || roundTrips > MOST_ROUND_TRIPS + 0.2) {
    process.stdout.write('\nA limit is passed.\n');
    process.exitCode = 1;
  }
}
