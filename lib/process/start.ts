/** The built program's first file: loads the rest of it with its code cache. */
import { createLoader } from './loader.ts';

start();

function start(host = process): void {
  if (Number.parseInt(host.versions.node, 10) >= 24) {
    createLoader(__dirname)('lib/main.js');
    return;
  }
  // The rest has syntax that an older Node does not know.
  host.stderr.write(
    `job: this program needs Node 24, but this is ${host.version}. Install Node 24, or start the program with bin/job.\n`,
  );
  host.exitCode = 78;
}
