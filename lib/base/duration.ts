/** Durations as people write them: `90s`, `50m`, `2h`, `1h30m`; and ages: `12 days`. */
import { counted } from './count.ts';

export const DAY_MS = 86_400_000;

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** Milliseconds; null when `text` is no duration or zero. */
export function parseDuration(text: string): number | null {
  const match = /^(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s)?$/.exec(text.trim());
  if (match === null) return null;
  const [, hours = '0', minutes = '0', seconds = '0'] = match;
  const ms = Number(hours) * UNIT_MS.h + Number(minutes) * UNIT_MS.m + Number(seconds) * UNIT_MS.s;
  return ms > 0 ? ms : null;
}

/** Examples for messages about an invalid duration. */
export const DURATION_EXAMPLES = '50m, 90s or 1h30m';

/** `ms` for a person: `0.4s`, `12s`, `3m 20s`, `50m`, `1h 05m`. */
export function formatDuration(ms: number): string {
  if (ms < 9_950) return `${Number((ms / 1_000).toFixed(1))}s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return inTwo(minutes, 'm', seconds % 60, 's');
  return inTwo(Math.floor(minutes / 60), 'h', minutes % 60, 'm');
}

/** An estimate in milliseconds, rounded up: to seconds, from a minute on to 10 seconds, from 10 minutes on to minutes. */
export function roundUpDuration(ms: number): number {
  const grainMs = ms < 60_000 ? 1_000 : ms < 600_000 ? 10_000 : 60_000;
  return Math.ceil(ms / grainMs) * grainMs;
}

function inTwo(whole: number, unit: string, rest: number, smaller: string): string {
  return rest === 0 ? `${whole}${unit}` : `${whole}${unit} ${String(rest).padStart(2, '0')}${smaller}`;
}

/** `ms` in whole days, hours or minutes, the largest unit that fits: `12 days`, `3 hours`, `less than a minute`. */
export function formatAge(ms: number): string {
  const units = [
    [DAY_MS, 'day'],
    [UNIT_MS.h, 'hour'],
    [UNIT_MS.m, 'minute'],
  ] as const;
  for (const [unitMs, name] of units) {
    if (ms >= unitMs) return counted(Math.floor(ms / unitMs), name);
  }
  return 'less than a minute';
}

/** How long ago `time` was, in milliseconds. */
export function ageOf(time: Date | undefined): number | undefined {
  return time === undefined ? undefined : Date.now() - time.getTime();
}
