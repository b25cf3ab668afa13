/**
 * Finds the labels that a run's messages have now, with one search for each label. Searches lag behind, so the mailbox's
 * history corrects their results. Messages that then still differ from the state in which the run left them are read one
 * by one: all of up to 100, or a sample of 10.
 */
import { UnavailableError } from '../errors.ts';
import { findGone, sampleOf } from '../gmail/gone.ts';
import { IdSet } from '../gmail/ids.ts';
import { HIDING_LABELS, type LabelDirectory, labelSearch } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import type { JournalRecord } from './journal-record.ts';
import type { RunModel, UndoGroup, UndoPlan } from './undo-model.ts';

/** Searches are repeated for up to a minute, until they agree with the messages that were read. */
const POLL_MS = 5_000;
const POLLS = 12;

/** Searches count as current after this many equal results (20 s), since the sample may miss a stale message. */
const STEADY_POLLS = 4;

/** A run that started longer ago has normally ended, and searches show its changes. */
const SETTLED_MS = 70 * 60_000;

/** The undo's searches begin this much before the run's time span, and end this much after it. */
const MARGIN_S = 60;

export interface StateOptions {
  readonly model: RunModel;
  /** The time span of each part of the run. */
  readonly ranges: readonly JournalRecord['range'][];
  /** The mailbox's history id at the run's end; undefined when unknown. */
  readonly historyId: string | undefined;
  readonly mailbox: Pick<Mailbox, 'find' | 'labelsOf' | 'history' | 'size'>;
  /** All labels of the mailbox. */
  readonly labels: LabelDirectory;
  /** Milliseconds since the run started. */
  readonly ageMs: number;
  readonly wait: (ms: number) => Promise<void>;
  /** Called once, before the first wait for the searches. */
  readonly onWait: (atMostMs: number) => void;
}

interface Known {
  /** Label → the messages that carry it. */
  readonly carrying: ReadonlyMap<string, IdSet>;
  /** Messages that were read one by one; the others are known from searches and the history. */
  readonly read: IdSet;
  /** Messages that were deleted for good. */
  readonly gone: IdSet;
}

interface State extends Known {
  readonly plan: UndoPlan;
}

/** Returns the undo's plan. @throws UnavailableError when searches are still out of date after a minute. */
export async function planFromState(options: StateOptions): Promise<UndoPlan> {
  const { model, ranges, mailbox } = options;
  const { plan, carrying, read, gone } = await settledState(options);
  // A message that no search shows either carries none of the labels, as the run left it, or was deleted for good.
  const unseen = IdSet.union(plan.groups.map(({ ids }) => ids)).without(read, ...carrying.values());
  const vanished = await findGone(unseen, termsOf(ranges), mailbox);
  return vanished.size === 0 ? plan : model.judge(carrying, IdSet.union([gone, vanished]));
}

/** Repeats the searches until they agree with the messages that were read. */
async function settledState(options: StateOptions): Promise<State> {
  const { model, ageMs, wait, onWait } = options;
  /** How many messages differed when the sample last confirmed the searches; -1 when it did not. */
  let before = -1;
  /** How many times in a row the searches have given that number again. */
  let steady = 0;
  for (let poll = 0; ; poll += 1) {
    const known = await withHistory(options, await list(options));
    const plan = model.judge(known.carrying, known.gone);
    const doubtful = plan.differing.without(known.gone);
    if (doubtful.size === 0) return { ...known, plan };
    const sample = sampleOf(doubtful);
    const state = await readAgain(options, known, sample);
    if (sample.size === doubtful.size) return state;

    const believed = state.plan.differing.size === plan.differing.size;
    steady = before === plan.differing.size ? steady + 1 : 0;
    const settled = ageMs > SETTLED_MS || steady === STEADY_POLLS || poll === POLLS;
    if (believed && settled) return state;
    if (poll === POLLS) {
      throw new UnavailableError(
        "Gmail's search does not show the run's changes yet, so the undo changed nothing",
        'Run the same command again in a few minutes.',
      );
    }
    before = believed ? plan.differing.size : -1;
    if (poll === 0) onWait(POLLS * POLL_MS);
    await wait(POLL_MS);
  }
}

/** Returns label → messages of the run that carry it. 5 quota units for each 500 messages with the label. */
async function list({ model, ranges, mailbox, labels }: StateOptions): Promise<Map<string, IdSet>> {
  const terms = termsOf(ranges);
  const names = new Map(labels.all().map(({ id, name }) => [id, name]));
  const listed = model.labels.map(async (id) => {
    const query = [labelSearch(names.get(id) ?? id), ...terms].join(' ');
    const { unplaced } = await mailbox.find(query, { includeSpamTrash: true, among: model.messages });
    return [id, unplaced] as const;
  });
  return new Map(await Promise.all(listed));
}

/** Applies the label changes since the run's end, which the history has, to the searches' results. */
async function withHistory(
  { model, mailbox, historyId }: StateOptions,
  searched: ReadonlyMap<string, IdSet>,
): Promise<Known> {
  const happened = historyId === undefined ? null : await mailbox.history(historyId, model.messages);
  if (happened === null) return { carrying: searched, read: IdSet.empty, gone: IdSet.empty };
  const carrying = [...searched].map(([label, shown]) => {
    const changes = [...(happened.labels.get(label) ?? [])];
    const idsOf = (wanted: boolean) => IdSet.of(changes.flatMap(([id, carries]) => (carries === wanted ? [id] : [])));
    return [label, IdSet.union([shown.without(idsOf(false)), idsOf(true)])] as const;
  });
  return { carrying: new Map(carrying), read: IdSet.empty, gone: IdSet.of(happened.deleted) };
}

/** The search terms that bound a search to the time span of the run. */
function termsOf(ranges: StateOptions['ranges']): string[] {
  const bounds = (side: 'fromS' | 'toS') => ranges.map((range) => range?.[side] ?? null);
  const from = bounds('fromS').filter((bound) => bound !== null);
  const to = bounds('toS').filter((bound) => bound !== null);
  return [
    ...(from.length === ranges.length ? [`after:${Math.min(...from) - MARGIN_S}`] : []),
    ...(to.length === ranges.length ? [`before:${Math.max(...to) + MARGIN_S}`] : []),
  ];
}

/** Reads `ids` one by one, and judges all messages with the labels found. */
async function readAgain({ model, mailbox }: StateOptions, known: Known, ids: IdSet): Promise<State> {
  const read = await mailbox.labelsOf(ids.list());
  const found = [...known.carrying].map(([label, before]) => {
    const now = [...read].filter(([, labelIds]) => labelIds.includes(label)).map(([id]) => id);
    return [label, IdSet.union([before.without(ids), IdSet.of(now)])] as const;
  });
  const carrying = new Map(found);
  const gone = IdSet.union([known.gone, ids.without(IdSet.of(read.keys()))]);
  return { plan: model.judge(carrying, gone), carrying, read: ids, gone };
}

/**
 * Returns the messages of `groups` that somebody changed after the history id `since`, while the undo waited for a person's
 * answer: deleted messages, hidden ones, and those with a change to a label that the undo restores. 2 quota units for each
 * 500 changes of the mailbox.
 * @throws UnavailableError when Gmail's history no longer reaches back to `since`.
 */
export async function changedMeanwhile(
  since: string,
  groups: readonly UndoGroup[],
  mailbox: Pick<Mailbox, 'history'>,
): Promise<IdSet> {
  const happened = await mailbox.history(since, IdSet.union(groups.map(({ ids }) => ids)));
  if (happened === null) {
    throw new UnavailableError(
      "Gmail's history no longer reaches back to the question, so the undo cannot tell what changed since, and changed nothing",
      'Run the command again.',
    );
  }
  const touched = groups.flatMap(({ ids, steps }) => {
    const labels = [...new Set([...HIDING_LABELS, ...steps.map(({ id }) => id)])];
    const changed = labels.flatMap((label) => [...(happened.labels.get(label)?.keys() ?? [])]);
    return [...changed, ...happened.deleted].filter((id) => ids.has(id));
  });
  return IdSet.of(touched);
}
