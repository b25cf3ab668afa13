/** The hidden label of what the program writes into a mailbox for itself, and how searches leave that out. */
import { type LabelDirectory, labelSearch } from './labels.ts';

export const JOURNAL_LABEL = 'gmail-jobs/journal';

/** On a journal of a run that made all its changes, and of one that was taken back. */
export const COMPLETED_LABEL = 'gmail-jobs/completed';
export const UNDONE_LABEL = 'gmail-jobs/undone';

/** On digests. The labels that claim a period lie below it. */
export const DIGEST_LABEL = 'gmail-jobs/digest';

/** What keeps journals out of a search; null when there are none, by these labels of the mailbox. */
export function journalExclusion(labels: LabelDirectory): string | null {
  const label = labels.find(JOURNAL_LABEL);
  return label === undefined ? null : `-${labelSearch(label.name)}`;
}
