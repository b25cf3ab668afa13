/**
 * Numbers as people read them, on screens and in errors: `1,172`, `1 message`, `12.5%`. By hand, since the first use of
 * Intl takes 10 ms and 7 MB.
 */

/** `count`, a whole number, with its thousands set apart. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}

/** `1 message`, `1,172 messages`; `plural` where it is not made with an s. */
export function counted(count: number, word: string, plural = `${word}s`): string {
  return `${formatCount(count)} ${count === 1 ? word : plural}`;
}

/** `share`, between 0 and 1, as a percentage: `50%`, `2.5%`, `0.025%`. */
export function formatShare(share: number): string {
  return `${Number((share * 100).toFixed(share < 0.01 ? 3 : 1))}%`;
}
