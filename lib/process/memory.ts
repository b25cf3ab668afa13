/**
 * Keeps the memory of a run small by flags of V8, as `npm run bench:start` measures it. Flags that V8 accepts only at its
 * start are in the Procfile.
 */
import { setFlagsFromString } from 'node:v8';

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
