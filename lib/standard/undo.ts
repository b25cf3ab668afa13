/**
 * Undoes a run: restores the labels of every message that nobody changed since the run. The run's journal has the labels
 * from before the run; searches find the current labels.
 */
import { counted } from '../base/count.ts';
import { timeOfRunId } from '../base/run-id.ts';
import { UsageError } from '../errors.ts';
import { IdSet } from '../gmail/ids.ts';
import { defineJob, type JobLog, Scope, switchOption, yesOption } from '../job.ts';
import { JournalStore } from '../undo/journal-store.ts';
import { planUndo } from '../undo/undo.ts';
import { changedMeanwhile } from '../undo/undo-state.ts';

const SEE_RUNS = '`job runs` lists the runs that can be undone.';

export default defineJob({
  summary: 'Undo a run: restore the labels that it changed, except on messages that were changed again since',
  description:
    'Restores all labels of a message, or none: a message that somebody has changed since the run is left alone and ' +
    'counted as skipped. Asks before it changes anything.',
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
    const journals = new JournalStore({ mailbox, wait });
    const runId = options.last ? await chooseLast(journals, log) : argument;
    resolveArgument(runId);
    const asks = !options.yes && mailbox.live;
    const before = asks ? await mailbox.historyId() : '';
    const plan = await planUndo(runId, { journals, mailbox, log, wait });
    if (plan === null) {
      log.info('undo.done_before', { undo: runId });
      return;
    }
    const { job, messageIds, messages, groups, differing } = plan;
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
        await confirm(`Undo the run ${runId}: restore ${counted(count, 'message')}? [y/N] `);
        return await changedMeanwhile(before, groups, mailbox);
      },
    );
    if (tally.counts.changed > 0 && tally.counts.failed === 0) await journals.markUndone({ messageIds });
    if (tally.counts.changed > 0) log.info('undo.not_for_good', { undo: runId, of: job });
  },
});

async function chooseLast(journals: JournalStore, log: JobLog): Promise<string> {
  const { runId, job, startedAt, messages } = await journals.last();
  log.info('undo.last', { undo: runId, of: job, startedAt: startedAt.toISOString(), messages });
  return runId;
}
