/** Opens the place where a job keeps files. Loads AWS's client only for S3. */
import type { AwsKeys, ContainerToken } from '../aws/keys.ts';
import type { FileStore } from '../base/file-store.ts';
import { ConfigError } from '../errors.ts';
import type { Host } from '../process/hosts.ts';
import { requireLastingFolder } from './file-system.ts';
import { formatPlace, type Place } from './place.ts';

export interface StoreSettings {
  readonly region: string;
  readonly keys: AwsKeys | ContainerToken | undefined;
  /** The variables without which AWS cannot be used, and that are not set. */
  readonly missingForAws: readonly string[];
  /** Whether the process runs on a dyno, whose disk is deleted at its end. */
  readonly isDyno: boolean;
  /** Lets the process connect to these hosts too, from now on. */
  readonly allowHosts: (hosts: readonly Host[]) => void;
}

/**
 * Opens the place; sends no request.
 * @throws ConfigError for a folder on a dyno, and for S3 without a region or keys.
 */
export async function openStore(place: Place, settings: StoreSettings): Promise<FileStore> {
  const { region, keys, missingForAws, isDyno, allowHosts } = settings;
  if (place.kind === 's3') {
    if (missingForAws.length > 0) {
      const verb = missingForAws.length === 1 ? 'is' : 'are';
      throw new ConfigError(
        `${missingForAws.join(', ')} ${verb} not set, but ${formatPlace(place)} is in AWS`,
        'Set the region of the bucket in AWS_REGION, and the keys of an IAM user who may read and write there in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.',
      );
    }
    const { S3Store } = await import('../aws/s3.ts');
    return new S3Store({ ...place, region, keys, allowHosts });
  }
  const { path } = place;
  requireLastingFolder(path, isDyno, 'Keep the files in S3: `heroku config:set EXPORT_URL=s3://bucket/prefix`.');
  const { FolderStore } = await import('./folder.ts');
  return new FolderStore(path);
}
