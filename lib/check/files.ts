/** The line `files` of `job check`: whether the place in EXPORT_URL can be listed, read and written. */
import type { FileStore } from '../base/file-store.ts';
import type { Config } from '../config.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import type { Host } from '../process/hosts.ts';
import type { InstalledJob } from '../registry.ts';
import { openStore } from '../store/open.ts';
import { hasMailbox, placeOf } from '../store/place.ts';
import { type Finding, failed, notReached, ok, skipped } from './finding.ts';

export interface FilesCheck {
  readonly config: Config;
  readonly jobs: readonly InstalledJob[];
  /** Null when the mailbox could not be opened. */
  readonly mailbox: Mailbox | null;
  readonly isAwsSound: boolean;
  readonly allowHosts: (hosts: readonly Host[]) => void;
  readonly signal: AbortSignal;
}

/** Leaves nothing behind. @throws StoppedError when the person stops the command. */
export async function checkFiles({ config, jobs, mailbox, isAwsSound, ...check }: FilesCheck): Promise<Finding> {
  const { exportPlace, awsRegion: region, awsKeys: keys, missingForAws, isDyno } = config;
  const keeping = jobs.flatMap((job) => ('job' in job && job.job.files !== undefined ? [job.name] : []));
  if (keeping.length === 0) return skipped('files', 'none of these jobs keeps files');
  if (exportPlace === undefined)
    return skipped('files', `EXPORT_URL is not set: ${keeping.join(', ')} would run only with a place in an option`);
  if (exportPlace.kind === 's3' && !isAwsSound) return notReached('files');
  const isOfMailbox = hasMailbox(exportPlace);
  if (isOfMailbox && mailbox === null) return notReached('files');
  const { allowHosts, signal } = check;
  let store: FileStore | undefined;
  try {
    const place = isOfMailbox && mailbox !== null ? placeOf(exportPlace, await mailbox.address()) : exportPlace;
    store = await openStore(place, { region, keys, missingForAws, isDyno, allowHosts });
    await requireUsable(store, signal);
    return ok('files', `${store.name} can be listed, read and written`, { data: { place: store.name } });
  } catch (error) {
    signal.throwIfAborted();
    return failed('files', error, { stops: keeping });
  } finally {
    store?.close();
  }
}

/** @throws JobError */
async function requireUsable(store: FileStore, signal: AbortSignal): Promise<void> {
  let some = 'state.json';
  for await (const { path } of store.list('', signal)) {
    some = path;
    break;
  }
  await store.readEnd(some, 1, signal);
  await store.requireWritable(signal);
}
