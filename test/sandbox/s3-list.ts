// ListObjectsV2 of the S3 stand-in: one page of keys, as XML.
// See docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html.
import type { S3Bucket, S3Object } from './s3-bucket.ts';
import { s3Refusal, XML_DECLARATION, xmlElements } from './s3-errors.ts';

/** No page of S3 has more keys. */
export const LARGEST_PAGE = 1_000;

/** A key, or a prefix that stands for all keys up to the delimiter. */
interface Entry {
  name: string;
  object?: S3Object;
}

/** Returns the page that the query asks for, of at most `largestPage` keys. @throws AwsRefusal for a wrong parameter. */
export function listObjects(bucket: S3Bucket, query: URLSearchParams, largestPage: number): string {
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') ?? '';
  const startAfter = query.get('start-after');
  const token = query.get('continuation-token');
  const encode = encoderOf(query.get('encoding-type'));
  const maxKeys = maxKeysOf(query.get('max-keys'), largestPage);

  const after = Buffer.from(token === null ? (startAfter ?? '') : keyOfToken(token));
  const left = entriesOf(bucket, prefix, delimiter).filter(({ name }) => Buffer.compare(Buffer.from(name), after) > 0);
  const page = left.slice(0, maxKeys);
  const last = maxKeys > 0 && left.length > maxKeys ? page.at(-1) : undefined;
  return [
    XML_DECLARATION,
    '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">',
    xmlElements({
      Name: bucket.name,
      Prefix: encode(prefix),
      ...(delimiter !== '' && { Delimiter: encode(delimiter) }),
      ...(startAfter !== null && { StartAfter: encode(startAfter) }),
      ...(token !== null && { ContinuationToken: token }),
      ...(last && { NextContinuationToken: tokenOfKey(last.name) }),
      KeyCount: page.length,
      MaxKeys: maxKeys,
      ...(query.has('encoding-type') && { EncodingType: 'url' }),
      IsTruncated: last !== undefined,
    }),
    ...page.map(({ name, object }) =>
      object === undefined
        ? `<CommonPrefixes>${xmlElements({ Prefix: encode(name) })}</CommonPrefixes>`
        : `<Contents>${contentsOf(encode(name), object)}</Contents>`,
    ),
    '</ListBucketResult>',
  ].join('');
}

function contentsOf(key: string, { lastModified, etag, checksum, body, storageClass }: S3Object): string {
  return xmlElements({
    Key: key,
    LastModified: lastModified.toISOString(),
    ETag: etag,
    ChecksumAlgorithm: checksum.algorithm.toUpperCase(),
    ChecksumType: 'FULL_OBJECT',
    Size: body.length,
    StorageClass: storageClass,
  });
}

/** In the order of the names' bytes. */
function entriesOf(bucket: S3Bucket, prefix: string, delimiter: string): Entry[] {
  const entries: Entry[] = [];
  for (const key of bucket.keys()) {
    if (!key.startsWith(prefix)) continue;
    const end = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    if (end < 0) {
      entries.push({ name: key, object: bucket.get(key) });
      continue;
    }
    const name = key.slice(0, end + delimiter.length);
    if (entries.at(-1)?.name !== name) entries.push({ name });
  }
  return entries;
}

function maxKeysOf(text: string | null, largestPage: number): number {
  if (text === null) return largestPage;
  if (/^\d{1,9}$/.test(text)) return Math.min(Number(text), largestPage);
  throw s3Refusal('InvalidArgument', {
    message: 'Provided max-keys not an integer or within integer range',
    elements: { ArgumentName: 'max-keys', ArgumentValue: text },
  });
}

/** With encoding-type=url: a space becomes `+`, and `/` stays. */
function encoderOf(encodingType: string | null): (name: string) => string {
  if (encodingType === null) return (name) => name;
  if (encodingType === 'url')
    return (name) => new URLSearchParams({ '': name }).toString().slice(1).replaceAll('%2F', '/');
  throw s3Refusal('InvalidArgument', { message: 'Invalid Encoding Method specified in Request' });
}

function tokenOfKey(key: string): string {
  return Buffer.from(`after:${key}`).toString('base64');
}

function keyOfToken(token: string): string {
  const [, key] = /^after:(.+)$/s.exec(Buffer.from(token, 'base64').toString()) ?? [];
  if (key !== undefined) return key;
  throw s3Refusal('InvalidArgument', {
    message: 'The continuation token provided is incorrect',
    elements: { ArgumentName: 'continuation-token' },
  });
}
