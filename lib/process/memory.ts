/**
 * Keeps a long run small, by flags of V8. They are set when the program is loaded: a code cache, Node's own of its modules
 * too, is good for the flags with which it was made, and a start without them takes 80 ms longer.
 */
import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * V8 does without what optimizes code at length: within the first thousand requests that takes 25 MB, more than all ids
 * of a mailbox, and saves no time that could be measured, since the program mostly waits. The parser of HTTP in `fetch`,
 * which is WebAssembly, stays as it is first compiled; JavaScript is optimized late, and by the quick compiler alone;
 * loops over many ids still are at once. And the space for new objects stays as small as it is (2 MB by the Procfile).
 */
const RESTRAINTS = [
  '--no-wasm-tier-up',
  '--no-wasm-dynamic-tiering',
  '--wasm-wrapper-tiering-budget=2000000000',
  '--no-turbofan',
  '--semi-space-growth-factor=1',
  '--invocation-count-for-maglev=10000',
  // For the tidier.
  '--expose-gc',
];

/** Requests after which garbage is collected. What a run of ordinary length leaves is not worth it. */
const REQUESTS = 16;

/** It is collected before that when there are so many bytes more of buffers: journals are large. */
const BUFFER_BYTES = 2_000_000;

/** To be called when what a run needs is loaded, and before `fetch` has its first connection. */
export function restrainV8(): void {
  for (const flag of RESTRAINTS) setFlagsFromString(flag);
}

/**
 * Collects garbage every so many requests of a long run, which takes some 20 ms: Node does it when it has used up what
 * the machine seems to have to spare, which on a dyno of 512 MB is too late. To be called after every request.
 */
export function createTidier(
  findCollector: () => (() => void) | undefined = builtInCollector,
  bufferBytes = () => getHeapStatistics().external_memory,
): () => void {
  let requests = 0;
  let least = bufferBytes();
  let collect: (() => void) | undefined;
  return () => {
    requests += 1;
    if (requests < REQUESTS && bufferBytes() - least < BUFFER_BYTES) return;
    collect ??= findCollector();
    collect?.();
    requests = 0;
    least = bufferBytes();
  };
}

/** V8's collector, which only contexts have that are made since it was exposed; none in a run that is not restrained. */
function builtInCollector(): (() => void) | undefined {
  return runInNewContext('globalThis.gc') as (() => void) | undefined;
}
