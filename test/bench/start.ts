/**
 * `npm run bench:start [rounds]`: measures a run of apply-rules with nothing to do (three rules, no latency) against a
 * plain script with the same requests and libraries, against an empty Node program, and at 50 ms latency, which gives the
 * round trips. All four run in turns. Prints medians and ratios; exits 1 when a limit is exceeded.
 */
import { measure, median, PROGRAM, startSandboxProcess, surroundings, type Usage } from './children.ts';

const LATENCY_MS = 50;

/** Limits of the program's figures, as ratios to the plain script's. */
const LIMITS = { wallMs: 0.25, cpuMs: 0.25, memoryMb: 0.45 };
const MOST_ROUND_TRIPS = 5;

const rounds = Number(process.argv[2] ?? 15);
const program = [...PROGRAM, 'apply-rules'];
const near = await startSandboxProcess(0);
const far = await startSandboxProcess(LATENCY_MS);
try {
  // The first run changes messages, so the measured ones have nothing to do.
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
  // Other work on the machine only lengthens runs, and would dominate a difference of medians.
  const shortest = (usages: readonly Usage[]) => Math.min(...usages.map(({ wallMs }) => wallMs));
  const roundTrips = (shortest(found.far) - shortest(found.program)) / LATENCY_MS;
  report(median(found.program), median(found.plain), median(found.empty), roundTrips);
} finally {
  near.stop();
  far.stop();
}

function report(own: Usage, plain: Usage, empty: Usage, roundTrips: number): void {
  const rows = [
    ['', 'program', 'plain script', 'ratio', 'limit', 'empty Node', 'ratio'],
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
  process.stdout.write(
    `apply-rules with nothing to do, three rules, no latency\n${surroundings()}; medians of ${rounds} runs\n\n`,
  );
  for (const cells of rows) {
    const [title = '', ...figures] = cells;
    process.stdout.write(`${title.padEnd(26)}${figures.map((figure) => figure.padStart(13)).join('')}\n`);
  }
  const exceeded: string[] = (Object.keys(LIMITS) as (keyof Usage)[]).filter(
    (key) => own[key] > LIMITS[key] * plain[key],
  );
  // Each timer fires up to a millisecond late.
  if (roundTrips > MOST_ROUND_TRIPS + 0.2) exceeded.push('round trips');
  process.stdout.write(exceeded.length > 0 ? `\nOver the limit: ${exceeded.join(', ')}.\n` : '\nWithin all limits.\n');
  if (exceeded.length > 0) process.exitCode = 1;
}
