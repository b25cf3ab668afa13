/**
 * Which messages were deleted for good. A search for a label cannot tell: a message that is no more carries no label,
 * and neither does one from which a run took it off.
 */
import { IdSet } from '../gmail/ids.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { PAGE_SIZE } from '../gmail/searcher.ts';
import { unitsOf } from '../gmail/units.ts';
import { areFew, sampleOf } from './sample.ts';

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
    const { loose } = await mailbox.find(query, { includeSpamTrash: true, among: some });
    return some.without(loose);
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
