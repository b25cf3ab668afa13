/** The hidden labels of the messages that the program writes for itself: the journals of its runs, and digests. */
import { normalizeLabel } from './labels.ts';

export const JOURNAL_LABEL = 'gmail-jobs/journal';

/** On the journal of a run that made all its changes. */
export const COMPLETED_LABEL = 'gmail-jobs/completed';

/** On the journal of a run that was undone. */
export const UNDONE_LABEL = 'gmail-jobs/undone';

/** On digests. The labels that claim a period are below it, as in `gmail-jobs/digest/…`. */
export const DIGEST_LABEL = 'gmail-jobs/digest';

/** The folder of the program's own labels. */
export const OWN_FOLDER = 'gmail-jobs';

/** In the form in which Gmail compares names, where a hyphen and a space count as a slash. */
const OWN_LABELS = [JOURNAL_LABEL, COMPLETED_LABEL, UNDONE_LABEL, DIGEST_LABEL].map(normalizeLabel);
const DIGEST_LABELS = normalizeLabel(`${DIGEST_LABEL}/`);

/**
 * Whether Gmail takes `name` for the folder, for a label in it, or for one of the program's own labels. `gmail-jobs-notes`
 * is outside: the folder's name ends at a slash.
 */
export function isInOwnFolder(name: string): boolean {
  const [folder = ''] = name.split('/');
  const normalized = normalizeLabel(name);
  return [normalizeLabel(folder), normalized].includes(OWN_FOLDER) || isProgramLabel(name);
}

/** Whether the program itself creates a label of this name; other labels may lie in the folder, too. */
export function isProgramLabel(name: string): boolean {
  const normalized = normalizeLabel(name);
  return OWN_LABELS.includes(normalized) || normalized.startsWith(DIGEST_LABELS);
}
