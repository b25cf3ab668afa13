/**
 * Takes a run back: the labels that it changed are as they were before, on every message that is still as the run left
 * it. What was before is known from the run's journal; what is now, from searches.
 */
import { counted } from '../lib/base/count.ts';
import { timeOfRunId } from '../lib/base/run-id.ts';
import { UsageError } from '../lib/errors.ts';
import { IdSet } from '../lib/gmail/ids.ts';
import { systemLabelId } from '../lib/gmail/labels.ts';
import { defineJob, type RunContext, Scope, switchOption, yesOption } from '../lib/job.ts';
import type { OptionSpecs } from '../lib/options.ts';
import { JournalStore } from '../lib/undo/journal-store.ts';
import { RunModel } from '../lib/undo/undo-model.ts';
import { changedMeanwhile, planUndo } from '../lib/undo/undo-state.ts';
import { withoutUnreached } from '../lib/undo/undo-unreached.ts';

/** The job whose next run finds the restored messages again. */
const RULES_JOB = 'apply-rules';

const SEE_RUNS = '`job runs` lists the runs that can be undone.';

export default defineJob({
  summary: 'Take a run back: restore the labels that it changed, where nobody has changed them since',
  description:
    'A message goes back as a whole, or stays as it is and is counted as skipped when it is not as the run left it. ' +
    'Asks before it changes anything.',
  scopes: [Scope.modify],
  argument: {
    name: 'runId',
    summary: 'the run, such as 20261123-031608-7f3a (see `job runs`)',
    orSwitch: 'last',
    remedy: SEE_RUNS,
    parse(text) {
      if (timeOfRunId(text) === null) throw new UsageError(`"${text}" is no run id`, SEE_RUNS);
      return text;
    },
  },
  options: {
    last: switchOption('the newest run that was not undone yet, in place of a <runId>'),
    yes: yesOption,
  },

  prepare({ options, interactive, dryRun }) {
    if (options.yes || interactive || dryRun) return;
    throw new UsageError(
      'there is nobody to ask whether the run should be undone',
      'Add --yes to undo it without being asked, or --dry-run to see what would be done.',
    );
  },

  async run({ argument, resolveArgument, options, mailbox, tally, log, wait, confirm }) {
    const journal = new JournalStore({ mailbox, wait });
    const runId = options.last ? await chooseLast(journal, log) : argument;
    resolveArgument(runId);
    const asks = !options.yes && mailbox.live;
    const before = asks ? await mailbox.historyId() : '';
    const found = await lookUp(runId, journal, { mailbox, log, wait });
    if (found === null) {
      log.info('undo.done_before', { undo: runId });
      return;
    }
    const { messageIds, messages, groups, differing } = found;
    const total = groups.reduce((sum, { ids }) => sum + ids.size, 0);
    for (const { rule, ids, steps } of groups) {
      const names = (add: boolean) => steps.filter((step) => step.add === add).map(({ name }) => name);
      log.info('undo.planned', { rule, toRestore: ids.size, add: names(true), remove: names(false) });
    }
    log.info('undo.found', { undo: runId, messages, toRestore: total, skipped: differing.size });
    tally.matched(differing.size);
    tally.skipped(differing.size);

    await mailbox.changeLabels(
      groups.map(({ rule, ids, steps }) => ({
        name: rule,
        ids,
        change: {
          addLabelIds: steps.filter(({ add }) => add).map(({ id }) => id),
          removeLabelIds: steps.filter(({ add }) => !add).map(({ id }) => id),
        },
      })),
      async (count) => {
        if (!asks) return IdSet.empty;
        await confirm(`Take the run ${runId} back: restore ${counted(count, 'message')}? [y/N] `);
        return await changedMeanwhile(before, groups, mailbox);
      },
    );
    if (tally.counts.changed > 0 && tally.counts.failed === 0) await journal.markUndone({ messageIds });
    if (tally.counts.changed > 0 && found.job === RULES_JOB)
      log.info('undo.not_for_good', { undo: runId, of: found.job });
  },
});

type Context = Pick<RunContext<OptionSpecs, unknown>, 'mailbox' | 'log' | 'wait'>;

/** The newest run that was not undone yet. */
async function chooseLast(journal: JournalStore, log: Context['log']): Promise<string> {
  const { runId, job, startedAt, messages } = await journal.last();
  log.info('undo.last', { undo: runId, of: job, startedAt: startedAt.toISOString(), messages });
  return runId;
}

/**
 * Returns the undo's plan; null when the run is already undone. A function of its own, so that the journals, which are
 * large, are freed before anything is changed.
 */
async function lookUp(runId: string, journal: JournalStore, context: Context) {
  const run = await readRun(runId, journal, context);
  if (run === null) return null;
  const { model, job, messageIds, ...known } = run;
  const onWait = (atMostMs: number) => context.log.info('undo.waiting', { undo: runId, for: 'searches', atMostMs });
  const plan = await planUndo({ ...known, model, mailbox: context.mailbox, wait: context.wait, onWait });
  return { ...plan, job, messageIds, messages: model.messages.size };
}

/** What the run did, as its journals tell; these are as large again, and not kept. */
async function readRun(runId: string, journal: JournalStore, { mailbox, log }: Context) {
  const { records, missing, ...run } = await journal.find(runId, (atMostMs) =>
    log.info('undo.waiting', { undo: runId, for: 'journal', atMostMs }),
  );
  const { completed, undone, startedAt, messageIds, historyId } = run;
  if (undone) return null;
  if (missing > 0) log.warn('undo.parts_missing', { undo: runId, parts: missing });

  const labels = await mailbox.labels();
  const existing = new Set(labels.all().map(({ id }) => id));
  const exists = (id: string) => existing.has(id) || systemLabelId(id) === id;
  const recorded = records.flatMap((record) => record.entries);
  const entries = completed ? recorded : await withoutUnreached(recorded, journal.after(startedAt));
  const gone = entries.flatMap(({ steps }) => steps).filter(({ id }) => !exists(id));
  for (const [id, { name }] of new Map(gone.map((step) => [step.id, step]))) {
    log.warn('undo.label_gone', { label: name, labelId: id });
  }
  const model = new RunModel({ entries, completed, exists });
  const ranges = records.map(({ range }) => range);
  const job = records[0]?.job;
  return { model, job, ranges, labels, messageIds, historyId, ageMs: Date.now() - startedAt.getTime() };
}
