/**
 * Keeps a long run small. Node collects garbage when it has used up what the machine seems to have to spare, which on a
 * dyno of 512 MB is too late; so in long work garbage is collected every so many requests, which takes some 20 ms.
 */
import { runInNewContext } from 'node:vm';

/** Requests after which garbage is collected. What a run of ordinary length leaves is not worth it. */
const REQUESTS = 16;

/** To be called after every request. */
export function createTidier(findCollector: () => (() => void) | undefined = builtInCollector): () => void {
  let requests = 0;
  let collect: (() => void) | undefined;
  return () => {
    requests += 1;
    if (requests % REQUESTS !== 0) return;
    collect ??= findCollector();
    collect?.();
  };
}

/** V8's collector, which only contexts have that are made since the start has exposed it; none in a run from the sources. */
function builtInCollector(): (() => void) | undefined {
  return runInNewContext('globalThis.gc') as (() => void) | undefined;
}
