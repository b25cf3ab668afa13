/** Reports broken jobs, and files in `jobs/` that are no jobs, before the build. */
import { NAMING_RULE, type Registry } from '../registry.ts';

/** Returns whether all jobs can be loaded. Prints broken jobs on stderr, and sets the exit code 1 for them. */
export async function reportJobs(registry: Registry, host = process): Promise<boolean> {
  for (const file of registry.misnamed) host.stdout.write(`${file} is no job and was left out. ${NAMING_RULE}\n`);
  const faults = (await registry.all()).flatMap((job) => ('fault' in job ? [job.fault] : []));
  for (const { message, remedy } of faults) host.stderr.write(`build: ${message}\n       ${remedy}\n`);
  if (faults.length > 0) host.exitCode = 1;
  return faults.length === 0;
}
