/** Brings what several searches found into the same windows, so that the work can go on window by window. */
import { IdSet } from './ids.ts';
import type { Found } from './listing.ts';
import type { Span, Window } from './window.ts';

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
export function alignWindows(found: readonly Found[], span: Span | undefined): AlignedWindow[] {
  const known = (span?.windows ?? []).filter((window) => found.some(({ windows }) => windows.has(window)));
  const loose = found.map((one) => one.loose);
  const aligned: AlignedWindow[] = known.map((window) => {
    const listed = found.map(({ windows }) => windows.get(window) ?? IdSet.empty);
    const ids = listed.map((own, index) => {
      const rest = loose[index] ?? IdSet.empty;
      if (rest.size === 0) return own;
      const marks = rest.marks(...listed);
      if (!marks.includes(1)) return own;
      loose[index] = rest.filter((at) => marks[at] === 0);
      return IdSet.union([own, rest.filter((at) => marks[at] === 1)]);
    });
    return { window, ids };
  });
  if (aligned.length > 0 && loose.every(({ size }) => size === 0)) return aligned;
  return [...aligned, { window: span === undefined ? null : newest(span, known), ids: loose }];
}

/** The window of what was not listed apart. */
function newest({ whole, windows }: Span, known: readonly Window[]): Window {
  const rest = windows.filter((window) => !known.includes(window));
  const [first, last] = [rest[0], rest.at(-1)];
  if (known.length === 0 || first === undefined || last === undefined) return whole;
  const name = first === last ? first.name : `${first.name} to ${last.name}`;
  return { name, fromS: first.fromS, toS: last.toS };
}
