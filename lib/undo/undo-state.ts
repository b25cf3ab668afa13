/**
 * Which labels the messages of a run have now: by searches, a listing for each label that counts. Searches lag behind, so
 * the mailbox's history tells what was done since the run, and what else speaks against restoring a message is looked at
 * again.
 */
import { UnavailableError } from '../errors.ts';
import { IdSet } from '../gmail/ids.ts';
import { type LabelDirectory, labelSearch } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { PAGE_SIZE } from '../gmail/searcher.ts';
import { unitsOf } from '../gmail/units.ts';
import type { JournalRecord } from './journal-record.ts';
import { HIDING, type RunModel, type UndoGroup, type UndoPlan } from './undo-model.ts';

/** How often and for how long it is waited for the searches: about a minute. */
const POLL_MS = 5_000;
const POLLS = 12;

/** As often as that they have to say the same again: twenty seconds, since what a sample misses may still be stale. */
const STEADY_POLLS = 4;

/** So long after its beginning a run has ended, and searches have caught up with it. */
const SETTLED_MS = 70 * 60_000;

/** Searches are bound a little more widely than the run's were. */
const MARGIN_S = 60;

export interface StateOptions {
  readonly model: RunModel;
  /** From when to when the parts of the run looked for mail. */
  readonly ranges: readonly JournalRecord['range'][];
  /** Stands for the run's end in the mailbox's history, if that is known; since it was taken back, for that moment. */
  readonly historyId: string | undefined;
  readonly mailbox: Pick<Mailbox, 'find' | 'labelsOf' | 'history' | 'size'>;
  /** The labels of the mailbox, by which they are searched. */
  readonly labels: LabelDirectory;
  /** How long ago the run began. */
  readonly ageMs: number;
  readonly wait: (ms: number) => Promise<void>;
  /** Told once when it is waited for the searches, for how long at most. */
  readonly onWait: (atMostMs: number) => void;
}

/** What is known of the messages of a run. */
interface Known {
  /** Label → the messages that carry it. */
  readonly carrying: ReadonlyMap<string, IdSet>;
  /** Those that were read one by one; of the others it is known what searches and the history say. */
  readonly read: IdSet;
  /** Those that exist no more. */
  readonly gone: IdSet;
}

/** And what follows from it. */
interface State extends Known {
  readonly plan: UndoPlan;
}

/** What there is to do, on the mailbox as it is now. @throws UnavailableError when searches stay behind for a minute. */
export async function planUndo(options: StateOptions): Promise<UndoPlan> {
  const { model, ranges, mailbox } = options;
  const { plan, carrying, read, gone } = await settledState(options);
  // What a search has shown exists. A message that none has shown may be as the run left it, or not be there at all.
  const unseen = IdSet.union(plan.groups.map(({ ids }) => ids)).without(read, ...carrying.values());
  const vanished = await findGone(unseen, termsOf(ranges), mailbox);
  return vanished.size === 0 ? plan : model.judge(carrying, IdSet.union([gone, vanished]));
}

/** The labels of the messages, when searches and what was read of the messages agree. */
async function settledState(options: StateOptions): Promise<State> {
  const { model, ageMs, wait, onWait } = options;
  /** How many differed when the searches were last believed, and how often they have said so again. */
  let before = -1;
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
        "Gmail's search does not show yet what the run changed: nothing was changed",
        'Run the same command again in a few minutes.',
      );
    }
    before = believed ? plan.differing.size : -1;
    if (poll === 0) onWait(POLLS * POLL_MS);
    await wait(POLL_MS);
  }
}

/** For each label that counts, those messages of the run that carry it. 5 quota units for each 500 of the label. */
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

/** What searches show, and over it what the history tells of the time since the run's end. */
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

/** The search terms for all mail that the run can have seen. */
function termsOf(ranges: StateOptions['ranges']): string[] {
  const bounds = (side: 'fromS' | 'toS') => ranges.map((range) => range?.[side] ?? null);
  const from = bounds('fromS').filter((bound) => bound !== null);
  const to = bounds('toS').filter((bound) => bound !== null);
  return [
    ...(from.length === ranges.length ? [`after:${Math.min(...from) - MARGIN_S}`] : []),
    ...(to.length === ranges.length ? [`before:${Math.max(...to) + MARGIN_S}`] : []),
  ];
}

/** The state when `ids` are not as it was known, but as they are when they are read one by one. */
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

type Reading = Pick<Mailbox, 'labelsOf'>;

/**
 * Those of `ids` that exist no more, by what costs less: to read each of them, or to list all mail to which `terms`
 * bind a search. 20 quota units for each message that is read, 5 for each 500 that are listed; no ids cost nothing.
 */
export async function findGone(
  ids: IdSet,
  terms: readonly string[],
  mailbox: Reading & Pick<Mailbox, 'find' | 'size'>,
): Promise<IdSet> {
  if (ids.size === 0) return ids;
  const messages = await mailbox.size();
  // By the costs of newer projects; in an older one, where a message costs as little as a page, not always the least.
  const toRead = ids.size * unitsOf('messages.get', '2026');
  const toList = Math.ceil(messages / PAGE_SIZE) * unitsOf('messages.list', '2026');
  if (toRead <= toList) return await readGone(ids, mailbox);
  const query = ['in:anywhere', ...terms].join(' ');
  const unlisted = async (some: IdSet) => {
    const { unplaced } = await mailbox.find(query, { includeSpamTrash: true, among: some });
    return some.without(unplaced);
  };
  const missing = await unlisted(ids);
  // When others delete mail meanwhile, what stands on the pages of a list moves, and some is passed over.
  return await confirmGone(areFew(missing) ? missing : await unlisted(missing), mailbox);
}

/** Those of `missing` that are really gone; of many all, when all of a sample are. */
async function confirmGone(missing: IdSet, mailbox: Reading): Promise<IdSet> {
  const sample = sampleOf(missing);
  const gone = await readGone(sample, mailbox);
  if (gone.size === sample.size) return missing;
  // To wait for the search is no use: the run has found them all before, so it has had its time.
  return IdSet.union([gone, await readGone(missing.without(sample), mailbox)]);
}

async function readGone(ids: IdSet, mailbox: Reading): Promise<IdSet> {
  const read = await mailbox.labelsOf(ids.list());
  return ids.without(IdSet.of(read.keys()));
}

/** So many messages are read singly, each 20 quota units, which is exact. */
const MOST_READ = 100;

/** Of more than that, so many are read to see whether the searches can be believed. */
const SAMPLE = 10;

/** Whether it is worth reading them all. */
export function areFew(ids: IdSet): boolean {
  return ids.size <= MOST_READ;
}

/** Those of the ids that are worth reading one by one: all, or some at even distances. */
export function sampleOf(ids: IdSet): IdSet {
  if (areFew(ids)) return ids;
  return IdSet.of(Array.from({ length: SAMPLE }, (_, index) => ids.at(Math.floor((index * ids.size) / SAMPLE))));
}

/**
 * The messages of `groups` that were deleted or hidden since the history id `since`, or got or lost a label that is to
 * be restored. 2 quota units for each 500 changes of the mailbox.
 * @throws UnavailableError when the history does not go back so far.
 */
export async function changedMeanwhile(
  since: string,
  groups: readonly UndoGroup[],
  mailbox: Pick<Mailbox, 'history'>,
): Promise<IdSet> {
  const happened = await mailbox.history(since, IdSet.union(groups.map(({ ids }) => ids)));
  if (happened === null) {
    throw new UnavailableError(
      "Gmail's history no longer reaches back to when the question was asked, so nothing was changed",
      'Run the command again.',
    );
  }
  const touched = groups.flatMap(({ ids, steps }) => {
    const labels = [...new Set([...HIDING, ...steps.map(({ id }) => id)])];
    const changed = labels.flatMap((label) => [...(happened.labels.get(label)?.keys() ?? [])]);
    return [...changed, ...happened.deleted].filter((id) => ids.has(id));
  });
  return IdSet.of(touched);
}
