import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import test from 'node:test';
import { type Sandbox, startSandbox } from './index.ts';

const BODY = 'Action=GetCallerIdentity&Version=2011-06-15';

/** A request to STS, signed by hand (the AWS SDK that is installed has no client for it). */
async function ask(sandbox: Sandbox, keys: { id?: string; secret?: string } = {}, body = BODY) {
  const url = new URL(sandbox.env.AWS_ENDPOINT_URL_STS ?? '');
  const { id = sandbox.env.AWS_ACCESS_KEY_ID, secret = sandbox.env.AWS_SECRET_ACCESS_KEY } = keys;
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const day = date.slice(0, 8);
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  const hmac = (key: string | Buffer, text: string) => createHmac('sha256', key).update(text).digest();
  const headers = { 'content-type': 'application/x-www-form-urlencoded', host: url.host, 'x-amz-date': date };
  const names = Object.keys(headers).join(';');
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}`);
  const canonical = ['POST', '/', '', ...lines, '', names, sha256(body)].join('\n');
  const scope = `${day}/us-east-1/sts/aws4_request`;
  const key = [day, 'us-east-1', 'sts', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${secret}`);
  const signature = hmac(key, ['AWS4-HMAC-SHA256', date, scope, sha256(canonical)].join('\n')).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${id}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  const { host: _, ...sent } = headers;
  const response = await fetch(url, { method: 'POST', headers: { ...sent, authorization }, body });
  return { status: response.status, text: await response.text() };
}

test('names the owner of a key, without any permission', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  sandbox.secrets.allow([]);
  const { status, text } = await ask(sandbox);
  assert.equal(status, 200);
  assert.match(text, /<Arn>arn:aws:iam::123456789012:user\/gmail-jobs<\/Arn>/);
  assert.match(text, /<UserId>AIDA[0-9A-F]{16}<\/UserId><Account>123456789012<\/Account>/);
  assert.equal(sandbox.requests[0]?.service, 'sts');
});

test('tells an unknown key, a wrong secret key and no signature apart', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const unknown = await ask(sandbox, { id: 'AKIAUNKNOWN' });
  assert.equal(unknown.status, 403);
  assert.match(unknown.text, /<Code>InvalidClientTokenId<\/Code><Message>The security token included in the request/);
  const wrong = await ask(sandbox, { secret: 'wrong' });
  assert.equal(wrong.status, 403);
  assert.match(wrong.text, /<Code>SignatureDoesNotMatch<\/Code>/);
  const unsigned = await fetch(sandbox.env.AWS_ENDPOINT_URL_STS ?? '', { method: 'POST', body: BODY });
  assert.equal(unsigned.status, 403);
  assert.match(await unsigned.text(), /<Code>MissingAuthenticationToken<\/Code>/);
});

test('refuses other actions, and answers with planted faults', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const other = await ask(sandbox, {}, 'Action=GetSessionToken&Version=2011-06-15');
  assert.deepEqual([other.status, /<Code>InvalidAction</.test(other.text)], [400, true]);
  sandbox.faults.add({ service: 'sts', verb: 'GetCallerIdentity', kind: 'echo', status: 500 });
  const echoed = await ask(sandbox);
  assert.equal(echoed.status, 500);
  assert.match(echoed.text, /AWS4-HMAC-SHA256 Credential=/);
});
