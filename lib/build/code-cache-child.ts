/** Stands in for `dist/main.js` in the trial runs of the build: at exit it stores V8's code cache of every loaded file. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import v8 from 'node:v8';
import { cacheFile, createLoader, type Loaded, sealCache } from '../process/loader.ts';

const loaded: Loaded[] = [];

function storeCaches(): void {
  for (const { file, source, script } of loaded) {
    const path = join(__dirname, cacheFile(file));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, sealCache(source, script.createCachedData()));
  }
}

function main(host = process): void {
  // V8 rejects a cache that was made under other flags than the program has at its start.
  v8.setFlagsFromString = () => undefined;
  // Before the program's own listener, which ends the process.
  host.on('exit', storeCaches);
  createLoader(__dirname, (_file, load) => loaded.push(load()))('lib/main.js');
}

main();
