/** Suggests the nearest word for a mistyped one. */
import leven from 'leven';

/** The candidate nearest to `text`; undefined when none is near enough. */
export function nearest(text: string, candidates: Iterable<string>): string | undefined {
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = slips(text.toLowerCase(), candidate.toLowerCase());
    if (best === undefined || distance < best.distance) best = { candidate, distance };
  }
  const allowed = Math.max(1, Math.floor(text.length / 2.5));
  return best !== undefined && best.distance <= allowed ? best.candidate : undefined;
}

/** ` (did you mean "x"?)`, or ''. */
export function didYouMean(text: string, candidates: Iterable<string>): string {
  const near = nearest(text, candidates);
  return near === undefined ? '' : ` (did you mean "${near}"?)`;
}

/** The number of typing errors between two words. Letters in another order ("form" for "from") count as one. */
export function slips(typed: string, meant: string): number {
  const distance = leven(typed, meant);
  return distance > 1 && sorted(typed) === sorted(meant) ? 1 : distance;
}

function sorted(word: string): string {
  return [...word].sort().join('');
}
