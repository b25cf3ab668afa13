/** `job authorize`: from the client's file to a secret that a run works with. */
import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { mailboxOf } from '../fixtures/mailbox.ts';
import { assertEnded, runJob } from '../run.ts';
import { GMAIL_SCOPES, type Sandbox, startSandbox } from '../sandbox/index.ts';
import { asked, assertRefused, authorize, contentsOf, runCommand, stagesOf } from './person.ts';

const RULES = { rules: [{ name: 'star-it', query: 'subject:hit', actions: { star: true } }] };

function open(): Promise<Sandbox> {
  return startSandbox({ mailbox: mailboxOf([{}, {}]) });
}

describe('job authorize', { concurrency: 8 }, () => {
  it('creates the secret from a consent, and the next run works with it', async () => {
    await using sandbox = await open();
    sandbox.secrets.remove();
    const run = await authorize(sandbox, [], { built: true });
    assert.equal(run.code, 0, run.stderr);
    const { AWSCURRENT: stored } = stagesOf(sandbox);
    const { client_id, client_secret } = sandbox.secretValue;
    const refresh_token = sandbox.oauth.codes.issued[0]?.usedFor;
    assert.deepEqual(stored, {
      type: 'authorized_user',
      client_id,
      client_secret,
      refresh_token,
      email: 'alice@example.com',
    });
    const secret = sandbox.secrets.secret();
    assert.match(secret.description ?? '', /alice@example\.com/);
    assert.ok(secret.tags.size > 0);
    assertEnded(await runJob(sandbox, ['apply-rules'], { rules: RULES }), 0, { changed: 2 });
  });

  it('asks for exactly the scopes of the jobs, with PKCE, a state and offline access', async () => {
    await using sandbox = await open();
    await authorize(sandbox, ['--email', 'alice@example.com']);
    const { modify, readonly, insert, labels } = GMAIL_SCOPES;
    const [request] = sandbox.consent.asked;
    assert.deepEqual(new Set(request?.scopes), new Set([modify, readonly, insert, labels]));
    assert.equal(request?.challenge?.method, 'S256');
    assert.match(request?.state ?? '', /^[\w-]{43}$/);
    assert.match(request?.redirectUri ?? '', /^http:\/\/127\.0\.0\.1:\d+\//);
    assert.deepEqual(
      [request?.accessType, request?.prompt, request?.loginHint, request?.includeGrantedScopes],
      ['offline', ['consent'], 'alice@example.com', false],
    );
    await authorize(sandbox, ['--jobs', 'digest']);
    assert.deepEqual(new Set(sandbox.consent.asked[1]?.scopes), new Set([readonly, insert, labels]));
  });

  it('stores a new version in a secret of the same mailbox, and names it', async () => {
    await using sandbox = await open();
    const run = await authorize(sandbox);
    assert.equal(run.code, 0, run.stderr);
    const stages = stagesOf(sandbox);
    assert.deepEqual(stages.AWSPREVIOUS, sandbox.secretValue);
    assert.notEqual(stages.AWSCURRENT?.refresh_token, sandbox.secretValue.refresh_token);
    for (const text of [run.stdout, run.visit?.body ?? '']) {
      for (const fact of ['alice@example.com', 'gmail-jobs/alice', 'us-east-1', 'AWSCURRENT', 'apply-rules, digest'])
        assert.ok(text.includes(fact), `${fact} in ${text}`);
    }
  });

  it('keeps keys that the program does not know, also those that are added while the person agrees', async () => {
    await using sandbox = await open();
    const further = '"WEBHOOK_TOKEN":"made-up-token","ids":{"10":12345678901234567890,"2":1.0}';
    const storedNow = (more: string) =>
      sandbox.secrets.put(`${JSON.stringify(sandbox.secretValue).slice(0, -1)},${more}}`);
    for (const stage of ['AWSPENDING', 'AWSCURRENT']) {
      storedNow('"WEBHOOK_TOKEN":"an older token"');
      sandbox.consent.asked.length = 0;
      const run = await authorize(sandbox, ['--stage', stage], {
        open: async (link) => {
          storedNow(further);
          return await sandbox.consent.visit(link);
        },
      });
      assert.equal(run.code, 0, run.stderr);
      const stored = sandbox.secrets.secret().versions.find(({ stages }) => stages.has(stage));
      assert.ok(String(stored?.value).endsWith(`"email":"alice@example.com",${further}}`), String(stored?.value));
      assert.match(run.stdout, /^ {2}Kept keys +WEBHOOK_TOKEN, ids$/m);
      assert.doesNotMatch(run.stdout, /made-up-token/);
    }
  });

  it('keeps the keys beside broken credentials, and says when the value before is no JSON', async () => {
    await using sandbox = await open();
    sandbox.secrets.put({ client_id: 'x', WEBHOOK_TOKEN: 'made-up-token' });
    const kept = await authorize(sandbox, ['--replace']);
    assert.equal(kept.code, 0, kept.stderr);
    assert.equal(stagesOf(sandbox).AWSCURRENT?.WEBHOOK_TOKEN, 'made-up-token');
    assert.doesNotMatch(kept.stdout, /none of its keys/);

    const broken = sandbox.secrets.put('{"WEBHOOK_TOKEN": "made-up-token",,}');
    const lost = await authorize(sandbox, ['--replace']);
    assert.equal(lost.code, 0, lost.stderr);
    assert.match(
      lost.stdout.replace(/\s+/g, ' '),
      new RegExp(`previous version \\(${broken}\\) is no JSON.*none of its keys`),
    );
    assert.doesNotMatch(lost.stdout, /Kept keys/);
  });

  it('stores beside the current version with --stage AWSPENDING', async () => {
    await using sandbox = await open();
    const run = await authorize(sandbox, ['--stage', 'AWSPENDING']);
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /job rotate/);
    const stages = stagesOf(sandbox);
    assert.deepEqual(stages.AWSCURRENT, sandbox.secretValue);
    assert.equal(stages.AWSPENDING?.email, 'alice@example.com');
  });

  it('does everything but store the credentials with --dry-run', async () => {
    await using sandbox = await open();
    const run = await authorize(sandbox, ['--dry-run']);
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.visit?.body ?? '', /nothing was stored/);
    assert.deepEqual(stagesOf(sandbox), { AWSCURRENT: sandbox.secretValue });
    assert.ok(asked(sandbox).includes('gmail users.getProfile'));
  });

  it('accepts the pasted address of the last page, and does not show it', async () => {
    await using sandbox = await open();
    let pasted = '';
    const run = await authorize(sandbox, ['--no-browser'], {
      open: async (link, type) => {
        pasted = (await sandbox.consent.visit(link, { follow: false })).location ?? '';
        type('not an address\n');
        await delay(100);
        type(`${pasted}\n`);
        return undefined;
      },
    });
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /This is not the address/);
    const code = new URL(pasted).searchParams.get('code') ?? 'none';
    assert.ok(!run.stdout.includes(code));
    assert.notDeepEqual(stagesOf(sandbox).AWSCURRENT, sandbox.secretValue);
  });

  it('asks for the client secret with --client-id, and does not show it', async () => {
    await using sandbox = await open();
    const { client_id, client_secret } = sandbox.secretValue;
    const run = await runCommand(sandbox, ['authorize', '--client-id', client_id], {
      stdin: `${client_secret}\n`,
      built: true,
    });
    assert.equal(run.code, 0, run.stderr);
    assert.match(run.stdout, /Client secret/);
    assert.ok(!run.stdout.includes(client_secret));
  });

  it('says when Google ends the access', async () => {
    await using sandbox = await open();
    sandbox.oauth.refreshTokenLifetimeS = 604_799;
    const run = await authorize(sandbox);
    assert.equal(run.code, 0, run.stderr);
    for (const text of [run.stdout, run.visit?.body]) assert.match(text ?? '', /after 7 days.*Testing.*publish/is);
  });
});

describe('the answer that job authorize waits for', { concurrency: 8 }, () => {
  it('is accepted once, at its own path, by GET and with the right state; the page loads nothing', async () => {
    await using sandbox = await open();
    const statuses: Record<string, number> = {};
    const run = await authorize(sandbox, [], {
      open: async (link) => {
        const location = new URL((await sandbox.consent.visit(link, { follow: false })).location ?? '');
        const request = async (name: string, address: string, method = 'GET') => {
          const response = await fetch(address, { method, headers: { connection: 'close' } });
          statuses[name] = response.status;
        };
        await request('elsewhere', new URL('/', location).href);
        await request('icon', new URL('/favicon.ico', location).href);
        await request('posted', location.href, 'POST');
        const wrong = new URL(location);
        wrong.searchParams.set('state', 'x'.repeat(43));
        await request('wrong state', wrong.href);
        wrong.searchParams.delete('state');
        await request('no state', wrong.href);
        const [visit] = await Promise.all([sandbox.consent.visit(location.href), request('again', location.href)]);
        return visit;
      },
    });
    assert.equal(run.code, 0, run.stderr);
    const { again, ...others } = statuses;
    assert.deepEqual(others, { elsewhere: 404, icon: 404, posted: 405, 'wrong state': 400, 'no state': 400 });
    assert.deepEqual(new Set([again, run.visit?.status]), new Set([200, 410]));
    assert.equal(asked(sandbox, 'oauth').length, 1);
    const headers = run.visit?.headers;
    assert.match(headers?.get('content-security-policy') ?? '', /^default-src 'none'; style-src 'sha256-/);
    assert.equal(headers?.get('cache-control'), 'no-store');
    assert.equal(headers?.get('referrer-policy'), 'no-referrer');
    assert.doesNotMatch(run.visit?.body ?? '', /<script|src=|href=|style=|url\(/);
  });

  it('is not awaited after the timeout: exits 75 and closes the port', async () => {
    await using sandbox = await open();
    const run = await authorize(sandbox, ['--timeout', '1s'], { open: async () => undefined, built: true });
    assertRefused(run, sandbox, 75, /nobody answered within 1s/);
    const back = new URL(run.link ?? '').searchParams.get('redirect_uri') ?? '';
    await assert.rejects(fetch(back), TypeError);
  });

  it('is not awaited after Ctrl-C', async () => {
    await using sandbox = await open();
    let stop = () => undefined as unknown;
    const run = await authorize(sandbox, [], {
      onStart: (child) => {
        stop = () => child.kill('SIGINT');
      },
      open: async () => void stop(),
    });
    assert.equal(run.code, 130, run.stderr);
    assert.match(run.stdout, /\nStopped: nothing was stored\.\n$/);
  });
});

describe('the secrets of job authorize', { concurrency: 4 }, () => {
  /** Replaces the browser: writes its arguments and environment into a file. */
  async function plantBrowser(folder: string): Promise<string> {
    const file = join(folder, 'browser');
    const dump = join(folder, 'browser.txt');
    await writeFile(file, `#!/bin/sh\n{ printf '%s\\n' "$@"; env; } > '${dump}'\n`);
    await chmod(file, 0o755);
    return file;
  }

  it('are not in the output, the files, the page, or the arguments and environment of the browser', async () => {
    const marked = { clientSecret: 'GOCSPX-marked-client-secret-1', refreshToken: '1//0marked-old-refresh-token-2' };
    await using sandbox = await startSandbox({ mailbox: mailboxOf([{}]), credentials: marked });
    sandbox.oauth.newAccessToken = () => 'ya29.marked-access-token-3-xxxxxxxxxx';
    sandbox.oauth.newRefreshToken = () => '1//0marked-new-refresh-token-4-yyyyyyyyyy';
    const cwd = await mkdtemp(join(tmpdir(), 'gmail-jobs-work-'));
    const home = await mkdtemp(join(tmpdir(), 'gmail-jobs-home-'));
    const env = { BROWSER: await plantBrowser(home), HOME: home, LOG_LEVEL: 'debug', NODE_DEBUG: 'http' };
    const run = await authorize(sandbox, [], { cwd, env });
    assert.equal(run.code, 0, run.stderr);
    assert.equal(stagesOf(sandbox).AWSCURRENT?.refresh_token, sandbox.oauth.newRefreshToken());

    const browser = await readFile(join(home, 'browser.txt'), 'utf8');
    assert.equal(browser.split('\n')[0], run.link);
    const names = browser.split('\n').map((line) => line.split('=')[0] ?? '');
    assert.deepEqual(
      names.filter((name) => /^(AWS|GMAIL|GOOGLE|HEARTBEAT)/.test(name)),
      [],
    );

    const [code] = sandbox.oauth.codes.issued;
    const verifier = sandbox.requests.find(({ service }) => service === 'oauth')?.body as Record<string, string>;
    const secrets = {
      ...marked,
      accessToken: 'marked-access-token-3',
      newRefreshToken: 'marked-new-refresh-token-4',
      code: code?.code ?? '?',
      verifier: verifier.code_verifier ?? '?',
      awsSecret: sandbox.env.AWS_SECRET_ACCESS_KEY ?? '?',
    };
    const places = {
      stdout: run.stdout,
      stderr: run.stderr,
      page: run.visit?.body ?? '',
      files: `${await contentsOf(cwd)}${await contentsOf(home)}`,
    };
    for (const [secretName, secret] of Object.entries(secrets)) {
      for (const [place, text] of Object.entries(places)) {
        assert.ok(!text.includes(secret), `${secretName} in ${place}`);
        assert.ok(!text.includes(encodeURIComponent(secret)), `${secretName}, encoded, in ${place}`);
      }
    }
    await Promise.all([cwd, home].map((folder) => rm(folder, { recursive: true })));
  });

  it('are not shown when Google repeats the whole request in an error', async () => {
    await using sandbox = await open();
    sandbox.faults.add({ service: 'oauth', kind: 'echo', status: 400 });
    const run = await authorize(sandbox, [], { built: true });
    assert.equal(run.code, 75);
    const { body } = sandbox.requests.find(({ service }) => service === 'oauth') ?? {};
    const { code, code_verifier, client_secret } = body as Record<string, string>;
    for (const secret of [code, code_verifier, client_secret]) {
      for (const text of [run.stdout, run.stderr, run.visit?.body ?? '']) assert.ok(!text.includes(secret ?? '?'));
    }
  });

  it('a browser that does not start is no error', async () => {
    await using sandbox = await open();
    for (const browser of ['/nowhere/browser', 'false']) {
      const run = await authorize(sandbox, [], { env: { BROWSER: browser } });
      assert.equal(run.code, 0, run.stderr);
      assert.match(run.stdout, /Open the link in a browser/);
    }
  });
});
