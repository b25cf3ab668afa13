/** Finds out which messages were deleted for good: searches for labels cannot tell. */
import { IdSet } from './ids.ts';
import { PAGE_SIZE } from './list-page.ts';
import type { FindOptions } from './searcher.ts';
import { unitsOf } from './units.ts';
import type { FoundIds } from './windows.ts';

/** Up to this many messages are all read, for 20 quota units each. */
const MOST_READ = 100;

/** Above MOST_READ messages, `findGone` and undo read only this many, to check the searches. */
const SAMPLE = 10;

/** Reads all mail, also in a backfill. */
export interface MailReader {
  /** 5 quota units for each 500 messages. */
  readonly find: (query: string, options: FindOptions) => Promise<FoundIds>;
  /** The current labels of messages, without those that no longer exist. 20 quota units each. */
  readonly labelsOf: (ids: readonly string[]) => Promise<ReadonlyMap<string, readonly string[]>>;
  /** The number of messages in the mailbox. */
  readonly size: () => Promise<number>;
}

/**
 * Returns the `ids` that were deleted for good. Searches for labels cannot tell: they find neither a deleted message nor a
 * message from which the run removed the label. Takes the cheaper way: reads each message (20 quota units), or lists all
 * mail that `terms` find (5 units for each 500 messages).
 */
export async function findGone(ids: IdSet, terms: readonly string[], mailbox: MailReader): Promise<IdSet> {
  if (ids.size === 0) return ids;
  const messages = await mailbox.size();
  // Compares the costs of the 2026 profile. In the legacy profile reading costs less, and the choice may cost more.
  const toRead = ids.size * unitsOf('messages.get', '2026');
  const toList = Math.ceil(messages / PAGE_SIZE) * unitsOf('messages.list', '2026');
  if (toRead <= toList) return await readGone(ids, mailbox);
  const query = ['in:anywhere', ...terms].join(' ');
  const unlisted = async (some: IdSet) => {
    const { unplaced } = await mailbox.find(query, { includeSpamTrash: true, among: some });
    return some.without(unplaced);
  };
  const missing = await unlisted(ids);
  // Mail that others delete during the listing moves messages between its pages, so a listing can miss some.
  return await confirmGone(areFew(missing) ? missing : await unlisted(missing), mailbox);
}

/** Reads messages that the listing lacks; when all of a sample are gone, takes the others for gone too. */
async function confirmGone(missing: IdSet, mailbox: Pick<MailReader, 'labelsOf'>): Promise<IdSet> {
  const sample = sampleOf(missing);
  const gone = await readGone(sample, mailbox);
  if (gone.size === sample.size) return missing;
  // No wait for the search: the ids are those of old messages, so the search knows them.
  return IdSet.union([gone, await readGone(missing.without(sample), mailbox)]);
}

async function readGone(ids: IdSet, mailbox: Pick<MailReader, 'labelsOf'>): Promise<IdSet> {
  const read = await mailbox.labelsOf(ids.list());
  return ids.without(IdSet.of(read.keys()));
}

function areFew(ids: IdSet): boolean {
  return ids.size <= MOST_READ;
}

/** All of a few ids, or SAMPLE of many at even distances. */
export function sampleOf(ids: IdSet): IdSet {
  if (areFew(ids)) return ids;
  return IdSet.of(Array.from({ length: SAMPLE }, (_, index) => ids.at(Math.floor((index * ids.size) / SAMPLE))));
}
