/**
 * Keeps the memory of a run small by flags of V8. Measured in test/README.md, "Start-up, with and without"; the flags
 * that V8 accepts only at its start are in the Procfile.
 */
import { setFlagsFromString } from 'node:v8';

const FLAGS = [
  // Optimizing the HTTP parser of `fetch`, which is WebAssembly, takes 22 MB and a quarter of a short run's CPU time.
  '--no-wasm-tier-up',
  '--no-wasm-dynamic-tiering',
  // Garbage is collected whenever the heap has grown by a tenth. V8's own steps follow the machine's memory, of which a
  // dyno may use 512 MB. Not --optimize-for-size: it takes an eighth more of a short run's CPU time.
  '--heap-growing-percent=10',
  // A run mostly waits for Gmail. Only functions called very often are optimized, and loops over many ids: by Maglev
  // alone, since TurboFan takes 5 MB even in a short run.
  '--no-turbofan',
  '--invocation-count-for-maglev=10000',
];

/**
 * Sets the flags. Call it when the program is loaded, since V8 rejects a code cache made under other flags, its own of
 * Node's modules too; and before the first `fetch`, which compiles the HTTP parser.
 */
export function restrainV8(): void {
  for (const flag of FLAGS) setFlagsFromString(flag);
}
