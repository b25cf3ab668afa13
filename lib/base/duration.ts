/** Durations as people write them: `90s`, `50m`, `2h`, `1h30m`. */

const UNIT_MS = { s: 1_000, m: 60_000, h: 3_600_000 } as const;

/** Milliseconds of `text`, or null when it is no duration or not above zero. */
export function parseDuration(text: string): number | null {
  const match = /^(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,7})s)?$/.exec(text.trim());
  if (match === null) return null;
  const [, hours = '0', minutes = '0', seconds = '0'] = match;
  const ms = Number(hours) * UNIT_MS.h + Number(minutes) * UNIT_MS.m + Number(seconds) * UNIT_MS.s;
  return ms > 0 ? ms : null;
}

/** What a message about a malformed duration says is allowed. */
export const DURATION_EXAMPLES = 'write it like 50m, 90s or 1h30m';

/** `ms` for a person: `0.4s`, `12s`, `3m 20s`, `50m`, `1h 05m`. */
export function formatDuration(ms: number): string {
  if (ms < 9_950) return `${Number((ms / 1_000).toFixed(1))}s`;
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return inTwo(minutes, 'm', seconds % 60, 's');
  return inTwo(Math.floor(minutes / 60), 'h', minutes % 60, 'm');
}

function inTwo(whole: number, unit: string, rest: number, smaller: string): string {
  return rest === 0 ? `${whole}${unit}` : `${whole}${unit} ${String(rest).padStart(2, '0')}${smaller}`;
}
