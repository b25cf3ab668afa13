/** Saves a file under its path, or under the next number when another content has the path. */
import type { FileStore } from '../base/file-store.ts';
import { numbered, numberingOf } from './path.ts';

/**
 * Saves `content`, and returns whether that made a new file: false when a file with this content stands under the path or
 * one of its numbers, so that a repeated save changes nothing. Safe for several runs at once, since a path gets its
 * content once and for all, and the numbers are taken in their order.
 * @throws JobError when the place is denied or away.
 */
export async function saveFile(store: FileStore, path: string, content: Buffer, signal: AbortSignal): Promise<boolean> {
  if (await store.create(path, content, signal)) return true;
  if (await holds(store, path, content, signal)) return false;
  const { stem, numberIn } = numberingOf(path);
  let last = 1;
  for await (const { path: other, bytes } of store.list(stem, signal)) {
    const number = numberIn(other);
    if (number === null || number === 1) continue;
    if (bytes === content.length && (await holds(store, other, content, signal))) return false;
    last = Math.max(last, number);
  }
  for (let number = last + 1; ; number += 1) {
    const other = numbered(path, number);
    if (await store.create(other, content, signal)) return true;
    // Another run took the number meanwhile.
    if (await holds(store, other, content, signal)) return false;
  }
}

/** Whether the file has this content. Reads the file as a stream, and no further than it agrees. */
async function holds(store: FileStore, path: string, content: Buffer, signal: AbortSignal): Promise<boolean> {
  const stream = await store.open(path, signal);
  if (stream === null) return false;
  let at = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    if (!content.subarray(at, at + chunk.length).equals(chunk)) return false;
    at += chunk.length;
  }
  return at === content.length;
}
