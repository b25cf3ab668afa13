/** How long ago something was, for a person. */
import { counted } from '../base/count.ts';

export const DAY_MS = 86_400_000;

/** `ms` in its largest unit that fits: "12 days", "3 hours", "less than a minute". */
export function formatAge(ms: number): string {
  const units: readonly (readonly [number, string])[] = [
    [DAY_MS, 'day'],
    [3_600_000, 'hour'],
    [60_000, 'minute'],
  ];
  for (const [unitMs, name] of units) {
    const count = Math.floor(ms / unitMs);
    if (count >= 1) return counted(count, name);
  }
  return 'less than a minute';
}
