/** Reads sources of messages out of a copy. */
import type { FileStore } from '../base/file-store.ts';
import type { CopyMessage } from '../export/copy.ts';
import { openSource, SourceError } from '../export/source-file.ts';
import { headIn, LONGEST_HEAD } from '../export/source-headers.ts';

/** Gmail's limit for an upload: developers.google.com/workspace/gmail/api/reference/rest/v1/users.messages/import. */
const LARGEST = 150 * 1_024 * 1_024;

/** The source of the message. @throws SourceError when its file is missing or is not the one that its line describes. */
export async function readSource(store: FileStore, message: CopyMessage, signal: AbortSignal): Promise<Buffer> {
  const { path, size } = message;
  if (size > LARGEST) throw new SourceError(`has ${size} bytes, more than Gmail takes`);
  const source = Buffer.allocUnsafe(size);
  let at = 0;
  for await (const chunk of await openSource(store, path, message, signal)) at += (chunk as Buffer).copy(source, at);
  return source;
}

/** The headers of the message, read without the rest of its file. @throws SourceError */
export async function readHead(store: FileStore, message: CopyMessage, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of await openSource(store, message.path, message, signal)) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    const head = headIn(Buffer.concat(chunks));
    if (head.length < length || length >= LONGEST_HEAD) return head;
  }
  return headIn(Buffer.concat(chunks));
}
