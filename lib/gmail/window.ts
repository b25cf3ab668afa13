/** A span of time to which searches are bound, such as one year of a backfill. */

export interface Window {
  /** For people: `2023`, `2023-04`, `2015-01-01 to now`. */
  readonly name: string;
  /** The first second that belongs to it, since 1970; null when it has no beginning. */
  readonly fromS: number | null;
  /** The first second that does not belong to it any more; null when it has no end. */
  readonly toS: number | null;
}

/** The span of time that a backfill is about; without one, searches are about all mail. */
export interface Span {
  readonly whole: Window;
  /** What a window is: a day, a week, a month, a year. */
  readonly unit: string;
  /** Windows that together are the whole, the oldest first. */
  readonly windows: readonly Window[];
  /** Whether a person wants exactly these windows; else searches use them as it pays. */
  readonly asked: boolean;
  /** Whether the work begins with the oldest window, instead of the newest. */
  readonly oldestFirst: boolean;
}

/**
 * The search terms for messages of the window. Whether Gmail counts the very second of `after:` is not documented, so
 * `after:` only helps it to look at less, and `-before:` says exactly where the window begins: two windows that touch
 * find every message once.
 */
export function windowTerms({ fromS, toS }: Window): string[] {
  return [
    ...(fromS === null ? [] : [`after:${fromS - 1}`, `-before:${fromS}`]),
    ...(toS === null ? [] : [`before:${toS}`]),
  ];
}
