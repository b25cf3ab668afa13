/** Spans of time that searches are bound to, such as the months of a backfill, and the messages found in each. */
import { IdSet } from './ids.ts';

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

/** The messages that a search found, by window as far as their windows are known. */
export interface FoundIds {
  readonly windows: ReadonlyMap<Window, IdSet>;
  /** Messages whose window is not known; they are newer than those of `windows`. */
  readonly unplaced: IdSet;
}

export interface AlignedWindow {
  readonly window: Window | null;
  /** What each search found in it, by the index of the search. */
  readonly ids: readonly IdSet[];
}

/**
 * The windows of `found`, the oldest first. A message that several searches found is in the same window for all of them.
 * What no search knows the window of is newer than what was listed apart, or belongs to a search so small that its order
 * does not matter: it is put into the newest window.
 */
export function alignWindows(found: readonly FoundIds[], span: Span | undefined): AlignedWindow[] {
  const known = (span?.windows ?? []).filter((window) => found.some(({ windows }) => windows.has(window)));
  const unplaced = found.map((one) => one.unplaced);
  const aligned: AlignedWindow[] = known.map((window) => {
    const listed = found.map(({ windows }) => windows.get(window) ?? IdSet.empty);
    const ids = listed.map((own, index) => {
      const rest = unplaced[index] ?? IdSet.empty;
      if (rest.size === 0) return own;
      const marks = rest.marks(...listed);
      if (!marks.includes(1)) return own;
      unplaced[index] = rest.filter((at) => marks[at] === 0);
      return IdSet.union([own, rest.filter((at) => marks[at] === 1)]);
    });
    return { window, ids };
  });
  if (aligned.length > 0 && unplaced.every(({ size }) => size === 0)) return aligned;
  return [...aligned, { window: span === undefined ? null : newest(span, known), ids: unplaced }];
}

/** The window of what was not listed apart. */
function newest({ whole, windows }: Span, known: readonly Window[]): Window {
  const rest = windows.filter((window) => !known.includes(window));
  const [first, last] = [rest[0], rest.at(-1)];
  if (known.length === 0 || first === undefined || last === undefined) return whole;
  const name = first === last ? first.name : `${first.name} to ${last.name}`;
  return { name, fromS: first.fromS, toS: last.toS };
}
