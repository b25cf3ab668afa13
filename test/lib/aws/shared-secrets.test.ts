import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { SharedSecrets } from '../../../lib/aws/shared-secrets.ts';
import { readConfig } from '../../../lib/config.ts';
import { ConfigError } from '../../../lib/errors.ts';
import { lendToAws } from '../../fixtures/front-door.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';
import { VirtualClock } from '../../virtual-clock.ts';

const MINUTE_MS = 60_000;
const never = new AbortController().signal;

describe('the secret of a service account that many mailboxes share', () => {
  let sandbox: Sandbox;
  let privateKey: string;
  before(async () => {
    sandbox = await startSandbox({ messages: 0 });
    const key = sandbox.oauth.serviceAccount({ subjects: ['ann@example.com'], scopes: [] });
    privateKey = key.private_key;
    sandbox.secrets.setSecret('workspace', { ...key, WEBHOOK_TOKEN: 'a token of the job', OTHER: 'not of the job' });
    lendToAws(sandbox.env);
  });
  after(() => sandbox.close());

  function open() {
    const { awsRegion: region, awsKeys: keys } = readConfig(sandbox.env);
    const hidden: string[] = [];
    const clock = new VirtualClock();
    const secrets = new SharedSecrets({
      ...{ region, keys, clock, jobSecrets: ['WEBHOOK_TOKEN'], signal: never },
      hide: (secret) => hidden.push(secret),
    });
    const from = sandbox.requests.length;
    return { secrets, clock, hidden, fetches: () => sandbox.requests.length - from };
  }

  it('is fetched once in five minutes, also for many runs at once', async () => {
    const { secrets, clock, fetches } = open();
    const fetch = async (subject: string) => {
      const version = await secrets.fetcherFor('workspace', subject)('AWSCURRENT', never);
      const { credentials } = version ?? {};
      assert.ok(credentials && !(credentials instanceof ConfigError) && credentials.type === 'service_account');
      assert.deepEqual([credentials.subject, version?.mailbox], [subject, subject]);
    };
    await Promise.all(['ann', 'bob', 'cem'].map((name) => fetch(`${name}@example.com`)));
    assert.equal(fetches(), 1);
    await clock.sleep(5 * MINUTE_MS - 1, never);
    await fetch('dora@example.com');
    assert.equal(fetches(), 1);
    await clock.sleep(1, never);
    await fetch('eve@example.com');
    assert.equal(fetches(), 2);
  });

  it('hides the key for the whole process, and holds only the further keys that the job declares', async () => {
    const { secrets, hidden } = open();
    const version = await secrets.fetcherFor('workspace', 'ann@example.com')('AWSCURRENT', never);
    assert.deepEqual([...(version?.furtherKeys ?? [])], [['WEBHOOK_TOKEN', '"a token of the job"']]);
    const [, line = ''] = privateKey.split('\n');
    assert.ok(hidden.some((secret) => secret.includes(line)));
    assert.ok(hidden.includes('a token of the job'));
  });

  it('is fetched again after a failure that passes, and not after a refusal', async () => {
    const { secrets, fetches } = open();
    const fetch = () => secrets.fetcherFor('workspace', 'ann@example.com')('AWSCURRENT', never);
    const stopped = AbortSignal.abort(new Error('stopped'));
    await assert.rejects(secrets.fetcherFor('workspace', 'ann@example.com')('AWSCURRENT', stopped), /stopped/);
    await fetch();
    assert.equal(fetches(), 1, 'the stop of one run leaves the fetch to others');
    const missing = () => secrets.fetcherFor('no-such', 'ann@example.com')('AWSCURRENT', never);
    await assert.rejects(missing(), ConfigError);
    await assert.rejects(missing(), ConfigError);
    assert.equal(fetches(), 2);
  });

  it("refuses a user's credentials", async () => {
    const { secrets } = open();
    sandbox.secrets.setSecret('user', sandbox.secretValue);
    const version = await secrets.fetcherFor('user', 'ann@example.com')('AWSCURRENT', never);
    assert.match(String(version?.credentials), /holds the credentials of a user, but mailboxes\.yaml names it/);
  });
});
