/**
 * The built program's first file while its code cache is made: without arguments it compiles every file, with some it
 * runs the program with them; then it keeps what V8 has compiled.
 */
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import v8 from 'node:v8';
import { cacheFile, compile, createLoader, type Loaded, sealCache } from '../process/loader.ts';

const loaded: Loaded[] = [];

function keep(): void {
  for (const { file, source, script } of loaded) {
    const path = join(__dirname, cacheFile(file));
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, sealCache(source, script.createCachedData()));
  }
}

function main({ argv, on } = process): void {
  if (argv.length > 2) {
    // A cache is good for the flags of the moment in which it is made: they stay as they are at the program's start.
    v8.setFlagsFromString = () => undefined;
    // Before the program's own listener, which ends the process.
    on.call(process, 'exit', keep);
    createLoader(__dirname, (_file, load) => loaded.push(load()))('lib/main.js');
    return;
  }
  for (const folder of ['lib', 'jobs']) {
    const files = readdirSync(join(__dirname, folder)).filter((file) => file.endsWith('.js'));
    loaded.push(...files.map((file) => compile(__dirname, join(folder, file))));
  }
  keep();
}

main();
