import assert from 'node:assert/strict';
import test from 'node:test';
import { GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
import { startSandbox } from './index.ts';
import { awsClient, gmailOf } from './real-clients.ts';

test('one sandbox carries a run from the secret to the mailbox, and lists its requests in order of arrival', async () => {
  await using sandbox = await startSandbox({ messages: 60 });

  const secret = await awsClient(sandbox).send(new GetSecretValueCommand({ SecretId: sandbox.env.GMAIL_SECRET_ID }));
  assert.deepEqual(JSON.parse(secret.SecretString ?? ''), sandbox.secretValue);
  const gmail = await gmailOf(sandbox);
  const found = await gmail.users.messages.list({ userId: 'me', q: 'in:inbox', maxResults: 500 });
  const ids = (found.data.messages ?? []).map(({ id }) => id ?? '');
  await gmail.users.messages.batchModify({ userId: 'me', requestBody: { ids, removeLabelIds: ['INBOX'] } });
  await fetch(`${sandbox.monitorUrl}/0`, { method: 'POST', body: 'done' });

  assert.ok(ids.length > 0);
  assert.deepEqual(sandbox.mailbox.search('in:inbox'), []);
  assert.deepEqual(
    sandbox.requests.map(({ service, verb, status, units }) => ({ service, verb, status, units })),
    [
      { service: 'aws', verb: 'GetSecretValue', status: 200, units: undefined },
      { service: 'oauth', verb: 'token', status: 200, units: undefined },
      { service: 'gmail', verb: 'messages.list', status: 200, units: 5 },
      { service: 'gmail', verb: 'messages.batchModify', status: 204, units: 50 },
      { service: 'monitor', verb: 'ping', status: 200, units: undefined },
    ],
  );
  assert.ok(sandbox.requests.every(({ startedAt, finishedAt }) => finishedAt !== undefined && finishedAt >= startedAt));
  assert.equal(sandbox.monitor.pings[0]?.body, 'done');
});

test('names every stand-in in the environment, each at an address of this machine', async () => {
  await using sandbox = await startSandbox({ messages: 1 });
  const urls = Object.entries(sandbox.env).filter(([name]) => name.includes('URL'));
  assert.deepEqual(
    urls.map(([name]) => name),
    [
      'AWS_ENDPOINT_URL_SECRETS_MANAGER',
      'AWS_ENDPOINT_URL_KMS',
      'AWS_ENDPOINT_URL_STS',
      'AWS_ENDPOINT_URL_S3',
      'GMAIL_API_URL',
      'GOOGLE_AUTH_URL',
      'GOOGLE_TOKEN_URL',
      'GOOGLE_REVOKE_URL',
      'GOOGLE_ADMIN_URL',
    ],
  );
  for (const [, url] of urls) assert.equal(new URL(url).hostname, '127.0.0.1');
});

test('holds answers back by the latency that was asked for', async () => {
  await using sandbox = await startSandbox({ messages: 1, latencyMs: () => 40 });
  await fetch(sandbox.monitorUrl);
  const [ping] = sandbox.requests;
  assert.ok(ping?.finishedAt !== undefined && ping.finishedAt - ping.startedAt >= 38);
});

test('closes while a request hangs', async () => {
  const sandbox = await startSandbox({ messages: 1 });
  sandbox.faults.add({ service: 'monitor', kind: 'hang' });
  const ping = fetch(sandbox.monitorUrl);
  const refused = assert.rejects(ping);
  while (sandbox.requests.length === 0) await new Promise(setImmediate);
  await sandbox.close();
  await refused;
});
