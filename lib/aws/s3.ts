/** Files in a bucket of Amazon S3, below a prefix, and the errors that only S3 has. */
import { Readable } from 'node:stream';
import {
  GetObjectCommand,
  type GetObjectCommandOutput,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { systemClock } from '../base/clock.ts';
import type { FileContent, FileStore, StoredFile } from '../base/file-store.ts';
import { guardedStream } from '../base/guarded-stream.ts';
import { passingFailure, TRY_NEXT_RUN } from '../base/network-failure.ts';
import { type RetryPolicy, retry } from '../base/retry.ts';
import { ConfigError, type JobError, RefusedError, UnavailableError } from '../errors.ts';
import type { Host } from '../process/hosts.ts';
import { clientSettings, createSender, type SendToAws } from './client.ts';
import { type AwsRefusal, type AwsResource, explainAwsError } from './common-errors.ts';
import { isRegion, partitionOf, serviceHosts } from './names.ts';

export interface S3Settings extends Pick<AwsResource, 'region' | 'keys'> {
  readonly bucket: string;
  /** Begins every key, without slashes at its ends; '' for none. */
  readonly prefix: string;
  /** Lets the process connect to these hosts too, from now on. */
  readonly allowHosts: (hosts: readonly Host[]) => void;
  /** How long a connection may be silent, within bodies too. */
  readonly silenceMs?: number;
}

const SILENCE_MS = 15_000;

/** For one attempt, from the first byte of the request to the first of the answer: 50 MB at 1.4 Mbit/s. */
const ATTEMPT_MS = 300_000;

/** S3 answers 409 to a write when another write of the same key was under way. */
const CONFLICT: RetryPolicy = { pausesMs: [100, 300, 1_000, 3_000], fixedShare: 0.5 };

/** The file that requireWritable() would create if its condition could ever hold. */
const NEVER_WRITTEN = '.tmp-never-written';
const NO_ETAG = '"00000000000000000000000000000000"';

type WriteCondition = { readonly IfNoneMatch: '*' } | { readonly IfMatch: string };

export class S3Store implements FileStore {
  readonly name: string;
  readonly #bucket: string;
  /** '' or the prefix with a slash. */
  readonly #base: string;
  readonly #silenceMs: number;
  readonly #client: S3Client;
  readonly #streamClient: S3Client;
  readonly #objects: AwsResource;
  readonly #sendAboutObjects: SendToAws<S3Client>;
  readonly #sendForStream: SendToAws<S3Client>;
  readonly #sendAboutBucket: SendToAws<S3Client>;

  constructor({ bucket, prefix, region, keys, allowHosts, silenceMs = SILENCE_MS }: S3Settings) {
    this.name = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;
    this.#bucket = bucket;
    this.#base = prefix === '' ? '' : `${prefix}/`;
    allowHosts(serviceHosts('s3', region));
    this.#silenceMs = silenceMs;
    this.#client = createClient({ region, keys }, { requestTimeout: ATTEMPT_MS, socketTimeout: silenceMs });
    // A reader may let a stream wait for minutes, for instance for Gmail's quota: the stream itself watches for silence.
    this.#streamClient = createClient({ region, keys }, { requestTimeout: silenceMs, socketTimeout: 0 });
    const arn = `arn:${partitionOf(region)}:s3:::${bucket}`;
    const common = {
      service: 'Amazon S3',
      actionPrefix: 's3',
      kind: 'bucket',
      name: bucket,
      region,
      keys,
      nameVariable: 'the place of the files',
      endpointVariable: 'AWS_ENDPOINT_URL_S3',
      explain: (refusal: AwsRefusal) => explain(refusal, bucket, region),
    };
    this.#objects = { ...common, arn: `${arn}/${this.#base}*` };
    this.#sendAboutObjects = createSender(this.#client, this.#objects);
    this.#sendForStream = createSender(this.#streamClient, this.#objects);
    this.#sendAboutBucket = createSender(this.#client, { ...common, arn });
  }

  async read(path: string, signal: AbortSignal): Promise<FileContent | null> {
    return await this.#get(path, {}, signal, async ({ body, etag }) => ({
      content: await collect(body),
      version: etag,
    }));
  }

  async open(path: string, signal: AbortSignal): Promise<Readable | null> {
    const body = await this.#get(path, {}, signal, async ({ body }) => body, this.#sendForStream);
    if (body === null) return null;
    const explain = (error: unknown) => {
      if (isDamage(error)) return this.#damaged(path);
      const reason = passingFailure(error) ?? 'the answer ended early';
      return new UnavailableError(
        `${this.name}: the connection broke while ${path} was read (${reason})`,
        TRY_NEXT_RUN,
      );
    };
    return guardedStream(body, { signal, explain, silenceMs: this.#silenceMs });
  }

  async readEnd(path: string, bytes: number, signal: AbortSignal): Promise<Buffer | null> {
    return await this.#get(path, { Range: `bytes=-${bytes}` }, signal, async ({ body }) => await collect(body));
  }

  async create(path: string, content: Uint8Array, signal: AbortSignal): Promise<boolean> {
    return (await this.#put(path, content, { IfNoneMatch: '*' }, signal)) !== null;
  }

  async replace(
    path: string,
    content: Uint8Array,
    version: string | null,
    signal: AbortSignal,
  ): Promise<string | null> {
    const condition: WriteCondition = version === null ? { IfNoneMatch: '*' } : { IfMatch: version };
    const made = await this.#put(path, content, condition, signal);
    if (made !== null) return made;
    // An attempt whose answer was lost may have written the file; the next attempt was then refused because of it.
    const found = await this.read(path, signal);
    return found?.content.equals(content) ? found.version : null;
  }

  async *list(prefix: string, signal: AbortSignal): AsyncGenerator<StoredFile> {
    let from: string | undefined;
    do {
      const page = await this.#listPage(`${this.#base}${prefix}`, from, signal);
      for (const { Key: key = '', Size: bytes = 0 } of page.Contents ?? []) {
        // The AWS console makes empty objects of that form when a person creates a folder.
        if (!key.endsWith('/')) yield { path: key.slice(this.#base.length), bytes };
      }
      from = page.NextContinuationToken;
    } while (from !== undefined);
  }

  async requireWritable(signal: AbortSignal): Promise<void> {
    const etag = await this.#put(NEVER_WRITTEN, new Uint8Array(), { IfMatch: NO_ETAG }, signal);
    if (etag === null) return;
    throw new ConfigError(
      `${this.name}: the server ignores the header If-Match, so two runs could overwrite each other's files`,
      'Use a bucket of Amazon S3, or a server that supports conditional writes.',
    );
  }

  close(): void {
    this.#client.destroy();
    this.#streamClient.destroy();
  }

  /** Calls `use` with the answer to GetObject; null when there is no such object. */
  async #get<T>(
    path: string,
    range: { readonly Range?: string },
    signal: AbortSignal,
    use: (answer: { readonly body: Readable; readonly etag: string }) => Promise<T>,
    sendAboutObjects = this.#sendAboutObjects,
  ): Promise<T | null> {
    const key = this.#keyOf(path);
    const command = { Bucket: this.#bucket, Key: key, ...range };
    const got = await sendAboutObjects(
      'GetObject',
      async (client, options) => {
        let answer: GetObjectCommandOutput;
        try {
          answer = await client.send(new GetObjectCommand(command), options);
        } catch (error) {
          if (isNamed(error, 'NoSuchKey')) return null;
          if (isNamed(error, 'AccessDenied')) return { denied: error };
          // An empty object has no last bytes.
          if (isNamed(error, 'InvalidRange')) return { value: await use({ body: Readable.from([]), etag: '' }) };
          throw error;
        }
        const { Body: body, ETag: etag } = answer;
        if (body === undefined || etag === undefined) throw new SyntaxError('an answer without a body or an ETag');
        try {
          return { value: await use({ body: body as Readable, etag }) };
        } catch (error) {
          if (isDamage(error)) return { damaged: true };
          // The sender repeats requests whose answers cannot be read.
          throw new SyntaxError('a body that broke off', { cause: error });
        }
      },
      signal,
    );
    if (got === null) return null;
    if ('value' in got) return got.value as T;
    if ('damaged' in got) throw this.#damaged(path);
    const denial = explainAwsError(got.denied, 'GetObject', this.#objects);
    // S3 answers "denied" for a missing object to users who may list the bucket only under a condition, as with
    // `job policy --export`: then the list tells. Source: docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html.
    if (/\bto perform: (?!s3:ListBucket)/.test(got.denied.message)) throw denial;
    if (await this.#isListed(key, signal)) throw denial;
    return null;
  }

  /** Returns the object's new ETag; null when the condition does not hold. */
  async #put(
    path: string,
    content: Uint8Array,
    condition: WriteCondition,
    signal: AbortSignal,
  ): Promise<string | null> {
    const command = { Bucket: this.#bucket, Key: this.#keyOf(path), Body: content, ...condition };
    const send = () =>
      this.#sendAboutObjects(
        'PutObject',
        async (client, options) => {
          try {
            const { ETag: etag } = await client.send(new PutObjectCommand(command), options);
            if (etag === undefined) throw new SyntaxError('an answer without an ETag');
            return { value: etag };
          } catch (error) {
            if (isNamed(error, 'PreconditionFailed') || isMissing(error, condition)) return { value: null };
            if (isNamed(error, 'ConditionalRequestConflict')) return { kind: 'conflict' as const };
            throw error;
          }
        },
        signal,
      );
    return await retry({
      send,
      policies: { conflict: CONFLICT },
      random: Math.random,
      wait: (pauseMs) => systemClock.sleep(pauseMs, signal),
      failure: () =>
        new UnavailableError(`${this.name}: other writes of ${path} were under way each time`, TRY_NEXT_RUN),
    });
  }

  async #isListed(key: string, signal: AbortSignal): Promise<boolean> {
    const { Contents: found = [] } = await this.#listPage(key, undefined, signal, 1);
    return found[0]?.Key === key;
  }

  async #listPage(prefix: string, from: string | undefined, signal: AbortSignal, most?: number) {
    const page = {
      ...(from !== undefined && { ContinuationToken: from }),
      ...(most !== undefined && { MaxKeys: most }),
    };
    const command = new ListObjectsV2Command({ Bucket: this.#bucket, Prefix: prefix, ...page });
    return await this.#sendAboutBucket(
      'ListBucket',
      async (client, options) => {
        const answer = await client.send(command, options);
        // The SDK makes an empty list of any other XML or page.
        if (answer.Name === undefined || answer.IsTruncated === (answer.NextContinuationToken === undefined)) {
          throw new SyntaxError('an answer that is no list');
        }
        return answer;
      },
      signal,
    );
  }

  #keyOf(path: string): string {
    const isSound = path.split('/').every((part) => !['', '.', '..'].includes(part)) && !path.includes('\0');
    if (isSound) return `${this.#base}${path}`;
    throw new RefusedError(`${JSON.stringify(path)} is no path of a file in ${this.name}`, 'Correct the path.');
  }

  #damaged(path: string): RefusedError {
    return new RefusedError(
      `${this.name}: the content of ${path} does not have the checksum that S3 keeps for it`,
      'The object, or the answer on its way, is damaged: read it again; if it stays so, restore an older version of the object.',
    );
  }
}

function createClient(
  address: Pick<S3Settings, 'region' | 'keys'>,
  timeouts: { readonly requestTimeout: number; readonly socketTimeout: number },
): S3Client {
  const settings = clientSettings(address);
  return new S3Client({
    ...settings,
    // The bucket stays out of the host's name, so that a fixed list of hosts is enough.
    forcePathStyle: true,
    // Variables and profiles could switch the checksums off.
    requestChecksumCalculation: 'WHEN_SUPPORTED',
    responseChecksumValidation: 'WHEN_SUPPORTED',
    requestHandler: { ...settings.requestHandler, ...timeouts },
  });
}

function isNamed(error: unknown, name: string): error is Error {
  return error instanceof Error && error.name === name;
}

/** Whether S3 says that the object to be replaced is missing; only users who may list the whole bucket are told directly. */
function isMissing(error: unknown, condition: WriteCondition): boolean {
  if (!('IfMatch' in condition)) return false;
  return isNamed(error, 'NoSuchKey') || (isNamed(error, 'AccessDenied') && /: s3:ListBucket\b/.test(error.message));
}

/** Whether the SDK found that a body lacks its checksum. */
function isDamage(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('Checksum mismatch');
}

async function collect(body: Readable): Promise<Buffer> {
  return Buffer.concat(await body.toArray());
}

/** Source of the names: docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html. */
function explain(
  { name, what, said, action, error }: AwsRefusal,
  bucket: string,
  region: string,
): JobError | undefined {
  switch (name) {
    case 'NoSuchBucket':
      return new ConfigError(
        `${what}: there is no such bucket`,
        `Correct the name of the bucket, or create it: \`aws s3 mb s3://${bucket} --region ${region}\`.`,
      );
    case 'PermanentRedirect':
    case 'TemporaryRedirect':
    case 'AuthorizationHeaderMalformed':
    case 'IllegalLocationConstraintException': {
      const right = regionOfBucket(error);
      if (right === undefined || right === region) return undefined;
      return new ConfigError(
        `${what}: the bucket is in ${right}, not in ${region}`,
        `Set AWS_REGION=${right} if the secret is in that region too; otherwise name a bucket in ${region}.`,
      );
    }
    case 'InvalidObjectState':
      return new ConfigError(
        `${what}: a file of it was moved to an archive (S3 Glacier), from which S3 does not read it`,
        'Restore the objects below the prefix in the AWS console (S3 → the bucket → the objects → Actions → Initiate restore), and let no lifecycle rule of the bucket archive them.',
      );
    case 'KeyTooLongError':
      return new RefusedError(`${what}: a key has more than 1,024 bytes`, 'Choose a shorter prefix or file name.');
    case 'EntityTooLarge':
      return new RefusedError(`${what}: a file is too large for one upload${said}`, 'Leave this file out.');
    case 'BadDigest':
    case 'InvalidDigest':
    case 'IncompleteBody':
    case 'XAmzContentSHA256Mismatch':
      return new UnavailableError(`${what}: a file arrived damaged at S3 (${name})`, TRY_NEXT_RUN);
    case 'OperationAborted':
      return new UnavailableError(`${what}: another operation is under way${said}`, TRY_NEXT_RUN);
    case 'NotImplemented':
    case 'InvalidBucketName':
    case 'MethodNotAllowed':
      return new ConfigError(
        `${what}: the server refuses the request (${name})${said}`,
        'Use a bucket of Amazon S3, and check AWS_ENDPOINT_URL_S3.',
      );
  }
  if (!name.startsWith('KMS.')) return undefined;
  const key = `${what}: the KMS key of the bucket`;
  const page = 'AWS console (S3 → the bucket → Properties → Default encryption, and Key Management Service → the key)';
  if (/Disabled/.test(name)) return new ConfigError(`${key} is disabled`, `Enable the key in the ${page}.`);
  if (/NotFound/.test(name)) {
    return new ConfigError(
      `${key} does not exist`,
      `Choose another key in the ${page}; files under a deleted key are lost.`,
    );
  }
  if (/InvalidState/.test(name)) {
    return new ConfigError(
      `${key} cannot be used in its present state${said}`,
      `If the key is scheduled for deletion, cancel the deletion and enable the key in the ${page}.`,
    );
  }
  if (/Throttling|Internal|Unavailable|Timeout/.test(name)) {
    return new UnavailableError(`${key} could not be used (${name})`, TRY_NEXT_RUN);
  }
  return new ConfigError(`${key} does not allow ${action} (${name})${said}`, `Look at the key in the ${page}.`);
}

/** The region that S3 names in a header or in the error's XML. */
function regionOfBucket(error: unknown): string | undefined {
  const { Region: named, $response: response } = error as {
    Region?: unknown;
    $response?: { headers?: Record<string, string> };
  };
  const region = response?.headers?.['x-amz-bucket-region'] ?? named;
  return typeof region === 'string' && isRegion(region) ? region : undefined;
}
