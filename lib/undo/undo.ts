/**
 * Plans an undo: finds the run's journal (journal-store.ts), works out the run's changes (undo-model.ts) and compares them
 * with the mailbox (undo-state.ts). Changes nothing in the mailbox; `job undo` does.
 */
import { systemLabelId } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import type { Log } from '../screen/log.ts';
import type { JournalStore } from './journal-store.ts';
import { RunModel } from './undo-model.ts';
import { planFromState } from './undo-state.ts';
import { withoutUnreached } from './undo-unreached.ts';

export interface UndoContext {
  readonly journals: JournalStore;
  readonly mailbox: Mailbox;
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly wait: (ms: number) => Promise<void>;
}

/**
 * Returns the plan that restores the run's messages; null when the run is already undone.
 * @throws JournalError when the run has no usable journal.
 * @throws UnavailableError when searches are still out of date after a minute.
 */
export async function planUndo(runId: string, context: UndoContext) {
  const run = await readRun(runId, context);
  if (run === null) return null;
  const { mailbox, log, wait } = context;
  const { model, job, messageIds, ...known } = run;
  const onWait = (atMostMs: number) => log.info('undo.waiting', { undo: runId, for: 'searches', atMostMs });
  const plan = await planFromState({ ...known, model, mailbox, wait, onWait });
  return { ...plan, job, messageIds, messages: model.messages.size };
}

/** A function of its own, so that the journal's records, which are as large as the model, are freed before the searches. */
async function readRun(runId: string, { journals, mailbox, log }: UndoContext) {
  const { records, missing, ...run } = await journals.find(runId, (atMostMs) =>
    log.info('undo.waiting', { undo: runId, for: 'journal', atMostMs }),
  );
  const { completed, undone, startedAt, messageIds, historyId } = run;
  if (undone) return null;
  if (missing > 0) log.warn('undo.parts_missing', { undo: runId, parts: missing });

  const labels = await mailbox.labels();
  const existing = new Set(labels.all().map(({ id }) => id));
  const exists = (id: string) => existing.has(id) || systemLabelId(id) === id;
  const recorded = records.flatMap((record) => record.entries);
  const entries = completed ? recorded : await withoutUnreached(recorded, journals.after(startedAt));
  const gone = entries.flatMap(({ steps }) => steps).filter(({ id }) => !exists(id));
  for (const [id, { name }] of new Map(gone.map((step) => [step.id, step]))) {
    log.warn('undo.label_gone', { label: name, labelId: id });
  }
  const model = new RunModel({ entries, completed, exists });
  const ranges = records.map(({ range }) => range);
  const job = records[0]?.job;
  return { model, job, ranges, labels, messageIds, historyId, ageMs: Date.now() - startedAt.getTime() };
}
