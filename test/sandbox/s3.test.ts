import assert from 'node:assert/strict';
import test from 'node:test';
import {
  GetObjectCommand,
  HeadBucketCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { type Sandbox, startSandbox } from './index.ts';

const Bucket = 'gmail-jobs-copy';

/** The SDK's client, without retries. */
function s3Client({ env }: Sandbox, changes: { region?: string; secretAccessKey?: string; accessKeyId?: string } = {}) {
  return new S3Client({
    region: changes.region ?? env.AWS_REGION ?? '',
    endpoint: env.AWS_ENDPOINT_URL_S3 ?? '',
    forcePathStyle: true,
    maxAttempts: 1,
    credentials: {
      accessKeyId: changes.accessKeyId ?? env.AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: changes.secretAccessKey ?? env.AWS_SECRET_ACCESS_KEY ?? '',
    },
  });
}

test('keeps an object, and gives it back', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const client = s3Client(sandbox);
  const Key = "a b/ä'(1)*+&=@:~,;$!/../x//y.txt";
  const Body = Buffer.from([0, 255, 128, 10]);
  const put = await client.send(new PutObjectCommand({ Bucket, Key, Body, ContentType: 'message/rfc822' }));
  const got = await client.send(new GetObjectCommand({ Bucket, Key }));
  assert.deepEqual(Buffer.from((await got.Body?.transformToByteArray()) ?? []), Body);
  assert.equal(got.ETag, put.ETag);
  assert.deepEqual([...sandbox.s3.objects.keys()], [Key]);
  await client.send(new HeadBucketCommand({ Bucket }));
  const list = await client.send(new ListObjectsV2Command({ Bucket, Prefix: 'a b/ä' }));
  assert.deepEqual(
    list.Contents?.map(({ Key }) => Key),
    [Key],
  );
});
