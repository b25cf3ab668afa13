// The body of a PutObject request: takes it out of aws-chunked framing, and verifies every checksum that the request gives.
// See docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html.
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { checksumOf, type S3Checksum } from './s3-bucket.ts';
import { s3Refusal } from './s3-errors.ts';

/** The value of x-amz-content-sha256 for which the AWS SDK for JavaScript sends chunks with a trailer; it signs no chunks. */
const CHUNKS_WITH_TRAILER = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

export interface Upload {
  body: Buffer;
  /** Absent when the client sent none; S3 then makes its own. */
  checksum?: S3Checksum;
  /** Without aws-chunked, which is of the transfer only. */
  contentEncoding?: string;
}

/** Returns the object's bytes and checksum. @throws AwsRefusal as S3 does for a body that does not fit its headers. */
export function readUpload(headers: IncomingHttpHeaders, rawBody: Buffer): Upload {
  const payloadHash = headers['x-amz-content-sha256'];
  const chunked = payloadHash === CHUNKS_WITH_TRAILER;
  if (!chunked && headers['content-length'] === undefined) throw s3Refusal('MissingContentLength');
  const { body, trailers } = chunked ? unchunk(headers, rawBody) : { body: rawBody, trailers: {} };
  if (!chunked) verifyPayloadHash(String(payloadHash), body);
  verifyMd5(headers['content-md5'], body);
  const checksum = verifiedChecksum({ ...headers, ...trailers }, body);
  const contentEncoding = contentEncodingOf(headers['content-encoding']);
  return { body, ...(checksum && { checksum }), ...(contentEncoding !== '' && { contentEncoding }) };
}

/** Verifies x-amz-content-sha256 for a body that was not sent in chunks. @throws AwsRefusal for another hash. */
export function verifyPayloadHash(payloadHash: string, body: Buffer): void {
  if (payloadHash === 'UNSIGNED-PAYLOAD') return;
  if (payloadHash.startsWith('STREAMING-')) {
    throw s3Refusal('NotImplemented', { elements: { Header: 'x-amz-content-sha256' } });
  }
  const computed = createHash('sha256').update(body).digest('hex');
  if (payloadHash === computed) return;
  throw s3Refusal('XAmzContentSHA256Mismatch', {
    elements: { ClientComputedContentSHA256: payloadHash, S3ComputedContentSHA256: computed },
  });
}

/** Lines of `<hex length>\r\n<bytes>\r\n`, a last chunk of length 0, and the trailer's headers. */
function unchunk(headers: IncomingHttpHeaders, raw: Buffer): { body: Buffer; trailers: Record<string, string> } {
  const incomplete = () => s3Refusal('IncompleteBody');
  const chunks: Buffer[] = [];
  let offset = 0;
  const line = () => {
    const end = raw.indexOf('\r\n', offset);
    if (end < 0) throw incomplete();
    const text = raw.toString('latin1', offset, end);
    offset = end + 2;
    return text;
  };
  for (;;) {
    const size = line();
    if (!/^[\da-f]{1,8}$/i.test(size)) throw incomplete();
    const length = Number.parseInt(size, 16);
    if (length === 0) break;
    chunks.push(raw.subarray(offset, offset + length));
    offset += length;
    if (line() !== '') throw incomplete();
  }
  const trailers: Record<string, string> = {};
  for (let text = line(); text !== ''; text = line()) {
    const [, name = '', value = ''] = /^([\w-]+):(.*)$/.exec(text) ?? [];
    trailers[name.toLowerCase()] = value.trim();
  }
  const announced = headers['x-amz-trailer'];
  if (typeof announced === 'string' && trailers[announced] === undefined) {
    throw s3Refusal('InvalidRequest', { message: 'The request is missing the trailer that x-amz-trailer names.' });
  }
  const body = Buffer.concat(chunks);
  if (String(body.length) !== headers['x-amz-decoded-content-length']) throw incomplete();
  return { body, trailers };
}

function verifyMd5(expected: string | string[] | undefined, body: Buffer): void {
  if (typeof expected !== 'string') return;
  if (Buffer.from(expected, 'base64').length !== 16) throw s3Refusal('InvalidDigest');
  const computed = createHash('md5').update(body).digest('base64');
  if (computed !== expected) {
    throw s3Refusal('BadDigest', {
      message: 'The Content-MD5 you specified did not match what we received.',
      elements: { ExpectedDigest: expected, CalculatedDigest: computed },
    });
  }
}

function verifiedChecksum(values: IncomingHttpHeaders, body: Buffer): S3Checksum | undefined {
  for (const algorithm of ['crc32', 'sha1', 'sha256'] as const) {
    const value = values[`x-amz-checksum-${algorithm}`];
    if (typeof value !== 'string') continue;
    const checksum = checksumOf(algorithm, body);
    if (Buffer.from(value, 'base64').length !== Buffer.from(checksum.value, 'base64').length) {
      throw s3Refusal('InvalidRequest', { message: `Value for x-amz-checksum-${algorithm} header is invalid.` });
    }
    if (value === checksum.value) return checksum;
    throw s3Refusal('BadDigest', {
      message: `The ${algorithm.toUpperCase()} you specified did not match the calculated checksum.`,
    });
  }
  return undefined;
}

function contentEncodingOf(header: string | string[] | undefined): string {
  return String(header ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'aws-chunked')
    .join(',');
}
