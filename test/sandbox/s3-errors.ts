// The errors of S3, by their real names, statuses and messages, as XML.
// See docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html.
import { randomBytes } from 'node:crypto';
import { AwsRefusal } from './aws-errors.ts';
import type { Answer } from './http.ts';

/** Status and default message of each error. */
const S3_ERRORS = {
  AccessDenied: [403, 'Access Denied'],
  AuthorizationHeaderMalformed: [400, 'The authorization header is malformed.'],
  BadDigest: [400, 'The Content-MD5 or checksum value that you specified did not match what the server received.'],
  ConditionalRequestConflict: [409, 'The conditional request cannot succeed due to a conflicting operation.'],
  EntityTooLarge: [400, 'Your proposed upload exceeds the maximum allowed size'],
  ExpiredToken: [400, 'The provided token has expired.'],
  IncompleteBody: [400, 'The request body terminated unexpectedly'],
  InternalError: [500, 'We encountered an internal error. Please try again.'],
  InvalidAccessKeyId: [403, 'The AWS Access Key Id you provided does not exist in our records.'],
  InvalidArgument: [400, 'Invalid Argument'],
  InvalidDigest: [400, 'The Content-MD5 you specified was invalid.'],
  InvalidObjectState: [403, "The operation is not valid for the object's storage class"],
  InvalidRange: [416, 'The requested range is not satisfiable'],
  InvalidRequest: [400, 'The request is not valid.'],
  InvalidToken: [400, 'The provided token is malformed or otherwise invalid.'],
  'KMS.DisabledException': [400, 'The KMS key is disabled.'],
  'KMS.KMSInvalidStateException': [400, 'The KMS key is pending deletion.'],
  'KMS.NotFoundException': [400, 'The KMS key does not exist.'],
  KeyTooLongError: [400, 'Your key is too long'],
  MissingContentLength: [411, 'You must provide the Content-Length HTTP header.'],
  NoSuchBucket: [404, 'The specified bucket does not exist'],
  NoSuchKey: [404, 'The specified key does not exist.'],
  NotImplemented: [501, 'A header you provided implies functionality that is not implemented'],
  PermanentRedirect: [
    301,
    'The bucket you are attempting to access must be addressed using the specified endpoint. Please send all future requests to this endpoint.',
  ],
  PreconditionFailed: [412, 'At least one of the pre-conditions you specified did not hold'],
  RequestTimeTooSkewed: [403, 'The difference between the request time and the current time is too large.'],
  RequestTimeout: [
    400,
    'Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.',
  ],
  ServiceUnavailable: [503, 'Service is unable to handle request.'],
  SignatureDoesNotMatch: [
    403,
    'The request signature we calculated does not match the signature you provided. Check your key and signing method.',
  ],
  SlowDown: [503, 'Please reduce your request rate.'],
  XAmzContentSHA256Mismatch: [400, "The provided 'x-amz-content-sha256' header does not match what was computed."],
} satisfies Record<string, [status: number, message: string]>;

export type S3ErrorName = keyof typeof S3_ERRORS;

export interface S3ErrorDetails {
  message?: string;
  /** More elements of the XML, such as `{ BucketName: 'backup' }`. */
  elements?: Record<string, string>;
  headers?: Record<string, string>;
}

/** An error of S3, which can also be planted as a fault: `faults.add({ service: 's3', verb: 'PutObject', ...s3Error('SlowDown') })`. */
export function s3Error(name: S3ErrorName, details: S3ErrorDetails = {}): Answer & { body: string } {
  const [status, message] = S3_ERRORS[name];
  const headers = s3Headers();
  const elements = {
    Code: name,
    Message: details.message ?? message,
    ...details.elements,
    RequestId: headers['x-amz-request-id'],
    HostId: headers['x-amz-id-2'],
  };
  return {
    status,
    headers: { ...headers, 'content-type': 'application/xml', ...details.headers },
    body: `${XML_DECLARATION}<Error>${xmlElements(elements)}</Error>`,
  };
}

/** The error to throw inside the stand-in. */
export function s3Refusal(name: S3ErrorName, details?: S3ErrorDetails): AwsRefusal {
  return new AwsRefusal(s3Error(name, details));
}

/** The headers of every answer. */
export function s3Headers(): Record<'x-amz-request-id' | 'x-amz-id-2' | 'server', string> {
  return {
    'x-amz-request-id': randomBytes(8).toString('hex').toUpperCase(),
    'x-amz-id-2': randomBytes(56).toString('base64'),
    server: 'AmazonS3',
  };
}

export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** One element of XML for each pair. */
export function xmlElements(values: Record<string, string | number | boolean>): string {
  return Object.entries(values)
    .map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`)
    .join('');
}

function escapeXml(text: string): string {
  const names: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
  // biome-ignore lint/suspicious/noControlCharactersInRegex: S3 writes them as character references, although XML 1.0 forbids most of them.
  return text.replace(/[&<>"\x00-\x1f]/g, (char) => names[char] ?? `&#x${char.charCodeAt(0).toString(16)};`);
}
