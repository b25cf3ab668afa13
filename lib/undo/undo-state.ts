/**
 * Which labels the messages of a run have now: by searches, a listing for each label that counts. Searches lag behind, so
 * the mailbox's history tells what was done since the run, and what else speaks against restoring a message is looked at
 * again.
 */
import { UnavailableError } from '../errors.ts';
import { IdSet } from '../gmail/ids.ts';
import { type LabelDirectory, labelSearch } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { findGone } from './gone.ts';
import type { JournalRecord } from './journal-record.ts';
import { sampleOf } from './sample.ts';
import type { RunModel, UndoPlan } from './undo-model.ts';

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
    const { loose } = await mailbox.find(query, { includeSpamTrash: true, among: model.messages });
    return [id, loose] as const;
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
