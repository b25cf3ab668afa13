/** Spans of time that searches are bound to, such as the months of a backfill, and the messages found in each. */
import type { DateRange } from '../base/date-range.ts';
import { IdSet } from './ids.ts';

export interface Window {
  /** For people: `2023`, `2023-04`, `2015-01-01 to now`. */
  readonly name: string;
  /** The first second in the window, since 1970; null when the window has no beginning. */
  readonly fromS: number | null;
  /** The first second after the window, since 1970; null when the window has no end. */
  readonly toS: number | null;
}

/** The span of time of a backfill; without one, searches find all mail. */
export interface Span {
  readonly whole: Window;
  /** The length of a window: `day`, `week`, `month` or `year`. */
  readonly unit: string;
  /** Windows that together are `whole`, oldest first. */
  readonly windows: readonly Window[];
  /** Whether a person asked for these windows. Otherwise searches use them only to be faster. */
  readonly asked: boolean;
  /** Whether the work begins with the oldest window; otherwise with the newest. */
  readonly oldestFirst: boolean;
}

/** The whole range as one window. */
export function windowOf({ from, to }: DateRange): Window {
  const name = `${from?.date.toISODate() ?? 'the beginning'} to ${to?.date.toISODate() ?? 'now'}`;
  return { name, fromS: from?.beginS ?? null, toS: to?.beginS ?? null };
}

/**
 * The search terms for messages of the window. Two adjacent windows find each message once: `-before:` is the exact
 * beginning, because Gmail does not document whether `after:` includes its second; `after:` only makes the search faster.
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
  /** The messages that each search found in the window, by the index of the search. */
  readonly ids: readonly IdSet[];
}

/**
 * Brings the messages of several searches into the same windows, oldest first: a message that several searches found is in
 * the same window for all. Messages whose window no search knows go into the newest window: they are newer than the known
 * windows, or their search found so few that their order does not matter.
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

/** The window that holds the messages of no known window. */
function newest({ whole, windows }: Span, known: readonly Window[]): Window {
  const rest = windows.filter((window) => !known.includes(window));
  const [first, last] = [rest[0], rest.at(-1)];
  if (known.length === 0 || first === undefined || last === undefined) return whole;
  const name = first === last ? first.name : `${first.name} to ${last.name}`;
  return { name, fromS: first.fromS, toS: last.toS };
}
