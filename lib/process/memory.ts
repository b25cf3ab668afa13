/**
 * Keeps the memory of a run small by flags of V8, as `npm run bench:start` measures it. Flags that V8 accepts only at its
 * start are in the Procfile.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const FLAGS = [
  // Optimizing the HTTP parser of `fetch`, which is WebAssembly, takes 22 MB and a quarter of a short run's CPU time.
  '--no-wasm-tier-up',
  '--no-wasm-dynamic-tiering',
  // V8 collects garbage whenever the heap has grown by a tenth. V8's default follows the memory of the machine, but a
  // dyno may use only 512 MB. Not --optimize-for-size: it takes an eighth more of a short run's CPU time.
  '--heap-growing-percent=10',
  // A run mostly waits for Gmail, so V8 optimizes only functions that are called very often, and long loops over ids. Only
  // Maglev optimizes, since TurboFan takes 5 MB even in a short run.
  '--no-turbofan',
  '--invocation-count-for-maglev=10000',
];

/**
 * Sets the flags. Call it after the program is loaded, since V8 rejects code caches made under other flags, also those of
 * Node's own modules; and before the first `fetch`, which compiles the HTTP parser.
 */
export function restrainV8(): void {
  for (const flag of FLAGS) setFlagsFromString(flag);
}

/**
 * Returns a function that sets the flags once, and then collects garbage. V8 computes the heap's next limit when it collects
 * garbage; when it did so before the flags, while a list of 5,000 mailboxes was read, the heap grew to 55 MB instead of 32
 * (seen with 24.21). The collection takes 20 to 40 ms: too long for the run of a single mailbox.
 */
export function restrainOnce(): () => void {
  let isRestrained = false;
  return () => {
    if (isRestrained) return;
    isRestrained = true;
    restrainV8();
    setFlagsFromString('--expose-gc');
    runInNewContext('gc')();
  };
}
