/** Gmail's history ids: 64-bit numbers without a sign, which are too large for JavaScript's numbers. */

const MOST_DIGITS = 20;
const LARGEST = 2n ** 64n - 1n;

export function isHistoryId(value: unknown): value is string {
  if (typeof value !== 'string' || !/^\d{1,20}$/.test(value)) return false;
  return value.length < MOST_DIGITS || BigInt(value) <= LARGEST;
}

/** Below 0 when `a` is the lower id, 0 when both are the same number. */
export function compareHistoryIds(a: string, b: string): number {
  const difference = BigInt(a) - BigInt(b);
  return difference < 0n ? -1 : difference > 0n ? 1 : 0;
}

/** The higher of two ids. */
export function laterHistoryId(a: string, b: string): string {
  return compareHistoryIds(a, b) < 0 ? b : a;
}
