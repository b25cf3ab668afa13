// Amazon S3 over its REST protocol, with path-style addresses: PutObject, GetObject, HeadObject, HeadBucket and ListObjectsV2
// with conditions, checksums and ranges, for users who may do only what their policy says, with its errors by their real names.
import type { IncomingHttpHeaders } from 'node:http';
import { AwsRefusal } from './aws-errors.ts';
import type { Answer, RecordedRequest, Service } from './http.ts';
import { ACCOUNT_ID, decide, denialMessage, type IamUser, type RequestContext, type SandboxIam } from './iam.ts';
import type { KmsKey, SandboxKms } from './kms.ts';
import { S3Bucket, type S3Checksum, type S3Object, type S3ObjectOptions, type S3StorageClass } from './s3-bucket.ts';
import { type S3ErrorName, s3Error, s3Headers, s3Refusal } from './s3-errors.ts';
import { LARGEST_PAGE, listObjects } from './s3-list.ts';
import { readUpload, verifyPayloadHash } from './s3-upload.ts';
import { checkSignature, type SignatureFault } from './sigv4.ts';

export { S3Bucket, type S3Object } from './s3-bucket.ts';
export { type S3ErrorName, s3Error } from './s3-errors.ts';

const LARGEST_SKEW_MS = 15 * 60_000;
const LONGEST_KEY_BYTES = 1_024;
const STORAGE_CLASSES: readonly string[] = ['STANDARD', 'STANDARD_IA', 'GLACIER_IR', 'GLACIER', 'DEEP_ARCHIVE'];

/** The headers of requests that the stand-in knows, or may ignore; S3 has more. */
const KNOWN_HEADERS =
  /^x-amz-(date|content-sha256|security-token|user-agent|decoded-content-length|trailer|sdk-checksum-algorithm|checksum-(crc32|sha1|sha256|mode)|storage-class|expected-bucket-owner|meta-.+)$/;
const KNOWN_PARAMETERS: Record<string, readonly string[]> = {
  ListObjectsV2: [
    ...['list-type', 'prefix', 'delimiter', 'max-keys', 'continuation-token', 'start-after', 'encoding-type'],
    ...['fetch-owner', 'x-id'],
  ],
};

/** A request whose signature was verified, to a bucket in the signed region. */
interface Call {
  request: RecordedRequest;
  user: IamUser;
  bucket: S3Bucket;
  /** '' for a request about the bucket itself. */
  key: string;
  rawBody: Buffer;
}

export class SandboxS3 implements Service {
  readonly name = 's3';
  readonly takesBytes = true;
  /** By name. */
  readonly buckets = new Map<string, S3Bucket>();
  /** The bucket made first, in us-east-1. */
  readonly bucket: S3Bucket;
  /** No page of ListObjectsV2 has more keys. */
  largestPage = LARGEST_PAGE;
  /** In bytes, for one PutObject. */
  largestObject = 5 * 1024 ** 3;
  /** This many of the next conditional writes are refused with ConditionalRequestConflict. */
  conflicts = 0;
  /** How far the clock of S3 is ahead of this machine's, in milliseconds. */
  clockAheadMs = 0;
  /** How S3 refuses a request that is signed for another region than the bucket's; S3 does either, by the endpoint. */
  otherRegion: 'PermanentRedirect' | 'AuthorizationHeaderMalformed' = 'PermanentRedirect';

  readonly #iam: SandboxIam;
  readonly #kms: SandboxKms;
  readonly #failures: S3ErrorName[] = [];

  constructor(iam: SandboxIam, kms: SandboxKms) {
    this.#iam = iam;
    this.#kms = kms;
    this.bucket = this.createBucket('gmail-jobs-copy');
  }

  /** Makes an empty bucket, by default in us-east-1 and encrypted with keys of S3. */
  createBucket(name: string, options: { region?: string; kmsKey?: KmsKey } = {}): S3Bucket {
    const bucket = new S3Bucket(name, options.region ?? 'us-east-1', options.kmsKey);
    this.buckets.set(name, bucket);
    return bucket;
  }

  /** The objects of the bucket made first, by key. */
  get objects(): Map<string, S3Object> {
    return this.bucket.objects;
  }

  /** The value of EXPORT_URL for the bucket made first. */
  url(prefix = ''): string {
    return this.bucket.url(prefix);
  }

  /** Answers the next `times` requests with this error. The SDK repeats some of them by itself. */
  fail(error: S3ErrorName, times = 1): void {
    for (let n = 0; n < times; n += 1) this.#failures.push(error);
  }

  verb(method: string, path: string, _headers: IncomingHttpHeaders, query: URLSearchParams): string {
    const verbs: Record<string, string> =
      targetOf(path).key === ''
        ? { HEAD: 'HeadBucket', GET: query.has('list-type') ? 'ListObjectsV2' : 'unknown' }
        : { HEAD: 'HeadObject', GET: 'GetObject', PUT: 'PutObject', DELETE: 'DeleteObject' };
    return verbs[method] ?? 'unknown';
  }

  handle(request: RecordedRequest, rawBody: Buffer): Answer {
    const answer = this.#answer(request, rawBody);
    const date = new Date(Date.now() + this.clockAheadMs).toUTCString();
    return { ...answer, headers: { ...s3Headers(), date, ...answer.headers } };
  }

  #answer(request: RecordedRequest, rawBody: Buffer): Answer {
    const planned = this.#failures.shift();
    if (planned) return s3Error(planned);
    try {
      return this.#perform(request, rawBody);
    } catch (error) {
      if (!(error instanceof AwsRefusal)) throw error;
      return error.answer;
    }
  }

  #perform(request: RecordedRequest, rawBody: Buffer): Answer {
    const { headers, verb } = request;
    const actions: Record<string, (call: Call) => Answer> = {
      PutObject: (call) => this.#put(call),
      GetObject: (call) => this.#get(call),
      HeadObject: (call) => this.#get(call),
      HeadBucket: (call) => this.#headBucket(call),
      ListObjectsV2: (call) => this.#list(call),
    };
    const action = actions[verb];
    if (action === undefined) throw s3Refusal('NotImplemented', { message: `The sandbox has no ${verb}.` });
    const { user, region } = this.#signer(request, rawBody);
    requireKnown(request);
    const { bucketName, key } = targetOf(request.path);
    const bucket = this.buckets.get(bucketName);
    if (bucket === undefined) throw s3Refusal('NoSuchBucket', { elements: { BucketName: bucketName } });
    if (region !== bucket.region) throw this.#regionRefusal(bucket, region);
    const owner = headers['x-amz-expected-bucket-owner'];
    if (owner !== undefined && owner !== ACCOUNT_ID) throw s3Refusal('AccessDenied');
    return action({ request, user, bucket, key, rawBody });
  }

  #signer(request: RecordedRequest, rawBody: Buffer): { user: IamUser; region: string } {
    const { headers } = request;
    const check = checkSignature(request, rawBody, 's3', this.#iam.keys);
    if ('fault' in check) throw signatureRefusal(check.fault, headers);
    const payloadHash = headers['x-amz-content-sha256'];
    if (typeof payloadHash !== 'string') {
      throw s3Refusal('InvalidRequest', { message: 'Missing required header for this request: x-amz-content-sha256' });
    }
    // The users of the sandbox have no temporary credentials.
    if (headers['x-amz-security-token'] !== undefined) throw s3Refusal('InvalidToken');
    this.#requireTime(String(headers['x-amz-date']));
    if (request.method !== 'PUT') verifyPayloadHash(payloadHash, rawBody);
    return { user: this.#iam.user(check.keyId), region: check.region };
  }

  #requireTime(date: string): void {
    const requestTime = Date.parse(date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z'));
    const now = Date.now() + this.clockAheadMs;
    if (Math.abs(requestTime - now) <= LARGEST_SKEW_MS) return;
    throw s3Refusal('RequestTimeTooSkewed', {
      elements: {
        RequestTime: date,
        ServerTime: new Date(now).toISOString(),
        MaxAllowedSkewMilliseconds: String(LARGEST_SKEW_MS),
      },
    });
  }

  #regionRefusal(bucket: S3Bucket, signedRegion: string): AwsRefusal {
    const headers = { 'x-amz-bucket-region': bucket.region };
    if (this.otherRegion === 'PermanentRedirect') {
      const Endpoint = `${bucket.name}.s3.${bucket.region}.amazonaws.com`;
      return s3Refusal('PermanentRedirect', { elements: { Endpoint, Bucket: bucket.name }, headers });
    }
    return s3Refusal('AuthorizationHeaderMalformed', {
      message: `The authorization header is malformed; the region '${signedRegion}' is wrong; expecting '${bucket.region}'`,
      elements: { Region: bucket.region },
      headers,
    });
  }

  #put(call: Call): Answer {
    const { request, bucket, key, rawBody } = call;
    const { headers } = request;
    authorizeObject(call, 's3:PutObject');
    if (Buffer.byteLength(key) > LONGEST_KEY_BYTES) {
      throw s3Refusal('KeyTooLongError', {
        elements: { Size: String(Buffer.byteLength(key)), MaxSizeAllowed: String(LONGEST_KEY_BYTES) },
      });
    }
    const condition = writeConditionOf(headers);
    // Without s3:GetObject, If-Match would reveal the ETag of an object that the user may not read.
    if (condition?.header === 'If-Match') authorizeObject(call, 's3:GetObject');
    this.#useKey(call, bucket.kmsKey, 'kms:GenerateDataKey');
    const { body, checksum, contentEncoding } = readUpload(headers, rawBody);
    if (body.length > this.largestObject) {
      throw s3Refusal('EntityTooLarge', {
        elements: { ProposedSize: String(body.length), MaxSizeAllowed: String(this.largestObject) },
      });
    }
    const existing = bucket.objects.get(key);
    if (condition && this.conflicts > 0) {
      this.conflicts -= 1;
      throw s3Refusal('ConditionalRequestConflict', { elements: { Condition: condition.header, Key: key } });
    }
    if (condition?.header === 'If-Match' && existing === undefined) {
      throw s3Refusal('NoSuchKey', { elements: { Key: key } });
    }
    if (condition && existing && (condition.header === 'If-None-Match' || !namesEtag(condition.value, existing.etag))) {
      throw s3Refusal('PreconditionFailed', { elements: { Condition: condition.header } });
    }
    const object = bucket.put(key, body, {
      ...objectOptionsOf(headers, contentEncoding),
      ...(checksum && { checksum }),
    });
    return {
      status: 200,
      headers: { etag: object.etag, ...checksumHeaders(object.checksum), ...encryptionHeaders(bucket) },
    };
  }

  #get(call: Call): Answer {
    const { request, bucket, key } = call;
    const { headers, verb } = request;
    authorizeObject(call, 's3:GetObject');
    const object = bucket.objects.get(key);
    if (object === undefined) {
      // S3 reveals only to those who may list the bucket that a key is missing.
      authorizeBucket(call, {});
      throw s3Refusal('NoSuchKey', { elements: { Key: key } });
    }
    const archived = object.storageClass === 'GLACIER' || object.storageClass === 'DEEP_ARCHIVE';
    if (archived && verb === 'GetObject') {
      throw s3Refusal('InvalidObjectState', { elements: { StorageClass: object.storageClass } });
    }
    const wantsChecksum = headers['x-amz-checksum-mode'] === 'ENABLED';
    if (verb === 'GetObject' || wantsChecksum) this.#useKey(call, bucket.kmsKey, 'kms:Decrypt');
    if (headers['if-match'] !== undefined && !namesEtag(headers['if-match'], object.etag)) {
      throw s3Refusal('PreconditionFailed', { elements: { Condition: 'If-Match' } });
    }
    if (headers['if-none-match'] !== undefined && namesEtag(headers['if-none-match'], object.etag)) {
      return { status: 304, headers: { etag: object.etag } };
    }
    const range = rangeOf(headers.range, object.body.length);
    return {
      status: range ? 206 : 200,
      headers: {
        ...objectHeaders(object),
        ...encryptionHeaders(bucket),
        ...(range && { 'content-range': `bytes ${range.first}-${range.last}/${object.body.length}` }),
        // S3 has no checksum of a part of an object.
        ...(wantsChecksum && !range ? checksumHeaders(object.checksum) : {}),
      },
      body: range ? object.body.subarray(range.first, range.last + 1) : object.body,
    };
  }

  #headBucket(call: Call): Answer {
    authorizeBucket(call, {});
    return { status: 200, headers: { ...bucketHeaders(call.bucket), 'x-amz-access-point-alias': 'false' } };
  }

  #list(call: Call): Answer {
    const { bucket, request } = call;
    authorizeBucket(call, {
      's3:prefix': request.query.get('prefix') ?? undefined,
      's3:delimiter': request.query.get('delimiter') ?? undefined,
      's3:max-keys': request.query.get('max-keys') ?? undefined,
    });
    return {
      status: 200,
      headers: { 'content-type': 'application/xml', ...bucketHeaders(bucket) },
      body: listObjects(bucket, request.query, this.largestPage),
    };
  }

  /** S3 asks KMS in the name of the user. */
  #useKey(
    { user, bucket, key }: Call,
    kmsKey: KmsKey | undefined,
    action: 'kms:GenerateDataKey' | 'kms:Decrypt',
  ): void {
    if (kmsKey === undefined) return;
    if (!this.#kms.keys.has(kmsKey.keyId)) {
      throw s3Refusal('KMS.NotFoundException', { message: `Key '${kmsKey.arn}' does not exist` });
    }
    const decision = decide(user.policy, action, kmsKey.arn, {
      'aws:RequestedRegion': bucket.region,
      'kms:CallerAccount': ACCOUNT_ID,
      'kms:ViaService': `s3.${bucket.region}.amazonaws.com`,
      'kms:EncryptionContext:aws:s3:arn': `${bucket.arn}/${key}`,
    });
    if (decision !== 'allowed') {
      throw s3Refusal('AccessDenied', { message: denialMessage(user, action, decision, kmsKey.arn) });
    }
    if (kmsKey.state === 'Disabled') {
      throw s3Refusal('KMS.DisabledException', { message: `${kmsKey.arn} is disabled.` });
    }
    if (kmsKey.state === 'PendingDeletion') {
      throw s3Refusal('KMS.KMSInvalidStateException', { message: `${kmsKey.arn} is pending deletion.` });
    }
  }
}

/** Returns the decoded names in a path. @throws URIError for a path that is not encoded UTF-8. */
function targetOf(path: string): { bucketName: string; key: string } {
  const [, bucketName = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(decodeURIComponent(path)) ?? [];
  return { bucketName, key };
}

function requireKnown({ headers, query, verb }: RecordedRequest): void {
  const header = Object.keys(headers).find((name) => name.startsWith('x-amz-') && !KNOWN_HEADERS.test(name));
  if (header !== undefined) throw s3Refusal('NotImplemented', { elements: { Header: header } });
  const parameter = [...query.keys()].find((name) => !(KNOWN_PARAMETERS[verb] ?? ['x-id']).includes(name));
  if (parameter !== undefined) {
    throw s3Refusal('NotImplemented', { message: `The sandbox does not know the parameter ${parameter}.` });
  }
}

function signatureRefusal(fault: SignatureFault, { authorization = '' }: IncomingHttpHeaders): AwsRefusal {
  const AWSAccessKeyId = /Credential=([^/]+)/.exec(authorization)?.[1] ?? '';
  switch (fault) {
    case 'MissingAuthenticationTokenException':
      return s3Refusal('AccessDenied');
    case 'IncompleteSignature':
      return s3Refusal('AuthorizationHeaderMalformed');
    case 'UnrecognizedClientException':
      return s3Refusal('InvalidAccessKeyId', { elements: { AWSAccessKeyId } });
    case 'InvalidSignatureException':
      return s3Refusal('SignatureDoesNotMatch', { elements: { AWSAccessKeyId } });
  }
}

function authorizeObject(call: Call, action: 's3:GetObject' | 's3:PutObject'): void {
  const { headers } = call.request;
  authorize(call, action, `${call.bucket.arn}/${call.key}`, {
    's3:if-match': headers['if-match'],
    's3:if-none-match': headers['if-none-match'],
  });
}

function authorizeBucket(call: Call, context: RequestContext): void {
  authorize(call, 's3:ListBucket', call.bucket.arn, context);
}

/** S3 puts the resource into quotation marks, other services do not. */
function authorize({ user, bucket }: Call, action: string, resource: string, context: RequestContext): void {
  const decision = decide(user.policy, action, resource, {
    'aws:RequestedRegion': bucket.region,
    'aws:ResourceAccount': ACCOUNT_ID,
    's3:ResourceAccount': ACCOUNT_ID,
    ...context,
  });
  if (decision === 'allowed') return;
  throw s3Refusal('AccessDenied', { message: denialMessage(user, action, decision, `"${resource}"`) });
}

interface WriteCondition {
  header: 'If-Match' | 'If-None-Match';
  value: string;
}

function writeConditionOf(headers: IncomingHttpHeaders): WriteCondition | undefined {
  const { 'if-match': match, 'if-none-match': noneMatch } = headers;
  if (noneMatch !== undefined) {
    if (noneMatch === '*' && match === undefined) return { header: 'If-None-Match', value: noneMatch };
    throw s3Refusal('NotImplemented', { elements: { Header: 'If-None-Match' } });
  }
  return match === undefined ? undefined : { header: 'If-Match', value: match };
}

function namesEtag(header: string, etag: string): boolean {
  return header === '*' || header === etag || `"${header}"` === etag;
}

function objectOptionsOf(headers: IncomingHttpHeaders, contentEncoding: string | undefined): S3ObjectOptions {
  const { 'content-type': contentType, 'x-amz-storage-class': storageClass = 'STANDARD' } = headers;
  if (typeof storageClass !== 'string' || !STORAGE_CLASSES.includes(storageClass)) {
    throw s3Refusal('NotImplemented', { elements: { Header: 'x-amz-storage-class' } });
  }
  const metadata = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith('x-amz-meta-') ? [[name.slice('x-amz-meta-'.length), String(value)]] : [],
  );
  return {
    ...(contentType !== undefined && { contentType }),
    ...(contentEncoding !== undefined && { contentEncoding }),
    metadata: Object.fromEntries(metadata),
    storageClass: storageClass as S3StorageClass,
  };
}

/**
 * Returns the bytes that a Range header asks for; undefined for the whole object, also when there are several ranges.
 * @throws AwsRefusal when the object has none of these bytes.
 */
function rangeOf(header: string | undefined, size: number): { first: number; last: number } | undefined {
  const [, start = '', end = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (start === '' && end === '') return undefined;
  const first = start === '' ? Math.max(0, size - Number(end)) : Number(start);
  const last = start === '' || end === '' ? size - 1 : Math.min(Number(end), size - 1);
  if (start !== '' && end !== '' && Number(end) < first) return undefined;
  if (first <= last) return { first, last };
  throw s3Refusal('InvalidRange', { elements: { RangeRequested: String(header), ActualObjectSize: String(size) } });
}

function objectHeaders(object: S3Object): Record<string, string> {
  const { etag, lastModified, contentType, contentEncoding, metadata, storageClass } = object;
  return {
    etag,
    'last-modified': lastModified.toUTCString(),
    'accept-ranges': 'bytes',
    'content-type': contentType,
    ...(contentEncoding !== undefined && { 'content-encoding': contentEncoding }),
    ...Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-amz-meta-${name}`, value])),
    ...(storageClass !== 'STANDARD' && { 'x-amz-storage-class': storageClass }),
  };
}

function checksumHeaders({ algorithm, value }: S3Checksum): Record<string, string> {
  return { [`x-amz-checksum-${algorithm}`]: value, 'x-amz-checksum-type': 'FULL_OBJECT' };
}

function encryptionHeaders({ kmsKey }: S3Bucket): Record<string, string> {
  if (kmsKey === undefined) return { 'x-amz-server-side-encryption': 'AES256' };
  return {
    'x-amz-server-side-encryption': 'aws:kms',
    'x-amz-server-side-encryption-aws-kms-key-id': kmsKey.arn,
  };
}

function bucketHeaders({ region }: S3Bucket): Record<string, string> {
  return { 'x-amz-bucket-region': region };
}
