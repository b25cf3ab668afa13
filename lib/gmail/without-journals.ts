/** Keeps journals out of a plan that was made before the mailbox had any. */
import { type ChangePlan, leaveOut, setSizes } from './change-plan.ts';
import { IdSet } from './ids.ts';
import { JOURNAL_LABEL } from './journal-label.ts';
import { type LabelDirectory, labelSearch } from './labels.ts';
import type { MessageRef, SearchOptions } from './searcher.ts';

interface SearchableMailbox {
  knownLabels(): Promise<LabelDirectory>;
  labels(): Promise<LabelDirectory>;
  search(query: string, options: SearchOptions): Promise<MessageRef[]>;
}

/**
 * The plan without journals. Searches leave them out by their label; but a run that began before there was such a label
 * has found the first journal of another run, if its rules are about all mail. 1 quota unit, in such a run alone.
 */
export async function withoutJournals(plan: ChangePlan, mailbox: SearchableMailbox): Promise<ChangePlan> {
  const nothing = setSizes(plan).every((size) => size === 0);
  if (nothing || (await mailbox.knownLabels()).find(JOURNAL_LABEL) !== undefined) return plan;
  const label = (await mailbox.labels()).find(JOURNAL_LABEL);
  if (label === undefined) return plan;
  const journals = await mailbox.search(labelSearch(label.name), { journals: true, includeSpamTrash: true });
  return leaveOut(plan, IdSet.of(journals.map(({ id }) => id)));
}
