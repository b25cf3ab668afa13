/**
 * Formats numbers for people, on screens and in errors: `1,172`, `1 message`, `12.5%`. Does not use Intl, whose first use
 * takes 10 ms and 7 MB.
 */

/** `1,172` for a whole number. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 message`, `1,172 messages`. */
export function counted(count: number, word: string, plural = `${word}s`): string {
  return `${formatCount(count)} ${count === 1 ? word : plural}`;
}

/** `share`, from 0 to 1, as a percentage: `50%`, `2.5%`, `0.025%`. */
export function formatShare(share: number): string {
  return `${Number((share * 100).toFixed(share < 0.01 ? 3 : 1))}%`;
}

/** `4.7 MB`; 1 MB is a million bytes. */
export function formatBytes(bytes: number): string {
  for (const [unit, size] of [
    ['GB', 1e9],
    ['MB', 1e6],
    ['kB', 1e3],
  ] as const) {
    if (bytes >= size) return `${(bytes / size).toFixed(1)} ${unit}`;
  }
  return counted(bytes, 'byte');
}
