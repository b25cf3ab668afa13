/**
 * Keeps the process small, by flags of V8 that are set for a moment only: a code cache, Node's own of its modules too, is
 * good for the flags with which it was made, and a start without them takes 40 ms longer.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Kept before lib/lockdown.ts takes it away. */
const setFlag = setFlagsFromString;

/** Requests after which garbage is collected. What a run of ordinary length leaves is not worth it. */
const REQUESTS = 16;

/** Bytes of a WebAssembly function that are run before it is optimized: for ever, and V8's own figure. */
const NEVER = 2_000_000_000;
const ORDINARY = 13_000_000;

/** What of a realm's globals is replaced. */
interface Realm {
  readonly WebAssembly: { Module: new (bytes: Uint8Array) => object };
}

/**
 * Has V8 leave WebAssembly as it is first compiled. The parser of HTTP in `fetch` is such a module; to optimize it takes
 * 20 MB and 50 ms of CPU, which a run of minutes does not get back.
 */
export function spareWebAssembly({ WebAssembly } = globalThis as unknown as Realm): void {
  WebAssembly.Module = new Proxy(WebAssembly.Module, {
    construct(Module, args, newTarget) {
      return withFlag([`--wasm-tiering-budget=${NEVER}`, `--wasm-tiering-budget=${ORDINARY}`], () =>
        Reflect.construct(Module, args, newTarget),
      );
    },
  });
}

/**
 * Collects garbage every so many requests of a long run, which takes some 20 ms: Node does it when it has used up what
 * the machine seems to have to spare, which on a dyno of 512 MB is too late. To be called after every request.
 */
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

/** V8's collector, which only contexts have that are made while it is exposed. */
function builtInCollector(): () => void {
  return withFlag(['--expose-gc', '--no-expose-gc'], () => runInNewContext('globalThis.gc') as () => void);
}

function withFlag<T>([on, off]: readonly [string, string], work: () => T): T {
  setFlag(on);
  try {
    return work();
  } finally {
    setFlag(off);
  }
}
