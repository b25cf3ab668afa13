/** The hidden labels of the messages that the program writes for itself: the journals of its runs, and digests. */
import { normalizeLabel } from './labels.ts';

export const JOURNAL_LABEL = 'gmail-jobs/journal';

/** On a journal of a run that made all its changes, and of one that was taken back. */
export const COMPLETED_LABEL = 'gmail-jobs/completed';
export const UNDONE_LABEL = 'gmail-jobs/undone';

/** On digests. The labels that claim a period lie below it. */
export const DIGEST_LABEL = 'gmail-jobs/digest';

/** The folder of the program's own labels. */
export const OWN_FOLDER = 'gmail-jobs';

/** Labels below it that Gmail also finds when their slash is written as a hyphen or a space. */
const OWN_LABELS = [JOURNAL_LABEL, COMPLETED_LABEL, UNDONE_LABEL, DIGEST_LABEL].map(normalizeLabel);
const DIGEST_LABELS = normalizeLabel(`${DIGEST_LABEL}/`);

/**
 * Whether Gmail takes `name` for one of the program's own labels, or shows it below them. `gmail-jobs-notes` is neither:
 * only with a slash does it lie in the folder.
 */
export function isOwnLabel(name: string): boolean {
  const [folder = ''] = name.split('/');
  const normalized = normalizeLabel(name);
  return [normalizeLabel(folder), normalized].includes(OWN_FOLDER) || isProgramLabel(name);
}

/** Whether it is the name of a label that the program itself makes, and not just one in its folder. */
export function isProgramLabel(name: string): boolean {
  const normalized = normalizeLabel(name);
  return OWN_LABELS.includes(normalized) || normalized.startsWith(DIGEST_LABELS);
}
