// A bucket of the S3 stand-in, whose objects a test may read and change by hand.
import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { KmsKey } from './kms.ts';

export type S3StorageClass = 'STANDARD' | 'STANDARD_IA' | 'GLACIER_IR' | 'GLACIER' | 'DEEP_ARCHIVE';

/** The properties that a client, or a test, may give a new object. */
export interface S3ObjectOptions {
  /** Default 'binary/octet-stream'. */
  contentType?: string;
  contentEncoding?: string;
  /** Without `x-amz-meta-`. */
  metadata?: Record<string, string>;
  storageClass?: S3StorageClass;
  /** Default: CRC32 of the body. */
  checksum?: S3Checksum;
  lastModified?: Date;
}

export interface S3Checksum {
  /** As in the header `x-amz-checksum-crc32`. */
  algorithm: 'crc32' | 'sha1' | 'sha256';
  /** Base64. */
  value: string;
}

export interface S3Object extends Required<Omit<S3ObjectOptions, 'contentEncoding'>> {
  body: Buffer;
  /** With its quotation marks. The MD5 of the body, except in a bucket with a KMS key. */
  etag: string;
  contentEncoding?: string;
}

export class S3Bucket {
  readonly name: string;
  readonly region: string;
  /** Encrypts the objects: writing needs kms:GenerateDataKey, reading kms:Decrypt. */
  kmsKey: KmsKey | undefined;
  /** By key, in the order of their making. */
  readonly objects = new Map<string, S3Object>();

  constructor(name: string, region: string, kmsKey: KmsKey | undefined) {
    this.name = name;
    this.region = region;
    this.kmsKey = kmsKey;
  }

  get arn(): string {
    return `arn:aws:s3:::${this.name}`;
  }

  /** Such as 's3://gmail-jobs-copy/alice', for EXPORT_URL. */
  url(prefix = ''): string {
    return `s3://${this.name}${prefix === '' ? '' : `/${prefix}`}`;
  }

  /** In the order of ListObjectsV2: by the bytes of their UTF-8. */
  keys(): string[] {
    return [...this.objects.keys()]
      .map((key) => ({ key, bytes: Buffer.from(key) }))
      .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
      .map(({ key }) => key);
  }

  /** Returns an object. @throws when there is none. */
  get(key: string): S3Object {
    const object = this.objects.get(key);
    if (object === undefined) throw new Error(`the bucket ${this.name} has no object ${key}`);
    return object;
  }

  /** The body of an object as UTF-8. @throws when there is none. */
  text(key: string): string {
    return this.get(key).body.toString();
  }

  /** Makes or replaces an object. */
  put(key: string, body: Buffer | string, options: S3ObjectOptions = {}): S3Object {
    const bytes = Buffer.from(body);
    const object: S3Object = {
      body: bytes,
      etag: this.#etagOf(bytes),
      lastModified: new Date(),
      contentType: 'binary/octet-stream',
      metadata: {},
      storageClass: 'STANDARD',
      checksum: checksumOf('crc32', bytes),
      ...options,
    };
    this.objects.set(key, object);
    return object;
  }

  delete(key: string): void {
    this.get(key);
    this.objects.delete(key);
  }

  rename(key: string, newKey: string): void {
    const object = this.get(key);
    this.objects.delete(key);
    this.objects.set(newKey, object);
  }

  /**
   * Flips the lowest bit of one byte, by default of the middle one, as somebody does who writes the object anew.
   * With `keepChecksum`, ETag and checksum stay, as if the disk of S3 had failed.
   */
  damage(key: string, options: { at?: number; keepChecksum?: boolean } = {}): void {
    const { body } = this.get(key);
    const { at = Math.floor(body.length / 2), keepChecksum = false } = options;
    const bytes = Buffer.from(body);
    bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
    this.#rewrite(key, bytes, keepChecksum);
  }

  /** Keeps the first `bytes` bytes of an object. */
  truncate(key: string, bytes: number): void {
    this.#rewrite(key, this.get(key).body.subarray(0, bytes), false);
  }

  /** An object in GLACIER or DEEP_ARCHIVE cannot be read. */
  setStorageClass(key: string, storageClass: S3StorageClass): void {
    this.get(key).storageClass = storageClass;
  }

  #rewrite(key: string, body: Buffer, keepChecksum: boolean): void {
    const object = this.get(key);
    object.body = body;
    if (keepChecksum) return;
    object.etag = this.#etagOf(body);
    object.checksum = checksumOf(object.checksum.algorithm, body);
    object.lastModified = new Date();
  }

  #etagOf(body: Buffer): string {
    const md5 = createHash('md5').update(body);
    // docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html: with SSE-KMS, the ETag is not an MD5 of the object's data.
    if (this.kmsKey) md5.update(randomBytes(16));
    return `"${md5.digest('hex')}"`;
  }
}

export function checksumOf(algorithm: S3Checksum['algorithm'], body: Buffer): S3Checksum {
  if (algorithm !== 'crc32') return { algorithm, value: createHash(algorithm).update(body).digest('base64') };
  const value = Buffer.alloc(4);
  value.writeUInt32BE(crc32(body));
  return { algorithm, value: value.toString('base64') };
}
