/** Opens the place where a job keeps files. Loads AWS's client only for S3. */
import type { AwsKeys, ContainerToken } from '../aws/keys.ts';
import type { FileStore } from '../base/file-store.ts';
import { ConfigError } from '../errors.ts';
import type { Host } from '../process/hosts.ts';
import type { Place } from './place.ts';

export interface StoreSettings {
  /** '' when no region is set. */
  readonly region: string;
  readonly keys: AwsKeys | ContainerToken | undefined;
  /** Whether the process runs on a dyno, whose disk is deleted at its end. */
  readonly isDyno: boolean;
  /** Lets the process connect to these hosts too, from now on. */
  readonly allowHosts: (hosts: readonly Host[]) => void;
}

/**
 * Opens the place; sends no request.
 * @throws ConfigError for a folder on a dyno, and for S3 without a region.
 */
export async function openStore(place: Place, settings: StoreSettings): Promise<FileStore> {
  if (place.kind === 's3') throw new ConfigError('S3 is not supported yet', `Wait. ${settings.region}`);
  const { path } = place;
  if (settings.isDyno) {
    throw new ConfigError(
      `${path} is a folder on the disk of this dyno, which Heroku deletes when the dyno ends`,
      'Keep the files in S3: `heroku config:set EXPORT_URL=s3://bucket/prefix`.',
    );
  }
  if (/^~(?:\/|$)/.test(path)) {
    throw new ConfigError(
      `the shell did not replace the ~ in ${path}`,
      'Write the whole path of the folder, such as /home/alice/mail.',
    );
  }
  const { FolderStore } = await import('./folder.ts');
  return new FolderStore(path);
}
