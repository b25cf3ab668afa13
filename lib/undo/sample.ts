/**
 * Searches lag behind. What they say against restoring messages is held against the messages themselves: all of a few,
 * and a few of many.
 */
import { IdSet } from '../gmail/ids.ts';

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
