import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import test from 'node:test';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type Sandbox, startSandbox } from './index.ts';
import { s3Client } from './real-clients.ts';
import { type S3ErrorName, s3Error } from './s3.ts';

type Body = NonNullable<PutObjectCommandInput['Body']>;

const Bucket = 'gmail-jobs-copy';
const ARN = `arn:aws:s3:::${Bucket}`;
const USER = 'User: arn:aws:iam::123456789012:user/gmail-jobs is not authorized to perform:';
const REGION_HEADER = 'x-amz-bucket-region';

async function start(): Promise<Sandbox & { client: S3Client }> {
  const sandbox = await startSandbox({ messages: 1 });
  return Object.assign(sandbox, { client: s3Client(sandbox) });
}

function put(client: S3Client, Key: string, Body: Body, input: Partial<PutObjectCommandInput> = {}) {
  return client.send(new PutObjectCommand({ Bucket, Key, Body, ...input }));
}

async function read(client: S3Client, Key: string, Range?: string): Promise<string> {
  const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, ...(Range !== undefined && { Range }) }));
  return (await Body?.transformToString()) ?? '';
}

/** The error by which S3 refused; `header` reads a header of the answer. */
async function refusal(request: Promise<unknown>) {
  const error = await request.then(
    () => assert.fail('the request was not refused'),
    (reason) => reason,
  );
  const { name, message, $metadata, $response } = error;
  const status: number | undefined = $metadata?.httpStatusCode;
  return { name, message, status, error, header: (wanted: string) => $response?.headers[wanted] };
}

async function refused(request: Promise<unknown>, name: string, status: number) {
  const found = await refusal(request);
  assert.deepEqual([found.name, found.status], [name, status], found.message);
  return found;
}

/** Changes each request of the client after it was signed. */
function tamper(client: S3Client, change: (request: { body: unknown; headers: Record<string, string> }) => void): void {
  client.middlewareStack.add(
    (next) => (args) => {
      change(args.request as { body: unknown; headers: Record<string, string> });
      return next(args);
    },
    { step: 'deserialize', priority: 'low' },
  );
}

test('keeps an object, and gives it back with what was said about it', async () => {
  await using sandbox = await start();
  const { client, s3, requests } = sandbox;
  const body = Buffer.from([0, 255, 128, 10, 13, 0]);
  const said = {
    ContentType: 'message/rfc822',
    ContentEncoding: 'gzip',
    Metadata: { sum: '1' },
    StorageClass: 'STANDARD_IA' as const,
  };
  const { ETag, ChecksumCRC32 } = await put(client, 'messages/1.eml.gz', body, said);
  assert.equal(ETag, `"${createHash('md5').update(body).digest('hex')}"`);

  const got = await client.send(new GetObjectCommand({ Bucket, Key: 'messages/1.eml.gz' }));
  assert.deepEqual(Buffer.from((await got.Body?.transformToByteArray()) ?? []), body);
  const { ContentType, ContentEncoding, Metadata, StorageClass, ContentLength } = got;
  assert.deepEqual({ ContentType, ContentEncoding, Metadata, StorageClass }, said);
  assert.deepEqual([got.ETag, got.ChecksumCRC32, ContentLength], [ETag, ChecksumCRC32, 6]);

  const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'messages/1.eml.gz' }));
  assert.deepEqual([head.ETag, head.ContentLength, head.ChecksumCRC32], [ETag, 6, undefined]);
  assert.deepEqual(s3.bucket.get('messages/1.eml.gz').body, body);
  assert.deepEqual(
    requests.map(({ service, verb, path, body, status }) => ({ service, verb, path, body, status })),
    ['PutObject', 'GetObject', 'HeadObject'].map((verb) => ({
      service: 's3',
      verb,
      path: `/${Bucket}/messages/1.eml.gz`,
      body: '',
      status: 200,
    })),
  );
  assert.match(String((await refusal(read(client, 'no'))).header('x-amz-request-id')), /^[0-9A-F]{16}$/);
});

test('takes every key: with dots, spaces, signs and letters of any script', async () => {
  await using sandbox = await start();
  const { client, s3 } = sandbox;
  const keys = ["a b/ä'(1)*+&=@:~,;$!#?%41.txt", 'a/../b//c/./', '日本/\u{1f600}', '.', 'tab\tnew\nline<&>"'];
  for (const key of keys) {
    await put(client, key, key);
    assert.equal(await read(client, key), key);
  }
  assert.deepEqual(new Set(s3.objects.keys()), new Set(keys));
  const { Contents } = await client.send(new ListObjectsV2Command({ Bucket, Prefix: "a b/ä'(" }));
  assert.deepEqual(
    Contents?.map(({ Key }) => Key),
    keys.slice(0, 1),
  );
  const { error } = await refused(put(client, 'ä'.repeat(513), ''), 'KeyTooLongError', 400);
  assert.equal(error.Size, '1026');
});

test('takes a Buffer, a string, nothing, and a stream in chunks with a checksum behind them', async () => {
  await using sandbox = await start();
  const { client, s3, requests } = sandbox;
  const large = Buffer.alloc(25_000_000, 'mail ');
  const bodies: [string, Body, Buffer][] = [
    ['buffer', large, large],
    ['string', 'grüße', Buffer.from('grüße')],
    ['nothing', '', Buffer.alloc(0)],
    ['stream', Readable.from([large.subarray(0, 70_000), large.subarray(70_000)]), large],
  ];
  for (const [key, body, bytes] of bodies) {
    await put(client, key, body, { ContentLength: bytes.length, ContentEncoding: 'gzip' });
    const object = s3.bucket.get(key);
    assert.ok(object.body.equals(bytes), key);
    assert.deepEqual([object.contentEncoding, object.checksum.algorithm], ['gzip', 'crc32']);
  }
  const [buffer, , , stream] = requests;
  assert.equal(buffer?.headers['x-amz-checksum-crc32'], s3.bucket.get('buffer').checksum.value);
  assert.equal(stream?.headers['x-amz-content-sha256'], 'STREAMING-UNSIGNED-PAYLOAD-TRAILER');
  assert.ok(requests.every(({ body }) => body === ''));
});

test('refuses a body that does not fit its checksum, and keeps nothing of it', async () => {
  await using sandbox = await start();
  const { client, s3 } = sandbox;
  await refused(put(client, 'k', 'hello', { ChecksumCRC32: 'AAAAAA==' }), 'BadDigest', 400);
  await refused(put(client, 'k', 'hello', { ChecksumCRC32: 'AAAA' }), 'InvalidRequest', 400);
  await refused(put(client, 'k', 'hello', { ContentMD5: '1B2M2Y8AsgTpgAmY7PhCfg==' }), 'BadDigest', 400);
  await refused(put(client, 'k', 'hello', { ContentMD5: 'x' }), 'InvalidDigest', 400);
  await put(client, 'sums', 'hello', { ChecksumAlgorithm: 'SHA256', ContentMD5: 'XUFAKrxLKna5cZ2REBfFkg==' });
  await refused(put(client, 'k', 'hello', { ChecksumAlgorithm: 'CRC32C' }), 'NotImplemented', 501);

  const altering = s3Client(sandbox);
  tamper(altering, (request) => {
    request.body = 'hexxo';
  });
  await refused(put(altering, 'k', 'hello'), 'XAmzContentSHA256Mismatch', 400);
  assert.deepEqual([...s3.objects.keys()], ['sums']);
});

for (const [what, chunks, name] of [
  ['another body than its trailer says', '5\r\nhexxo\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n', 'BadDigest'],
  [
    'another length than x-amz-decoded-content-length',
    '4\r\nhell\r\n0\r\nx-amz-checksum-crc32:NhCmhg==\r\n\r\n',
    'IncompleteBody',
  ],
  ['no end', '5\r\nhello\r\n', 'IncompleteBody'],
  ['a chunk that is cut', '5\r\nhel', 'IncompleteBody'],
  ['no trailer', '5\r\nhello\r\n0\r\n\r\n', 'InvalidRequest'],
] as const) {
  test(`refuses a body in chunks that has ${what}`, async () => {
    await using sandbox = await start();
    const { client, s3 } = sandbox;
    tamper(client, (request) => {
      request.body = Buffer.from(chunks);
    });
    await refused(put(client, 'k', Readable.from([Buffer.from('hello')]), { ContentLength: 5 }), name, 400);
    assert.equal(s3.objects.size, 0);
  });
}

test('an upload that breaks off leaves nothing', async () => {
  await using sandbox = await start();
  const { client, s3, requests } = sandbox;
  const body = new Readable({ read() {} });
  body.push(Buffer.alloc(100_000));
  const abort = new AbortController();
  const input = { Bucket, Key: 'k', Body: body, ContentLength: 200_000 };
  const stopped = assert.rejects(client.send(new PutObjectCommand(input), { abortSignal: abort.signal }), {
    name: 'AbortError',
  });
  while (requests.length === 0) await new Promise(setImmediate);
  abort.abort();
  await stopped;
  while (requests[0]?.finishedAt === undefined) await new Promise(setImmediate);
  assert.equal(requests[0].status, undefined);
  assert.equal(s3.objects.size, 0);
});

test('gives ranges of an object, also from its end', async () => {
  await using sandbox = await start();
  const { client, s3 } = sandbox;
  s3.bucket.put('k', '0123456789');
  s3.bucket.put('empty', '');
  const cases: [range: string, bytes: string, contentRange?: string][] = [
    ['bytes=0-0', '0', 'bytes 0-0/10'],
    ['bytes=8-', '89', 'bytes 8-9/10'],
    ['bytes=7-99', '789', 'bytes 7-9/10'],
    ['bytes=-4', '6789', 'bytes 6-9/10'],
    ['bytes=-99', '0123456789', 'bytes 0-9/10'],
    ['bytes=5-2', '0123456789'],
    ['bytes=0-1,4-5', '0123456789'],
    ['lines=1-2', '0123456789'],
  ];
  for (const [Range, bytes, contentRange] of cases) {
    const { Body, ContentRange, $metadata, ChecksumCRC32 } = await client.send(
      new GetObjectCommand({ Bucket, Key: 'k', Range }),
    );
    assert.equal(await Body?.transformToString(), bytes, Range);
    assert.deepEqual([ContentRange, $metadata.httpStatusCode], [contentRange, contentRange ? 206 : 200], Range);
    assert.equal(ChecksumCRC32 === undefined, contentRange !== undefined, Range);
  }
  for (const [key, range] of [
    ['k', 'bytes=10-'],
    ['k', 'bytes=-0'],
    ['empty', 'bytes=0-'],
    ['empty', 'bytes=-4'],
  ] as const) {
    const { error } = await refused(read(client, key, range), 'InvalidRange', 416);
    assert.equal(error.ActualObjectSize, String(s3.bucket.get(key).body.length));
  }
});

test('writes on the condition that the key is free, or that nobody changed the object', async () => {
  await using sandbox = await start();
  const { client, s3 } = sandbox;
  const { ETag } = await put(client, 'state.json', 'one', { IfNoneMatch: '*' });
  const { error } = await refused(put(client, 'state.json', 'two', { IfNoneMatch: '*' }), 'PreconditionFailed', 412);
  assert.equal(error.Condition, 'If-None-Match');
  const second = await put(client, 'state.json', 'two', { IfMatch: ETag });
  const stale = await refused(put(client, 'state.json', 'three', { IfMatch: ETag }), 'PreconditionFailed', 412);
  assert.equal(stale.error.Condition, 'If-Match');
  await refused(put(client, 'no', 'x', { IfMatch: ETag }), 'NoSuchKey', 404);
  await refused(put(client, 'state.json', 'x', { IfNoneMatch: second.ETag }), 'NotImplemented', 501);
  assert.deepEqual([s3.bucket.text('state.json'), s3.objects.size], ['two', 1]);

  s3.conflicts = 1;
  await put(client, 'other', 'without a condition');
  await refused(put(client, 'new', 'x', { IfNoneMatch: '*' }), 'ConditionalRequestConflict', 409);
  await put(client, 'new', 'x', { IfNoneMatch: '*' });
});

test('of several writers at once, one makes the object', async () => {
  await using sandbox = await start();
  const { client } = sandbox;
  const ends = await Promise.allSettled(['a', 'b', 'c'].map((body) => put(client, 'k', body, { IfNoneMatch: '*' })));
  assert.equal(ends.filter(({ status }) => status === 'fulfilled').length, 1);
});

test('reads on conditions', async () => {
  await using sandbox = await start();
  const { client } = sandbox;
  const { ETag } = await put(client, 'k', 'x');
  const get = (input: object) => client.send(new GetObjectCommand({ Bucket, Key: 'k', ...input }));
  await get({ IfMatch: ETag, IfNoneMatch: '"other"' });
  await refused(get({ IfMatch: '"other"' }), 'PreconditionFailed', 412);
  assert.equal((await refusal(get({ IfNoneMatch: ETag }))).status, 304);
});

test('lists keys by the bytes of their UTF-8, page by page', async () => {
  await using sandbox = await start();
  const { client, s3, requests } = sandbox;
  const ordered = ['a', 'b/1', 'b/10', 'b/2', 'ba', 'bé', '\ufb01', '\u{1f600}'];
  for (const key of ordered.toReversed()) s3.bucket.put(key, key);
  s3.largestPage = 3;
  const found: (string | undefined)[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({ Bucket, ...(ContinuationToken !== undefined && { ContinuationToken }) }),
    );
    assert.equal(page.KeyCount, page.Contents?.length);
    assert.equal(page.IsTruncated, page.NextContinuationToken !== undefined);
    found.push(...(page.Contents ?? []).map(({ Key }) => Key));
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken !== undefined);
  assert.deepEqual(found, ordered);
  assert.equal(requests.length, 3);

  const list = async (input: object) => {
    const page = await client.send(new ListObjectsV2Command({ Bucket, ...input }));
    return [page.Contents?.map(({ Key }) => Key), page.CommonPrefixes?.map(({ Prefix }) => Prefix), page.IsTruncated];
  };
  assert.deepEqual(await list({ Prefix: 'b/' }), [['b/1', 'b/10', 'b/2'], undefined, false]);
  assert.deepEqual(await list({ Prefix: 'b/', StartAfter: 'b/1', MaxKeys: 1 }), [['b/10'], undefined, true]);
  assert.deepEqual(await list({ Delimiter: '/' }), [['a', 'ba'], ['b/'], true]);
  assert.deepEqual(await list({ Prefix: 'none' }), [undefined, undefined, false]);
  assert.deepEqual(await list({ MaxKeys: 0 }), [undefined, undefined, false]);
  await refused(list({ ContinuationToken: 'made up' }), 'InvalidArgument', 400);
  await refused(list({ MaxKeys: -1 }), 'InvalidArgument', 400);
});

test('a list tells size, ETag, class and time of each object, and encodes its key when it is asked to', async () => {
  await using sandbox = await start();
  const { client, s3 } = sandbox;
  const { etag, lastModified } = s3.bucket.put('a b/ü(1)~\u0001.txt', 'four', { storageClass: 'GLACIER_IR' });
  const { Contents, Prefix, EncodingType } = await client.send(
    new ListObjectsV2Command({ Bucket, Prefix: 'a b', EncodingType: 'url' }),
  );
  const [{ Key, Size, ETag, StorageClass, LastModified } = {}] = Contents ?? [];
  assert.deepEqual([Key, Prefix, EncodingType], ['a+b/%C3%BC%281%29%7E%01.txt', 'a+b', 'url']);
  assert.deepEqual([Size, ETag, StorageClass, LastModified], [4, etag, 'GLACIER_IR', lastModified]);
});

test('names a missing bucket and a missing key', async () => {
  await using sandbox = await start();
  const { client } = sandbox;
  await client.send(new HeadBucketCommand({ Bucket }));
  assert.equal((await refused(read(client, 'no'), 'NoSuchKey', 404)).error.Key, 'no');
  await refused(client.send(new HeadObjectCommand({ Bucket, Key: 'no' })), 'NotFound', 404);
  const missing = { Bucket: 'no-such-bucket' };
  const { error } = await refused(client.send(new ListObjectsV2Command(missing)), 'NoSuchBucket', 404);
  assert.equal(error.BucketName, 'no-such-bucket');
  await refused(put(client, 'k', 'x', missing), 'NoSuchBucket', 404);
  await refused(client.send(new HeadBucketCommand(missing)), 'NotFound', 404);
});

test('sends a client of another region to the region of the bucket', async () => {
  await using sandbox = await start();
  const { client, s3 } = sandbox;
  const { name } = s3.createBucket('in-frankfurt', { region: 'eu-central-1' });
  const redirect = await refused(put(client, 'k', 'x', { Bucket: name }), 'PermanentRedirect', 301);
  assert.equal(redirect.header(REGION_HEADER), 'eu-central-1');
  assert.equal(redirect.error.Endpoint, 'in-frankfurt.s3.eu-central-1.amazonaws.com');
  const head = await refusal(client.send(new HeadBucketCommand({ Bucket: name })));
  assert.deepEqual([head.status, head.header(REGION_HEADER)], [301, 'eu-central-1']);

  s3.otherRegion = 'AuthorizationHeaderMalformed';
  const malformed = await refused(put(client, 'k', 'x', { Bucket: name }), 'AuthorizationHeaderMalformed', 400);
  assert.match(malformed.message, /the region 'us-east-1' is wrong; expecting 'eu-central-1'$/);
  assert.deepEqual([malformed.error.Region, malformed.header(REGION_HEADER)], ['eu-central-1', 'eu-central-1']);

  const there = s3Client(sandbox, { region: 'eu-central-1' });
  await put(there, 'k', 'x', { Bucket: name });
  assert.equal((await there.send(new HeadBucketCommand({ Bucket: name }))).BucketRegion, 'eu-central-1');
});

test('refuses a wrong key, a token of no session and a wrong clock, which the SDK then corrects', async () => {
  await using sandbox = await start();
  const { s3 } = sandbox;
  s3.bucket.put('k', 'x');
  const { error } = await refused(
    read(s3Client(sandbox, { accessKeyId: 'AKIAUNKNOWN' }), 'k'),
    'InvalidAccessKeyId',
    403,
  );
  assert.equal(error.AWSAccessKeyId, 'AKIAUNKNOWN');
  await refused(read(s3Client(sandbox, { secretAccessKey: 'wrong' }), 'k'), 'SignatureDoesNotMatch', 403);
  await refused(read(s3Client(sandbox, { sessionToken: 'x' }), 'k'), 'InvalidToken', 400);
  const anonymous = await fetch(`${sandbox.env.AWS_ENDPOINT_URL_S3}/${Bucket}/k`);
  assert.equal(anonymous.status, 403);
  assert.match(await anonymous.text(), /<Code>AccessDenied<\/Code><Message>Access Denied</);

  for (const ahead of [-1, 1]) {
    s3.clockAheadMs = ahead * 16 * 60_000;
    await refused(read(s3Client(sandbox), 'k'), 'RequestTimeTooSkewed', 403);
    assert.equal(await read(s3Client(sandbox, { maxAttempts: 2 }), 'k'), 'x');
  }
});

test('a user needs s3:GetObject, s3:PutObject and s3:ListBucket, each on its resource', async () => {
  await using sandbox = await start();
  const { client, s3, iam } = sandbox;
  s3.bucket.put('a/k', 'x');
  const allow = (Action: string, Resource: string, more = {}) => {
    iam.user().policy = { Statement: { Effect: 'Allow', Action, Resource, ...more } };
  };
  const denied = async (request: Promise<unknown>, action: string, resource: string) => {
    const { message } = await refused(request, 'AccessDenied', 403);
    const why = `because no identity-based policy allows the ${action} action`;
    assert.equal(message, `${USER} ${action} on resource: "${resource}" ${why}`);
  };
  const list = (Prefix: string) => client.send(new ListObjectsV2Command({ Bucket, Prefix }));

  allow('s3:GetObject', `${ARN}/a/*`);
  assert.equal(await read(client, 'a/k'), 'x');
  await denied(read(client, 'b/k'), 's3:GetObject', `${ARN}/b/k`);
  await denied(put(client, 'a/k', 'y'), 's3:PutObject', `${ARN}/a/k`);
  await denied(list('a/'), 's3:ListBucket', ARN);
  // Only a user who may list the bucket is told that the key is missing.
  await denied(read(client, 'a/no'), 's3:ListBucket', ARN);
  assert.equal((await refusal(client.send(new HeadObjectCommand({ Bucket, Key: 'a/no' })))).status, 403);
  assert.equal((await refusal(client.send(new HeadBucketCommand({ Bucket })))).status, 403);

  allow('s3:PutObject', `${ARN}/a/*`);
  const { ETag } = await put(client, 'a/k', 'y');
  await denied(put(client, 'a/k', 'z', { IfMatch: ETag }), 's3:GetObject', `${ARN}/a/k`);

  allow('s3:*', '*', { Condition: { StringLike: { 's3:prefix': 'a/*' } } });
  await list('a/');
  await denied(list('b/'), 's3:ListBucket', ARN);
  // A policy may demand conditions of every write.
  allow('s3:PutObject', `${ARN}/*`, { Condition: { StringLike: { 's3:if-none-match': '*' } } });
  await put(client, 'new', 'x', { IfNoneMatch: '*' });
  await denied(put(client, 'new', 'x'), 's3:PutObject', `${ARN}/new`);

  iam.user().policy = {
    Statement: [
      { Effect: 'Allow', Action: '*', Resource: '*' },
      { Effect: 'Deny', Action: 's3:*', Resource: '*' },
    ],
  };
  const { message } = await refused(read(client, 'a/k'), 'AccessDenied', 403);
  assert.equal(
    message,
    `${USER} s3:GetObject on resource: "${ARN}/a/k" with an explicit deny in an identity-based policy`,
  );
});

test("a bucket's KMS key must be usable, and may not be denied to the user", async () => {
  await using sandbox = await start();
  const { client, s3, kms, iam } = sandbox;
  const kmsKey = kms.createKey({ spec: 'SYMMETRIC_DEFAULT' });
  s3.bucket.kmsKey = kmsKey;
  const { ETag, ServerSideEncryption, SSEKMSKeyId } = await put(client, 'k', 'x');
  assert.deepEqual([ServerSideEncryption, SSEKMSKeyId], ['aws:kms', kmsKey.arn]);
  assert.notEqual(ETag, `"${createHash('md5').update('x').digest('hex')}"`);

  iam.allow(['s3:*']);
  for (const [request, action] of [
    [() => put(client, 'k', 'x'), 'kms:GenerateDataKey'],
    [() => read(client, 'k'), 'kms:Decrypt'],
  ] as const) {
    const { message } = await refused(request(), 'AccessDenied', 403);
    const why = `because no identity-based policy allows the ${action} action`;
    assert.equal(message, `${USER} ${action} on resource: ${kmsKey.arn} ${why}`);
  }
  await client.send(new HeadObjectCommand({ Bucket, Key: 'k' }));
  iam.allow(['s3:*', 'kms:GenerateDataKey', 'kms:Decrypt']);
  kms.disable(kmsKey.arn);
  await refused(put(client, 'k', 'x'), 'KMS.DisabledException', 400);
  await refused(read(client, 'k'), 'KMS.DisabledException', 400);
  kms.scheduleDeletion(kmsKey.arn);
  await refused(read(client, 'k'), 'KMS.KMSInvalidStateException', 400);
  kms.keys.delete(kmsKey.keyId);
  await refused(read(client, 'k'), 'KMS.NotFoundException', 400);
});

test('an archived object can be listed and looked at, and not read', async () => {
  await using sandbox = await start();
  const { client, s3 } = sandbox;
  s3.bucket.put('k', 'x');
  for (const storageClass of ['GLACIER', 'DEEP_ARCHIVE'] as const) {
    s3.bucket.setStorageClass('k', storageClass);
    const { error } = await refused(read(client, 'k'), 'InvalidObjectState', 403);
    assert.equal(error.StorageClass, storageClass);
    const head = await client.send(new HeadObjectCommand({ Bucket, Key: 'k' }));
    assert.equal(head.StorageClass, storageClass);
  }
  s3.bucket.setStorageClass('k', 'GLACIER_IR');
  assert.equal(await read(client, 'k'), 'x');
});

test('answers with any error as often as planned, of which the SDK repeats some', async () => {
  await using sandbox = await start();
  const { client, s3, faults } = sandbox;
  s3.bucket.put('k', 'x');
  const planned: [S3ErrorName, number][] = [
    ['SlowDown', 503],
    ['InternalError', 500],
    ['ServiceUnavailable', 503],
    ['ExpiredToken', 400],
    ['RequestTimeTooSkewed', 403],
    ['KMS.DisabledException', 400],
  ];
  for (const [name, status] of planned) {
    s3.fail(name);
    await refused(read(client, 'k'), name, status);
  }
  s3.fail('InternalError', 2);
  assert.equal(await read(s3Client(sandbox, { maxAttempts: 3 }), 'k'), 'x');

  faults.add({ service: 's3', verb: 'PutObject', ...s3Error('SlowDown') });
  assert.equal(await read(client, 'k'), 'x');
  await refused(put(client, 'k', 'y'), 'SlowDown', 503);
  assert.equal(s3.bucket.text('k'), 'x');
});

test('refuses what is too large, and what it does not know', async () => {
  await using sandbox = await start();
  const { client, s3 } = sandbox;
  s3.largestObject = 4;
  const { error } = await refused(put(client, 'k', 'hello'), 'EntityTooLarge', 400);
  assert.deepEqual([error.ProposedSize, error.MaxSizeAllowed], ['5', '4']);
  const acl = await refused(put(client, 'k', 'x', { ACL: 'private' }), 'NotImplemented', 501);
  assert.equal(acl.error.Header, 'x-amz-acl');
  await refused(client.send(new GetObjectCommand({ Bucket, Key: 'k', VersionId: '1' })), 'NotImplemented', 501);
  await refused(client.send(new DeleteObjectCommand({ Bucket, Key: 'k' })), 'NotImplemented', 501);
  await refused(put(client, 'k', 'x', { ExpectedBucketOwner: '210987654321' }), 'AccessDenied', 403);
  assert.equal(s3.objects.size, 0);
});

test('faults meet requests with bytes: reset, truncated, stalled, delayed and watched', async () => {
  await using sandbox = await start();
  const { client, s3, faults } = sandbox;
  const body = Buffer.from([...Array(256).keys()]);
  const on = { service: 's3', verb: 'PutObject' } as const;

  faults.add({ ...on, kind: 'reset-before' });
  await assert.rejects(put(client, 'k', body), { code: 'ECONNRESET' });
  assert.equal(s3.objects.size, 0);
  faults.add({ ...on, kind: 'reset-after' });
  await assert.rejects(put(client, 'k', body), { code: 'ECONNRESET' });
  assert.deepEqual(s3.bucket.get('k').body, body);

  const seen: (boolean | Buffer | undefined)[] = [];
  faults.add({
    ...on,
    kind: 'hook',
    match: ({ path }) => path.endsWith('/new'),
    before: () => seen.push(s3.objects.has('new')),
    after: () => seen.push(s3.objects.get('new')?.body),
  });
  faults.add({ ...on, kind: 'slow', delayMs: 1 });
  await put(client, 'other', body);
  await put(client, 'new', body);
  assert.deepEqual(seen, [false, body]);

  faults.add({ service: 's3', verb: 'GetObject', kind: 'truncate' });
  await assert.rejects(read(client, 'k'), { code: 'ECONNRESET' });
  faults.add({ service: 's3', verb: 'HeadObject', kind: 'truncate' });
  await assert.rejects(client.send(new HeadObjectCommand({ Bucket, Key: 'k' })), { code: 'ECONNRESET' });

  faults.add({ service: 's3', verb: 'GetObject', kind: 'stall' });
  const stalled = await client.send(new GetObjectCommand({ Bucket, Key: 'k' }));
  assert.ok(stalled.Body instanceof Readable);
  const [first] = await once(stalled.Body, 'data');
  assert.deepEqual(first, body.subarray(0, 128));
  stalled.Body.destroy();
});

test('a fault that echoes the request does so in the XML from which the SDK takes its message', async () => {
  await using sandbox = await start();
  sandbox.faults.add({ service: 's3', kind: 'echo', status: 403 });
  const { message } = await refusal(put(sandbox.client, 'k', '<marked>'));
  assert.match(message, /^PUT \/gmail-jobs-copy\/k .*AWS4-HMAC-SHA256 Credential=.*<marked>$/);
});

test('a test may damage, cut, move and remove objects', async () => {
  await using sandbox = await start();
  const { client, s3 } = sandbox;
  s3.bucket.put('k', 'abcde', { contentType: 'text/plain' });
  const { etag } = s3.bucket.get('k');
  s3.bucket.damage('k', { keepChecksum: true });
  assert.equal(s3.bucket.get('k').etag, etag);
  await assert.rejects(read(client, 'k'), /Checksum mismatch/);
  s3.bucket.damage('k', { at: 4 });
  assert.equal(await read(client, 'k'), 'abbdd');
  assert.notEqual(s3.bucket.get('k').etag, etag);
  s3.bucket.truncate('k', 2);
  assert.equal(await read(client, 'k'), 'ab');
  s3.bucket.rename('k', 'moved');
  await refused(read(client, 'k'), 'NoSuchKey', 404);
  assert.equal(await read(client, 'moved'), 'ab');
  s3.bucket.delete('moved');
  assert.equal(s3.objects.size, 0);
  assert.throws(() => s3.bucket.delete('moved'), /has no object moved/);
  assert.equal(s3.url('alice'), 's3://gmail-jobs-copy/alice');
});
