/** Whole numbers for people: `1,172`. By hand, since the first use of Intl takes 10 ms and 7 MB. */

/** `count` with its thousands set apart. */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ',');
}
