/** The first file of the built program, `dist/main.js`: starts the loader, or refuses a Node that is too old. */
import { createLoader } from './loader.ts';

start();

function start(host = process): void {
  if (Number.parseInt(host.versions.node, 10) >= 24) {
    createLoader(__dirname)('lib/main.js');
    return;
  }
  // An older Node would report a syntax error in the rest of the program.
  host.stderr.write(
    `job: this program needs Node 24, but this is ${host.version}. Install Node 24, or start the program with bin/job.\n`,
  );
  host.exitCode = 78;
}
