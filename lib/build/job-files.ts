/** Looks at the files in `jobs/` before the build: tells of broken jobs, and of files that are no jobs. */
import { NAMING_RULE, type Registry } from '../registry.ts';

/** Returns whether all jobs can be loaded. Each broken one gets a line on stderr, and the process exit code 1. */
export async function reportJobs(registry: Registry, host = process): Promise<boolean> {
  for (const file of registry.misnamed) host.stdout.write(`${file} is no job and was left out. ${NAMING_RULE}\n`);
  const faults = (await registry.all()).flatMap((job) => ('fault' in job ? [job.fault] : []));
  for (const { message, remedy } of faults) host.stderr.write(`build: ${message}\n       ${remedy}\n`);
  if (faults.length > 0) host.exitCode = 1;
  return faults.length === 0;
}
