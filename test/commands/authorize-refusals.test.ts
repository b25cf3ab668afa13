/** `job authorize` refuses: it stores nothing, and tells the person why in the terminal and in the browser. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { mailboxOf } from '../fixtures/mailbox.ts';
import { GMAIL_SCOPES, type Sandbox, startSandbox } from '../sandbox/index.ts';
import {
  asked,
  assertRefused,
  authorize,
  type CommandRun,
  type Person,
  runCommand,
  stagesOf,
  writeClientFile,
} from './person.ts';

function open(): Promise<Sandbox> {
  return startSandbox({ mailbox: mailboxOf([{}]) });
}

describe('job authorize refuses, stores nothing and tells the reason in the browser too', { concurrency: 8 }, () => {
  const told = (run: CommandRun, words: RegExp) => {
    assert.equal(run.visit?.status, 200);
    assert.match(run.visit?.body ?? '', /Nothing was stored/);
    assert.match(run.visit?.body ?? '', words);
  };

  it('an environment without variables, and names the missing client at the same time', async () => {
    await using sandbox = await open();
    const none = { GMAIL_SECRET_ID: undefined, AWS_REGION: undefined };
    const run = await runCommand(sandbox, ['authorize'], { env: none });
    assert.equal(run.code, 78);
    assert.match(run.stderr, /GMAIL_SECRET_ID.* not set; and the OAuth client is not named\n.*Write --client <file>/);
    const named = await runCommand(sandbox, ['authorize', '--client', 'x.json'], { env: none });
    assert.doesNotMatch(named.stderr, /client/);
  });

  it('a denied consent', async () => {
    await using sandbox = await open();
    sandbox.consent.behave({ decision: 'deny' });
    const run = await authorize(sandbox, [], { built: true });
    assertRefused(run, sandbox, 77, /access was denied/);
    told(run, /denied/);
  });

  it('an answer with another state', async () => {
    await using sandbox = await open();
    sandbox.consent.behave({ wrongState: true });
    const run = await authorize(sandbox, ['--timeout', '1s']);
    assertRefused(run, sandbox, 77, /has another state/);
    assert.equal(run.visit?.status, 400);
    assert.match(run.visit?.body ?? '', /belongs to another link/);
    assert.deepEqual(asked(sandbox, 'oauth'), []);
  });

  it('a pasted answer with another state', async () => {
    await using sandbox = await open();
    sandbox.consent.behave({ wrongState: true });
    const run = await authorize(sandbox, ['--no-browser', '--timeout', '2s'], {
      open: async (link, type) => {
        type(`${(await sandbox.consent.visit(link, { follow: false })).location}\n`);
        return undefined;
      },
    });
    assert.match(run.stdout, /Not used: the answer has another state/);
    assertRefused(run, sandbox, 75, /nobody answered/);
  });

  it('a code that was used before', async () => {
    await using sandbox = await open();
    const spent = sandbox.oauth.codes;
    const run = await authorize(sandbox, [], {
      open: async (link) => {
        const location = (await sandbox.consent.visit(link, { follow: false })).location ?? '';
        const code = spent.issued.at(-1);
        if (code !== undefined) code.usedFor = 'somebody';
        return sandbox.consent.visit(location);
      },
    });
    assertRefused(run, sandbox, 77, /used before/);
    told(run, /used before/);
  });

  it('a box left empty: names the box, the jobs that would not run, and the jobs that would', async () => {
    await using sandbox = await open();
    sandbox.consent.behave({ untick: [GMAIL_SCOPES.modify] });
    const run = await authorize(sandbox);
    assertRefused(run, sandbox, 77, /gmail\.modify.*apply-rules, undo would not run.*\n.*--jobs digest/);
    told(run, /gmail\.modify/);
  });

  it('an answer without a refresh token', async () => {
    await using sandbox = await open();
    sandbox.faults.add({
      service: 'oauth',
      status: 200,
      body: { access_token: 'ya29.made-up-for-this-test', expires_in: 3599, token_type: 'Bearer' },
    });
    const run = await authorize(sandbox);
    assertRefused(run, sandbox, 77, /no refresh token/);
    told(run, /no refresh token/);
  });

  it('another mailbox than --email', async () => {
    await using sandbox = await open();
    sandbox.secrets.remove();
    sandbox.consent.behave({ email: 'bob@example.com' });
    const run = await authorize(sandbox, ['--email', 'alice@example.com']);
    assert.equal(run.code, 77);
    assert.match(run.stderr, /bob@example\.com.*must be alice@example\.com/);
    told(run, /bob@example\.com/);
  });

  it('another mailbox than the mailbox of the secret, unless --replace is given', async () => {
    await using sandbox = await open();
    sandbox.consent.behave({ email: 'bob@example.com' });
    const run = await authorize(sandbox);
    assertRefused(run, sandbox, 77, /for the mailbox alice@example\.com, and not for bob@example\.com\n.*--replace/);
    told(run, /--replace/);
    const replaced = await authorize(sandbox, ['--replace']);
    assert.equal(replaced.code, 0, replaced.stderr);
    assert.equal(stagesOf(sandbox).AWSCURRENT?.email, 'bob@example.com');
  });

  it('an --email that is not the mailbox of the secret, before it asks for consent', async () => {
    await using sandbox = await open();
    const run = await authorize(sandbox, ['--email', 'bob@example.com']);
    assertRefused(run, sandbox, 77, /--replace/);
    assert.equal(run.link, undefined);
  });

  it('another mailbox than GMAIL_MAILBOX, whose account the consent page selects', async () => {
    await using sandbox = await open();
    const env = { GMAIL_MAILBOX: 'alice@example.com' };
    sandbox.consent.behave({ email: 'bob@example.com' });
    const run = await authorize(sandbox, ['--replace'], { env });
    assertRefused(run, sandbox, 77, /bob@example\.com.*must be alice@example\.com/);
    assert.equal(sandbox.consent.asked[0]?.loginHint, 'alice@example.com');
    const contrary = await authorize(sandbox, ['--email', 'bob@example.com'], { env });
    assertRefused(contrary, sandbox, 2, /--email is bob@example\.com, but GMAIL_MAILBOX is alice@example\.com/);
    const forbidden = await authorize(sandbox, [], { env: { GMAIL_MAILBOX: 'bob@example.com' } });
    assertRefused(forbidden, sandbox, 77, /for the mailbox alice@example\.com, and not for bob@.*\n.*--replace/);
    assert.deepEqual([contrary.link, forbidden.link], [undefined, undefined]);
  });

  it('to store without permission: names the IAM action', async () => {
    for (const [action, prepare] of [
      ['PutSecretValue', () => undefined],
      ['CreateSecret', (sandbox: Sandbox) => sandbox.secrets.remove()],
      ['TagResource', (sandbox: Sandbox) => sandbox.secrets.remove()],
    ] as const) {
      await using sandbox = await open();
      prepare(sandbox);
      sandbox.iam.deny([action]);
      const run = await authorize(sandbox);
      assert.equal(run.code, 77, run.stdout);
      assert.match(run.stderr, new RegExp(`access denied; AWS says: .*\\n.*IAM action secretsmanager:${action} on `));
      told(run, new RegExp(action));
    }
  });

  it('an exchange whose answer was lost: it is not repeated, since a code can be used only once', async () => {
    await using sandbox = await open();
    const fault = sandbox.faults.add({ service: 'oauth', kind: 'reset-after', times: 9 });
    const run = await authorize(sandbox);
    assertRefused(run, sandbox, 75, /connection failed.*\n.*agree once more/);
    assert.equal(fault.hits, 1);
  });
});

describe('job authorize refuses before it asks for consent', { concurrency: 8 }, () => {
  const refuses = async (sandbox: Sandbox, args: readonly string[], code: number, words: RegExp, person?: Person) => {
    const run = await runCommand(sandbox, ['authorize', ...args], person);
    assertRefused(run, sandbox, code, words);
    assert.equal(run.link, undefined, 'no link is printed');
  };

  it("files that are no Desktop client's", async () => {
    await using sandbox = await open();
    await using web = await writeClientFile(sandbox.secretValue, 'web');
    await refuses(sandbox, ['--client', web.file], 78, /Web application.*\n.*Desktop/);
    const key = sandbox.oauth.serviceAccount({ subjects: [], scopes: [] });
    await writeFile(web.file, JSON.stringify(key));
    await refuses(sandbox, ['--client', web.file], 78, /service account, which needs no consent/);
    await writeFile(web.file, JSON.stringify(sandbox.secretValue));
    await refuses(sandbox, ['--client', web.file], 78, /credentials of a user/);
    await writeFile(web.file, '{');
    await refuses(sandbox, ['--client', web.file], 78, /not JSON/);
    await refuses(sandbox, ['--client', join(web.folder, 'none.json')], 78, /does not exist/);
    await refuses(sandbox, ['--client', web.folder], 78, /is a folder/);
  });

  it('a command line with contradictions', async () => {
    await using sandbox = await open();
    await refuses(sandbox, [], 2, /client is not known/, { built: true });
    await refuses(sandbox, ['--client', 'a', '--client-id', 'b'], 2, /both name a client/);
    await refuses(sandbox, ['--client-id', 'b'], 78, /no client secret/, { stdin: '' });
    await refuses(sandbox, ['--client', 'a', '--jobs', 'dijest'], 2, /no job "dijest" \(did you mean "digest"\?\)/);
    await refuses(sandbox, ['--client', 'a', '--port', '70000'], 2, /no port/);
    await refuses(sandbox, ['--client', 'a', '--email', 'alice'], 2, /no mail address/);
    await refuses(sandbox, ['--client', 'a', '--stage', 'AWSPREVIOUS'], 2, /AWSPREVIOUS/);
  });

  it('a port that another program uses', async () => {
    await using sandbox = await open();
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const run = await authorize(sandbox, ['--port', String(port)]);
    server.close();
    assertRefused(run, sandbox, 78, /port \d+ of 127\.0\.0\.1 is used/);
  });

  it('a secret that is the key of a service account, even with --replace', async () => {
    await using sandbox = await open();
    const key = { type: 'service_account', client_email: 'x@p.iam.gserviceaccount.com', private_key: 'none' };
    const pem = sandbox.oauth.serviceAccount({ subjects: [], scopes: [] });
    sandbox.secrets.put({ ...key, ...pem, subject: 'alice@example.com' });
    const run = await authorize(sandbox, ['--replace']);
    assert.equal(run.code, 78, run.stderr);
    assert.match(run.stderr, /service account.*needs no consent.*\n.*job check/);
    assert.equal(run.link, undefined);
  });

  it('a value that names no mailbox and does not work, unless --replace is given', async () => {
    await using sandbox = await open();
    sandbox.secrets.put('hunter2 is the password of the database');
    const run = await authorize(sandbox);
    assert.equal(run.code, 77, run.stderr);
    assert.match(run.stderr, /names no mailbox and does not work.*\n.*--replace/);
    assert.equal(run.link, undefined);
    assert.equal((await authorize(sandbox, ['--replace'])).code, 0);
  });

  it('nothing, when the secret names no mailbox but its token opens one', async () => {
    await using sandbox = await open();
    const { email: _, ...value } = sandbox.secretValue;
    sandbox.secrets.put(value);
    sandbox.consent.behave({ email: 'bob@example.com' });
    const run = await authorize(sandbox);
    assert.equal(run.code, 77);
    assert.match(run.stderr, /for the mailbox alice@example\.com/);
  });

  it('AWSPENDING when the secret has no current version', async () => {
    await using sandbox = await open();
    sandbox.secrets.remove();
    const run = await authorize(sandbox, ['--stage', 'AWSPENDING']);
    assert.equal(run.code, 78);
    assert.match(run.stderr, /no current version/);
  });
});
