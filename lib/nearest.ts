/** "Did you mean …?" */
import leven from 'leven';

/** The candidate that `text` was probably meant to be; undefined when none is near. */
export function nearest(text: string, candidates: Iterable<string>): string | undefined {
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = leven(text.toLowerCase(), candidate.toLowerCase());
    if (best === undefined || distance < best.distance) best = { candidate, distance };
  }
  const allowed = Math.max(1, Math.floor(text.length / 2.5));
  return best !== undefined && best.distance <= allowed ? best.candidate : undefined;
}

/** ` (did you mean "x"?)`, or nothing. */
export function didYouMean(text: string, candidates: Iterable<string>): string {
  const near = nearest(text, candidates);
  return near === undefined ? '' : ` (did you mean "${near}"?)`;
}
