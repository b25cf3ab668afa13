// Checks an AWS Signature Version 4, and reports a wrong access key or secret key as AWS does.
import { createHash, createHmac } from 'node:crypto';
import type { RecordedRequest } from './http.ts';

export type SignatureFault =
  | 'MissingAuthenticationTokenException'
  | 'IncompleteSignature'
  | 'UnrecognizedClientException'
  | 'InvalidSignatureException';

/** The access key and region of the signature, or the error. */
export type SignatureCheck = { keyId: string; region: string } | { fault: SignatureFault };

/**
 * Checks the Authorization header of a request to `service` against the known keys (secret keys by access key id).
 * For S3, the header x-amz-content-sha256 stands for the body, which S3 verifies by itself.
 * See docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html.
 */
export function checkSignature(
  request: RecordedRequest,
  rawBody: Buffer,
  service: string,
  keys: ReadonlyMap<string, string>,
): SignatureCheck {
  const header = request.headers.authorization;
  if (header === undefined) return { fault: 'MissingAuthenticationTokenException' };
  const parts =
    /^AWS4-HMAC-SHA256 Credential=([A-Z0-9]+)\/(\d{8})\/([a-z0-9-]+)\/([a-z0-9-]+)\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/.exec(
      header,
    );
  const [, keyId = '', day = '', region = '', signedService = '', signedHeaders = '', signature = ''] = parts ?? [];
  const names = signedHeaders.split(';');
  const date = request.headers['x-amz-date'];
  const complete = names.includes('host') && typeof date === 'string' && date.startsWith(day);
  if (parts === null || !complete || signedService !== service) return { fault: 'IncompleteSignature' };
  const secretKey = keys.get(keyId);
  if (secretKey === undefined) return { fault: 'UnrecognizedClientException' };

  const canonical = [
    request.method,
    service === 's3' ? uriEncode(decodeURIComponent(request.path)).replaceAll('%2F', '/') : request.path,
    [...request.query]
      .map((pair) => pair.map(uriEncode).join('='))
      .sort()
      .join('&'),
    ...names.map(
      (name) =>
        `${name}:${String(request.headers[name] ?? '')
          .trim()
          .replace(/ +/g, ' ')}`,
    ),
    '',
    signedHeaders,
    service === 's3' ? String(request.headers['x-amz-content-sha256']) : sha256(rawBody),
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const key = [day, region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secretKey}`);
  const expected = hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString('hex');
  return signature === expected ? { keyId, region } : { fault: 'InvalidSignatureException' };
}

/** Encodes all but letters, digits and -._~ */
function uriEncode(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
