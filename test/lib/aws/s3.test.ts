/** Files in S3: AWS's own client against the stand-in. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { S3Store } from '../../../lib/aws/s3.ts';
import type { StoredFile } from '../../../lib/base/file-store.ts';
import {
  ConfigError,
  CredentialError,
  type JobError,
  RefusedError,
  StoppedError,
  UnavailableError,
} from '../../../lib/errors.ts';
import { checkSource, SourceError } from '../../../lib/export/source-file.ts';
import { appPolicy } from '../../../lib/policy/documents.ts';
import { openStore } from '../../../lib/store/open.ts';
import { pack } from '../../fixtures/pack.ts';
import type { PolicyDocument, Statement } from '../../sandbox/iam.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';
import { type S3Bucket, type S3ErrorName, s3Error } from '../../sandbox/s3.ts';

const { signal: never } = new AbortController();
const BUCKET = 'gmail-jobs-copy';
const ARN = `arn:aws:s3:::${BUCKET}`;
const bytes = (text: string) => Buffer.from(text);

describe('the files in S3', () => {
  let sandbox: Sandbox;
  let bucket: S3Bucket;
  let store: S3Store;
  const stores: S3Store[] = [];

  before(async () => {
    sandbox = await startSandbox({ messages: 0 });
    for (const [name, value] of Object.entries(sandbox.env)) if (name.startsWith('AWS_')) process.env[name] = value;
    bucket = sandbox.s3.bucket;
  });
  beforeEach(() => {
    bucket.objects.clear();
    bucket.kmsKey = undefined;
    sandbox.iam.allowEverything();
    sandbox.requests.length = 0;
    store = open();
  });
  afterEach(() => {
    sandbox.faults.clear();
    for (const one of stores.splice(0)) one.close();
  });
  after(() => sandbox.close());

  interface Options {
    readonly bucket?: string;
    readonly prefix?: string;
    readonly region?: string;
    readonly keys?: { accessKeyId: string; secretAccessKey: string; sessionToken?: string };
    readonly silenceMs?: number;
  }

  function open({ keys, ...options }: Options = {}): S3Store {
    const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } = sandbox.env;
    const own = keys ?? { accessKeyId, secretAccessKey };
    const place = { bucket: BUCKET, prefix: 'mail/alice', region: 'us-east-1', ...options };
    const opened = new S3Store({ ...place, keys: own, allowHosts: () => undefined });
    stores.push(opened);
    return opened;
  }

  async function listed(prefix = '', from = store): Promise<StoredFile[]> {
    const files: StoredFile[] = [];
    for await (const file of from.list(prefix, never)) files.push(file);
    return files;
  }

  const verbs = () => sandbox.requests.map(({ verb }) => verb);
  const text = async (path: string) => (await store.read(path, never))?.content.toString();
  const failure = (work: Promise<unknown>): Promise<JobError> =>
    work.then(
      () => assert.fail('it worked'),
      (error: JobError) => error,
    );

  it('creates a file once, below the prefix', async () => {
    assert.equal(store.name, `s3://${BUCKET}/mail/alice`);
    assert.equal(await store.create('messages/1.eml.gz', bytes('one'), never), true);
    assert.equal(await store.create('messages/1.eml.gz', bytes('two'), never), false);
    assert.equal(bucket.text('mail/alice/messages/1.eml.gz'), 'one');
    assert.equal(await open({ prefix: '' }).create('state.json', bytes('x'), never), true);
    assert.deepEqual(bucket.keys(), ['mail/alice/messages/1.eml.gz', 'state.json']);
  });

  it('reads a file whole, as a stream, and its end; null when there is none', async () => {
    const content = randomBytes(300_000);
    await store.create('large', content, never);
    await store.create('empty', bytes(''), never);
    assert.deepEqual((await store.read('large', never))?.content, content);
    assert.deepEqual(Buffer.concat((await (await store.open('large', never))?.toArray()) ?? []), content);
    assert.deepEqual(await store.readEnd('large', 7, never), content.subarray(-7));
    assert.deepEqual(await store.readEnd('large', 1_000_000, never), content);
    assert.deepEqual(await store.readEnd('empty', 7, never), bytes(''));
    assert.equal(await text('empty'), '');
    assert.equal(await store.read('none', never), null);
    assert.equal(await store.open('none', never), null);
    assert.equal(await store.readEnd('none', 7, never), null);
  });

  it('replaces the version that is named alone, also in a bucket whose ETags are no sums', async () => {
    for (const kmsKey of [undefined, sandbox.kms.createKey({ spec: 'SYMMETRIC_DEFAULT' })]) {
      bucket.kmsKey = kmsKey;
      bucket.objects.clear();
      const first = await store.replace('state.json', bytes('1'), null, never);
      assert.equal(await store.replace('state.json', bytes('x'), null, never), null);
      assert.ok(first);
      const second = await store.replace('state.json', bytes('2'), first, never);
      assert.ok(second);
      assert.equal(await store.replace('state.json', bytes('3'), first, never), null);
      assert.equal(await store.replace('none.json', bytes('3'), first, never), null);
      const { content, version } = (await store.read('state.json', never)) ?? {};
      assert.deepEqual([content?.toString(), version], ['2', second]);
    }
  });

  it('lists all pages in the order of the bytes, without folders of the AWS console', async () => {
    sandbox.s3.largestPage = 2;
    try {
      for (const key of ['a-b', 'a/1', 'a.txt', 'z\u{1f600}', 'z\uffee', 'folder/'])
        bucket.put(`mail/alice/${key}`, key);
      bucket.put('mail/alicent/x', 'of another mailbox');
      const all = [
        ...['a-b', 'a.txt', 'a/1'].map((path) => ({ path, bytes: path.length })),
        ...['z\uffee', 'z\u{1f600}'].map((path) => ({ path, bytes: Buffer.byteLength(path) })),
      ];
      assert.deepEqual(await listed(), all);
      assert.deepEqual(await listed('a/'), [{ path: 'a/1', bytes: 3 }]);
      assert.deepEqual(await listed('none'), []);
    } finally {
      sandbox.s3.largestPage = 1_000;
    }
  });

  it('tells whether it can write, and writes nothing', async () => {
    await store.requireWritable(never);
    sandbox.iam.deny(['s3:PutObject']);
    const { exitCode, remedy } = await failure(store.requireWritable(never));
    assert.deepEqual([exitCode, bucket.objects.size], [77, 0]);
    assert.match(remedy, /s3:PutObject on arn:aws:s3:::gmail-jobs-copy\/mail\/alice\/\* for/);
    assert.deepEqual(verbs(), ['PutObject', 'PutObject']);
  });

  it('refuses a server that ignores conditions', async () => {
    const etag = { ETag: '"1"' };
    sandbox.faults.add({ service: 's3', verb: 'PutObject', status: 200, body: '', headers: etag });
    const { exitCode, message } = await failure(store.requireWritable(never));
    assert.equal(exitCode, 78);
    assert.match(message, /ignores the header If-Match/);
  });

  it('repeats a write after a conflict with another one, until it is stopped', async () => {
    sandbox.s3.conflicts = 2;
    assert.equal(await store.create('a', bytes('1'), never), true);
    assert.deepEqual(verbs(), ['PutObject', 'PutObject', 'PutObject']);
    const stop = new AbortController();
    sandbox.s3.conflicts = 100;
    const writing = store.create('b', bytes('1'), stop.signal);
    sandbox.faults.add({
      service: 's3',
      kind: 'hook',
      skip: 1,
      after: () => setImmediate(() => stop.abort(new StoppedError('budget'))),
    });
    await assert.rejects(writing, { reason: 'budget' });
    sandbox.s3.conflicts = 0;
  });

  it('knows its own file after a lost answer', async () => {
    const on = { service: 's3', verb: 'PutObject' } as const;
    sandbox.faults.add({ ...on, kind: 'reset-after' });
    const first = await store.replace('state.json', bytes('1'), null, never);
    assert.equal(first, bucket.get('mail/alice/state.json').etag);
    sandbox.faults.add({ ...on, kind: 'reset-after' });
    const second = await store.replace('state.json', bytes('2'), first, never);
    assert.equal(second, bucket.get('mail/alice/state.json').etag);
    assert.equal(await text('state.json'), '2');
    // It is there, whoever wrote it.
    sandbox.faults.add({ ...on, kind: 'reset-after' });
    assert.equal(await store.create('a', bytes('1'), never), false);
    assert.equal(await text('a'), '1');
  });

  it('repeats requests that break off, are throttled or answered by a server in trouble', async () => {
    await store.create('a', bytes('1'), never);
    for (const kind of ['reset-before', 'reset-after', 'truncate'] as const) {
      sandbox.faults.add({ service: 's3', kind, times: 2 });
      assert.equal(await text('a'), '1', kind);
      sandbox.faults.add({ service: 's3', kind });
      assert.deepEqual(await listed(), [{ path: 'a', bytes: 1 }], kind);
    }
    sandbox.s3.fail('SlowDown');
    sandbox.s3.fail('InternalError');
    assert.equal(await text('a'), '1');
  });

  it('counts refusals whose bodies break off as S3 being away', async () => {
    await store.create('a', bytes('1'), never);
    sandbox.faults.add({ service: 's3', kind: 'truncate', times: 40 });
    assert.ok((await failure(store.create('a', bytes('2'), never))) instanceof UnavailableError);
    assert.ok((await failure(store.read('missing', never))) instanceof UnavailableError);
  });

  it('gives a stream an error, and no early end, when the connection breaks or falls silent in the middle', async () => {
    await store.create('a', randomBytes(200_000), never);
    for (const [kind, from] of [
      ['truncate', store],
      ['stall', open({ silenceMs: 700 })],
    ] as const) {
      sandbox.faults.add({ service: 's3', verb: 'GetObject', kind, times: 4 });
      const stream = await from.open('a', never);
      const error = await failure(stream?.toArray() ?? Promise.reject(new Error('no stream')));
      assert.ok(error instanceof UnavailableError, String(error));
      assert.match(error.message, /s3:\/\/gmail-jobs-copy\/mail\/alice: the connection broke while a was read/, kind);
      sandbox.faults.clear();
    }
  });

  it('ends a request, and a stream, with the reason of the signal', async () => {
    await store.create('a', randomBytes(200_000), never);
    for (const kind of ['hang', 'stall'] as const) {
      const stop = new AbortController();
      sandbox.faults.add({ service: 's3', verb: 'GetObject', kind });
      const reading = store.read('a', stop.signal);
      setTimeout(() => stop.abort(new StoppedError('budget')), 20);
      await assert.rejects(reading, { reason: 'budget' }, kind);
    }
    const stop = new AbortController();
    sandbox.faults.add({ service: 's3', verb: 'GetObject', kind: 'stall' });
    const stream = await store.open('a', stop.signal);
    const reading = stream?.toArray();
    stop.abort(new StoppedError('budget'));
    await assert.rejects(reading ?? Promise.resolve(), { reason: 'budget' });
  });

  it('ends with 75 when S3 falls silent for each attempt', async () => {
    sandbox.faults.add({ service: 's3', kind: 'hang', times: 4 });
    const error = await failure(open({ silenceMs: 50 }).create('a', bytes('1'), never));
    assert.ok(error instanceof UnavailableError, String(error));
    assert.match(error.message, /could not be reached or failed/);
  });

  it('refuses content that lacks its checksum', async () => {
    await store.create('a', randomBytes(200_000), never);
    bucket.damage('mail/alice/a', { keepChecksum: true });
    for (const work of [store.read('a', never), store.open('a', never).then((stream) => stream?.toArray())]) {
      const error = await failure(work);
      assert.ok(error instanceof RefusedError, String(error));
      assert.match(error.message, /the content of a does not have the checksum/);
    }
  });

  it('is a damaged source of a message when the content lacks its checksum', async () => {
    const { gz, ...sums } = await pack(randomBytes(200_000));
    for (const at of [undefined, gz.length - 1]) {
      bucket.put('mail/alice/a.eml.gz', gz);
      await checkSource(store, 'a.eml.gz', sums, never);
      bucket.damage('mail/alice/a.eml.gz', { keepChecksum: true, ...(at !== undefined && { at }) });
      await assert.rejects(checkSource(store, 'a.eml.gz', sums, never), SourceError);
    }
  });

  const errors: ReadonlyArray<readonly [S3ErrorName, new (...args: never[]) => JobError, RegExp, RegExp]> = [
    [
      'NoSuchBucket',
      ConfigError,
      /there is no such bucket/,
      /^Correct the name of the bucket, or create it: .*aws s3 mb s3:\/\/gmail-jobs-copy --region us-east-1/,
    ],
    [
      'AccessDenied',
      CredentialError,
      /access denied/,
      /s3:PutObject on arn:aws:s3:::gmail-jobs-copy\/mail\/alice\/\* for/,
    ],
    ['InvalidAccessKeyId', CredentialError, /does not know the access key/, /AWS_ACCESS_KEY_ID/],
    ['SignatureDoesNotMatch', CredentialError, /signature does not fit/, /AWS_SECRET_ACCESS_KEY/],
    ['ExpiredToken', CredentialError, /session has expired/, /AWS_SESSION_TOKEN/],
    ['InvalidToken', CredentialError, /session has expired/, /AWS_SESSION_TOKEN/],
    ['RequestTimeTooSkewed', CredentialError, /the time of the request/, /clock/],
    ['SlowDown', UnavailableError, /AWS is throttling requests/, /next run/],
    ['InternalError', UnavailableError, /could not be reached or failed \(InternalError\)/, /next run/],
    ['ServiceUnavailable', UnavailableError, /\(ServiceUnavailable\)/, /next run/],
    ['RequestTimeout', UnavailableError, /\(RequestTimeout\)/, /next run/],
    ['IncompleteBody', UnavailableError, /arrived damaged at S3/, /next run/],
    ['BadDigest', UnavailableError, /arrived damaged at S3/, /next run/],
    ['InvalidObjectState', ConfigError, /archive/, /Initiate restore/],
    ['KMS.DisabledException', ConfigError, /the KMS key of the bucket is disabled/, /Enable the key/],
    ['KMS.NotFoundException', ConfigError, /the KMS key of the bucket does not exist/, /another key/],
    ['KMS.KMSInvalidStateException', ConfigError, /present state/, /cancel the deletion/],
    ['KeyTooLongError', RefusedError, /more than 1,024 bytes/, /shorter/],
    ['EntityTooLarge', RefusedError, /too large/, /Leave this file out/],
    ['NotImplemented', ConfigError, /refuses the request \(NotImplemented\)/, /AWS_ENDPOINT_URL_S3/],
    ['InvalidRequest', ConfigError, /refused the request \(InvalidRequest\)/, /the place of the files/],
  ];
  for (const [name, kind, message, remedy] of errors) {
    it(`turns ${name} into a ${kind.name} with a remedy`, async () => {
      sandbox.faults.add({ service: 's3', times: 4, ...s3Error(name) });
      const error = await failure(store.create('a', bytes('x'), never));
      assert.ok(error instanceof kind, `${error}`);
      assert.match(error.message, message);
      assert.match(error.message, /us-east-1.*gmail-jobs-copy/);
      assert.match(error.remedy, remedy);
    });
  }

  it('names the region of a bucket that is elsewhere', async () => {
    sandbox.s3.createBucket('elsewhere', { region: 'eu-central-1' });
    for (const answer of ['PermanentRedirect', 'AuthorizationHeaderMalformed'] as const) {
      sandbox.s3.otherRegion = answer;
      for (const work of [
        (from: S3Store) => from.read('state.json', never),
        (from: S3Store) => from.create('a', bytes('x'), never),
        (from: S3Store) => listed('', from),
      ]) {
        const { exitCode, message, remedy } = await failure(work(open({ bucket: 'elsewhere' })));
        assert.equal(exitCode, 78, answer);
        assert.match(message, /the bucket is in eu-central-1, not in us-east-1/);
        assert.match(remedy, /AWS_REGION=eu-central-1/);
      }
    }
  });

  it('needs the policy of job policy --export, and names the action and its ARN when one of the three is missing', async () => {
    const region = 'us-east-1';
    const place = { partition: 'aws', region, account: '123456789012' };
    const secret = { name: 'gmail-jobs/alice', source: '', place, isArn: false, suffix: undefined };
    const files = { kind: 's3', bucket: BUCKET, prefix: 'mail/{mailbox}' } as const;
    const keys = { encryptionKey: undefined, signingKeys: [] };
    const statements = appPolicy(secret, place, keys, { jobTarget: undefined, files })
      .Statement.flatMap((one) => [one.Action].flat().map((Action) => ({ ...one, Action })))
      .filter(({ Action }) => Action.startsWith('s3:')) as (Statement & { Action: string })[];
    const use = (policy: PolicyDocument) => {
      sandbox.iam.user().policy = policy;
    };
    const work = async () => {
      await store.requireWritable(never);
      assert.equal(await store.read('none', never), null);
      const version = await store.replace('state.json', bytes('1'), null, never);
      assert.ok(await store.replace('state.json', bytes('2'), version, never));
      assert.equal(await store.replace('none', bytes('2'), version, never), null);
      assert.equal(await text('state.json'), '2');
      assert.equal((await listed()).length, 1);
    };
    use({ Statement: statements });
    await work();
    for (const missing of statements) {
      bucket.objects.clear();
      use({ Statement: statements.filter((one) => one !== missing) });
      const error = await failure(work());
      const { Action } = missing;
      assert.ok(error instanceof CredentialError, `${Action}: ${error}`);
      const resource = Action === 's3:ListBucket' ? ARN : `${ARN}/mail/alice/*`;
      assert.ok(
        error.remedy.includes(`Allow the IAM action ${Action} on ${resource} for`),
        `${Action}: ${error.remedy}`,
      );
    }
    assert.equal(statements.length, 3);
  });

  it("names the action on the bucket's KMS key, and the key", async () => {
    const key = sandbox.kms.createKey({ spec: 'SYMMETRIC_DEFAULT' });
    bucket.kmsKey = key;
    await store.create('a', bytes('x'), never);
    sandbox.iam.allow(['s3:*']);
    for (const [work, action, asked] of [
      [() => store.create('b', bytes('x'), never), 'kms:GenerateDataKey', 's3:PutObject'],
      [() => store.read('a', never), 'kms:Decrypt', 's3:GetObject'],
    ] as const) {
      const error = await failure(work());
      assert.ok(error instanceof CredentialError);
      assert.match(error.message, /access to the bucket's KMS key is denied/);
      assert.equal(error.remedy, `Allow ${action} on ${key.arn}, in addition to ${asked}.`);
    }
  });

  it('says that a session token is left over', async () => {
    const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } = sandbox.env;
    const error = await failure(
      open({ keys: { accessKeyId, secretAccessKey, sessionToken: 'left-over' } }).read('a', never),
    );
    assert.ok(error instanceof CredentialError);
    assert.match(error.message, /AWS_SESSION_TOKEN is set, but the key .* is a long-lived one/);
  });

  it('takes no page of another server for a file or for an empty list', async () => {
    const page = {
      service: 's3',
      status: 200,
      body: '<html>Log in</html>',
      headers: { 'content-type': 'text/html' },
    } as const;
    for (const work of [() => store.read('a', never), () => listed(), () => store.create('a', bytes('x'), never)]) {
      sandbox.faults.add({ ...page, times: 8 });
      const error = await failure(work());
      assert.ok(error.exitCode === 75 || error.exitCode === 78, String(error));
      sandbox.faults.clear();
    }
  });

  it('shows no secret that a server repeats in its error', async () => {
    const marked = `marked${randomBytes(20).toString('hex')}`;
    const keys = { accessKeyId: 'AKIAMARKED0123456789', secretAccessKey: marked, sessionToken: `token-${marked}` };
    for (const status of [400, 403, 404, 500]) {
      sandbox.faults.add({ service: 's3', kind: 'echo', status, times: 4 });
      const error = await failure(open({ keys }).create('a', bytes(`content-${marked}`), never));
      assert.doesNotMatch(`${error.stack} ${error.message} ${error.remedy}`, /marked[0-9a-f]|AKIAMARKED/);
      sandbox.faults.clear();
    }
  });

  it('is opened with the hosts of S3 in the region, and refused without a region or keys', async () => {
    const hosts: string[] = [];
    const settings = {
      region: 'eu-west-1',
      keys: undefined,
      missingForAws: [],
      isDyno: true,
      allowHosts: (more: readonly { name: string }[]) => hosts.push(...more.map(({ name }) => name)),
    };
    const place = { kind: 's3', bucket: BUCKET, prefix: 'mail' } as const;
    const opened = await openStore(place, settings);
    opened.close();
    assert.equal(opened.name, 's3://gmail-jobs-copy/mail');
    assert.deepEqual(
      hosts.filter((name) => name.endsWith('amazonaws.com')),
      ['s3', 's3-fips', 's3.dualstack', 's3-fips.dualstack'].map((name) => `${name}.eu-west-1.amazonaws.com`),
    );
    const missing = ['AWS_REGION', 'AWS_ACCESS_KEY_ID'];
    await assert.rejects(openStore(place, { ...settings, missingForAws: missing }), {
      exitCode: 78,
      message: /AWS_REGION, AWS_ACCESS_KEY_ID are not set, but s3:\/\/gmail-jobs-copy\/mail is in AWS/,
    });
  });
});
