/** No secret reaches stdout or stderr, in any encoding, when a service fails or when a job's author is careless. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { runHere } from '../fixtures/front-door.ts';
import { mailboxOf, many } from '../fixtures/mailbox.ts';
import { findSecrets, type Marks } from '../fixtures/searcher.ts';
import { assertEnded, ChildHandle, type Finished, type RunOptions, runJob } from '../run.ts';
import type { FaultKind } from '../sandbox/faults.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';

/** Secrets that look different in every encoding. The AWS key is the sandbox's own. */
const MARKS = {
  refreshToken: '1//0gMark-refresh/token+with=all&kinds%of"signs\'~Zq7Wx3',
  clientSecret: 'GOCSPX-Mark/client+secret=with&some%2Bsigns"5b2cKd9',
  accessToken: 'ya29.a0Mark_access-token/with+other=signs&more%25~"Hj4Tn8',
  awsSessionToken: 'IQoJb3JpZ2luMark//session+token==&with-_signs8vB2',
  monitorToken: 'hc-Mark+ping=key&with"odd\'signs-6yU1',
};

/** The variables that make Node and the libraries log most. */
const NOISY = {
  LOG_LEVEL: 'debug',
  NODE_DEBUG: 'http,https,net,tls,fetch,undici',
  GOOGLE_SDK_NODE_LOGGING: 'all',
  AWS_SDK_LOAD_CONFIG: '1',
  DEBUG: '*',
};

interface MarkedSandbox extends AsyncDisposable {
  readonly sandbox: Sandbox;
  readonly marks: Marks;
  readonly env: Record<string, string>;
}

/** A sandbox with the marked secrets, and the variables of a noisy run on it. */
async function markedSandbox(count = 3): Promise<MarkedSandbox> {
  const { refreshToken, clientSecret, accessToken } = MARKS;
  const mailbox = mailboxOf(many(count, {}));
  const sandbox = await startSandbox({ mailbox, credentials: { refreshToken, clientSecret } });
  sandbox.oauth.newAccessToken = () => accessToken;
  const env = {
    ...NOISY,
    AWS_SESSION_TOKEN: MARKS.awsSessionToken,
    HEARTBEAT_URL: `${new URL(sandbox.monitorUrl).origin}/${MARKS.monitorToken}`,
    REQUEST_TIMEOUT: '1s',
  };
  const marks = { ...MARKS, awsSecretKey: sandbox.env.AWS_SECRET_ACCESS_KEY ?? '' };
  return { sandbox, marks, env, [Symbol.asyncDispose]: sandbox.close };
}

const STAR = { rules: [{ name: 'star-it', query: 'subject:hit', actions: { star: true } }] };

function apply({ sandbox, env }: MarkedSandbox, options: RunOptions = {}, args: string[] = []) {
  return runJob(sandbox, ['apply-rules', ...args], { rules: STAR, ...options, env: { ...env, ...options.env } });
}

/** The same run inside the test's process, where the output of the libraries is not captured. */
function applyHere({ sandbox, env }: MarkedSandbox, more: Readonly<Record<string, string>> = {}) {
  return runHere(sandbox, ['apply-rules'], { rules: STAR, env: { ...env, ...more } });
}

/** Asserts that neither stdout nor stderr of the run holds a secret. */
function assertNoLeak(run: Finished, { marks }: MarkedSandbox, what: string): void {
  const found = [...findSecrets(run.stdout, marks), ...findSecrets(run.stderr, marks)];
  assert.deepEqual(found, [], what);
}

it('finds a secret in every encoding, so that the tests below can fail', () => {
  const secret = MARKS.refreshToken;
  const shown = [
    secret,
    `see ${secret.slice(7, 28)}…`,
    encodeURIComponent(secret),
    encodeURIComponent(secret).toLowerCase(),
    String(new URLSearchParams({ secret })),
    JSON.stringify({ secret }),
    JSON.stringify(JSON.stringify({ secret })),
    JSON.stringify({ secret }).replaceAll('/', '\\/'),
    ...['', 'x', 'xy'].flatMap((before) =>
      (['hex', 'base64', 'base64url'] as const).map((encoding) => Buffer.from(before + secret).toString(encoding)),
    ),
    Buffer.from(secret).toString('hex').toUpperCase(),
  ];
  for (const text of shown) assert.notDeepEqual(findSecrets(`a line ${text} of the log`, MARKS), [], text);
  assert.deepEqual(findSecrets('refreshToken [redacted] AWS_SECRET_ACCESS_KEY', MARKS), []);
});

/** Faults of a service that last and end the run. */
const FAULTS: Record<string, FaultKind> = {
  'an echo with 400': { kind: 'echo', status: 400 },
  'an echo with 403': { kind: 'echo', status: 403 },
  'a redirect': { status: 307, headers: { location: '/elsewhere' } },
  'no answer': { kind: 'hang' },
};

/** Faults of a service's first requests, which are sent again. */
const PASSING_FAULTS: Record<string, readonly FaultKind[]> = {
  'echoes with 429 and 500': [
    { kind: 'echo', status: 429 },
    { kind: 'echo', status: 500 },
  ],
  'an HTML page with 502 and a reset after the effect': [{ kind: 'html', status: 502 }, { kind: 'reset-after' }],
  'an empty answer': [{ status: 200, body: '' }],
  'a truncated answer': [{ kind: 'truncate' }],
  'a malformed answer': [{ kind: 'malformed' }],
};

describe('no secret is shown', { concurrency: 6 }, () => {
  it('by a run without errors', async () => {
    await using marked = await markedSandbox();
    const run = await apply(marked);
    assertEnded(run, 0, { changed: 3 });
    assertNoLeak(run, marked, 'a good run');
    // The marks were really in use.
    const { requests, monitor } = marked.sandbox;
    const sent = (header: string, secret: string) =>
      requests.some(({ headers }) => String(headers[header] ?? '').includes(secret));
    assert.ok(sent('authorization', MARKS.accessToken) && sent('x-amz-security-token', MARKS.awsSessionToken));
    assert.match(decodeURIComponent(monitor.pings[0]?.path ?? ''), /hc-Mark/);
  });

  for (const service of ['aws', 'oauth', 'gmail', 'monitor'] as const) {
    for (const [what, kind] of Object.entries(FAULTS)) {
      // Left out, because it takes five seconds: monitor.test.ts has a monitor that hangs.
      if (service === 'monitor' && what === 'no answer') continue;
      it(`when ${service} gives ${what}`, async () => {
        await using marked = await markedSandbox();
        const { faults } = marked.sandbox;
        const child = new ChildHandle();
        if (what === 'no answer') faults.add({ service, kind: 'hook', before: () => child.kill('SIGTERM') });
        const met = faults.add({ service, times: 2, ...kind });
        const run = await apply(marked, { onStart: child.onStart });
        assertNoLeak(run, marked, what);
        assert.ok(met.hits > 0);
        assertEnded(run, run.code);
        assert.notEqual(run.code, 1);
      });
    }
  }

  for (const [what, kinds] of Object.entries(PASSING_FAULTS)) {
    it(`when each service gives ${what}`, async () => {
      await using marked = await markedSandbox();
      const services = ['aws', 'oauth', 'gmail', 'monitor'] as const;
      const faults = services.flatMap((service) => kinds.map((kind) => ({ service, ...kind })));
      const met = faults.map((fault) => marked.sandbox.faults.add(fault));
      const run = await apply(marked);
      assertNoLeak(run, marked, what);
      assert.deepEqual(
        faults.filter((_, at) => met[at]?.hits !== 1),
        [],
      );
      assertEnded(run, 0, { matched: 3, failed: 0 });
    });
  }

  it('when AWS or Google puts one into a code or among the words of a refusal', async () => {
    const { refreshToken, clientSecret, accessToken } = MARKS;
    const words = `${refreshToken} is not allowed to read ${clientSecret} with an explicit deny in a ${accessToken}`;
    const answers = [
      // The redactor does not know these yet, since the secret was not read.
      [78, 'aws', { __type: refreshToken, Message: words }],
      [77, 'aws', { __type: 'AccessDeniedException', Message: `User: arn:aws:iam::123456789012:${words}` }],
      [77, 'aws', { __type: 'AccessDeniedException', Message: `${words} on resource: arn:${clientSecret}` }],
      [77, 'oauth', { error: accessToken, error_subtype: refreshToken, error_description: words }],
      [77, 'oauth', { error: 'invalid_grant', error_description: words }],
    ] as const;
    const runs = answers.map(async ([code, service, body]) => {
      await using marked = await markedSandbox();
      marked.sandbox.faults.add({ service, status: 400, body, times: 4 });
      const run = await apply(marked);
      assertEnded(run, code, { outcome: 'failed' });
      // NODE_DEBUG's lines on stderr may hold secrets that the redactor does not know yet.
      assert.deepEqual(findSecrets(run.stdout, marked.marks), [], JSON.stringify(body));
    });
    await Promise.all(runs);
  });

  it('when Gmail answers a change with an echo of the request; the other changes follow', async () => {
    await using marked = await markedSandbox(2_500);
    marked.sandbox.faults.add({ verb: 'messages.batchModify', kind: 'echo', status: 400 });
    const run = await apply(marked);
    assertEnded(run, 65, { matched: 2_500, remaining: 0 });
    assertNoLeak(run, marked, 'an echo of a change');
  });

  it('by a value of the secret that is broken, or pasted into the wrong place', async () => {
    const { refreshToken, clientSecret } = MARKS;
    const whole = JSON.stringify({ client_id: 'x', client_secret: clientSecret, refresh_token: refreshToken });
    const values = [
      { refresh_token: whole, email: 'alice@example.com' },
      { refresh_token: whole.slice(0, -1) },
      { installed: { client_id: 'x', client_secret: clientSecret } },
      { [whole]: '', other: { client_secret: clientSecret, refresh_token: `${refreshToken}-2` } },
      whole.replaceAll(/"(\w+)":/g, '$1:'),
      Buffer.from(whole).toString('base64'),
      `${whole}\n${whole}`,
      `${refreshToken}`,
      `client_secret=${clientSecret}\nrefresh_token=${refreshToken}`,
      `{"client_secret": "${clientSecret}", "refresh_token": ${refreshToken}}`,
      JSON.stringify([clientSecret, refreshToken]),
      { client_id: 'x', client_secret: `${clientSecret} ${refreshToken}`, refresh_token: 5, email: refreshToken },
      { type: refreshToken, client_id: 'x', client_secret: clientSecret, refresh_token: refreshToken },
    ];
    const runs = values.map(async (value) => {
      await using marked = await markedSandbox();
      marked.sandbox.secrets.remove();
      marked.sandbox.secrets.setSecret('gmail-jobs/alice', value);
      const run = await (value === values[0] ? apply(marked) : applyHere(marked));
      assertEnded(run, 78, { outcome: 'failed' });
      assertNoLeak(run, marked, JSON.stringify(value));
    });
    await Promise.all(runs);
  });

  it('by wrong variables, which end the run before its first request', async () => {
    await using marked = await markedSandbox();
    const { awsSessionToken: secret, refreshToken, accessToken, clientSecret } = MARKS;
    const wrong: Record<string, string>[] = [
      {
        AWS_REGION: secret,
        RUN_BUDGET: secret,
        GMAIL_API_URL: `http://${secret}@gmail.example`,
        LOG_LEVEL: secret,
      },
      { GMAIL_SECRET_ID: refreshToken, RULES_FILE: accessToken, GMAIL_MAILBOX: clientSecret },
      { GMAIL_SECRET_ID: JSON.stringify({ client_secret: clientSecret, refresh_token: refreshToken }) },
      { AWS_SESSION_TOKEN: `${secret}\n${secret}`, HTTPS_PROXY: `http://alice:${MARKS.monitorToken}@proxy.example` },
      { AWS_SESSION_TOKEN: `"${secret}"` },
      { AWS_SESSION_TOKEN: `${secret}\u200b`, HTTP_PROXY: accessToken },
    ];
    const runs = wrong.map(async (env) => {
      const run = await (env === wrong[0] ? apply(marked, { env }) : applyHere(marked, env));
      assertEnded(run, 78, { outcome: 'failed' });
      assertNoLeak(run, marked, JSON.stringify(env));
    });
    await Promise.all(runs);
    assert.deepEqual(
      marked.sandbox.requests.filter(({ service }) => service !== 'monitor'),
      [],
    );
  });

  it('that was pasted into the command line, or in place of a path', async () => {
    await using marked = await markedSandbox();
    const { refreshToken, accessToken, clientSecret } = MARKS;
    const pasted: [code: number, args: string[], env?: Record<string, string>][] = [
      [2, [refreshToken]],
      [2, ['apply-rules', accessToken]],
      [2, ['apply-rules', `--budget=${refreshToken}`]],
      [2, ['list', clientSecret]],
      [2, ['policy', '--account', accessToken]],
      [2, ['check', '--jobs', `apply-rules,${refreshToken}`]],
      [78, ['authorize', '--client', refreshToken]],
      [78, ['authorize', '--client', `/nonexistent/${clientSecret}`]],
      [2, ['type:authorized_user', `client_secret:${clientSecret}`, `refresh_token:${refreshToken}`]],
      [2, ['apply-rules', `Bearer ${accessToken}`, `<${refreshToken}>`]],
      [2, ['apply-rules', `--${refreshToken}`]],
      [2, ['apply-rules', `https://example.com/?refresh_token=${encodeURIComponent(refreshToken)}`]],
      [2, ['authorize', '--client-id', clientSecret]],
      [2, ['authorize', '--client-id', refreshToken]],
      [2, ['list', `export AWS_SECRET_ACCESS_KEY=${marked.marks.awsSecretKey}`]],
      [2, ['apply-rules', '--rule', `token:${refreshToken}`]],
      [78, ['apply-rules'], { RULES_FILE: accessToken }],
      [78, ['apply-rules'], { RULES_FILE: `client_secret:${clientSecret}` }],
      [78, ['check'], { GMAIL_SECRET_ID: clientSecret }],
    ];
    const runs = pasted.map(async ([code, args, env]) => {
      const run = await runJob(marked.sandbox, args, { env: { ...marked.env, ...env } });
      assert.equal(run.code, code, `${args}: ${run.stdout}${run.stderr}`);
      assertNoLeak(run, marked, String(args));
    });
    await Promise.all(runs);
  });

  it('by a run that falls back to AWSPREVIOUS', async () => {
    await using marked = await markedSandbox();
    const { sandbox } = marked;
    sandbox.secrets.put({ ...sandbox.secretValue, refresh_token: `${MARKS.refreshToken}-dead` });
    const run = await apply(marked);
    assertEnded(run, 0, { changed: 3 });
    assert.match(run.stdout, /secret\.fallback/);
    assertNoLeak(run, marked, 'fallback');
  });
});

describe('a job whose author is careless', { concurrency: 6 }, () => {
  async function runCareless(way: string): Promise<Finished> {
    await using marked = await markedSandbox();
    const run = await runJob(marked.sandbox, ['careless'], {
      jobs: 'fixtures',
      env: { ...marked.env, CARELESS: way },
    });
    const loot = run.events.find(({ event }) => event === 'careless.loot');
    assert.deepEqual(loot?.inherited, [], 'the environment of a job, and of its child processes, holds no credential');
    assert.equal(loot?.count, 3, `the job has got hold of too little to leak: ${run.stdout}${run.stderr}`);
    // Only the parts of a long line that may be secret are searched, to save time.
    const stdout = way === 'long-line' ? run.stdout.replaceAll('plain words ', '') : run.stdout;
    assertNoLeak({ ...run, stdout }, marked, way);
    return run;
  }

  it('does not keep the process alive by a timer that it leaves open', async () => {
    assertEnded(await runCareless('lingers'), 0, { outcome: 'nothing-to-do' });
  });

  for (const way of ['console', 'encodings', 'pieces', 'descriptors', 'warnings']) {
    it(`shows no secret by way of ${way}, and its other output arrives`, async () => {
      const run = await runCareless(way);
      assertEnded(run, 0, { outcome: 'nothing-to-do' });
      assert.match(run.stdout + run.stderr, /\[redacted\]/);
      if (way === 'console') assert.match(run.stderr, /AggregateError: all failed: \[redacted\]/);
      if (way === 'pieces') assert.match(run.stdout, /token=/);
      if (way === 'warnings') assert.match(run.stdout, /"event":"process\.warning","warning":"[^"]*deprecated/);
    });
  }

  it('shows no secret by way of a line that is longer than the pieces that the redactor searches', async () => {
    const run = await runCareless('long-line');
    assertEnded(run, 0, { outcome: 'nothing-to-do' });
    assert.ok(run.stdout.split('[redacted]').length > 200);
  });

  for (const way of ['throw', 'throw-text', 'throw-object', 'reject-unnoticed', 'throw-in-timer', 'throw-in-emitter']) {
    it(`exits 1 with a readable stack, a final line and no secret after ${way}`, async () => {
      const run = await runCareless(way);
      const final = assertEnded(run, 1, { outcome: 'failed', job: 'careless' });
      assert.match(String(final.remedy), /bug/);
      const bug = run.events.find(({ event }) => event === 'run.bug');
      if (way !== 'throw-text' && way !== 'throw-object') {
        assert.match(String(bug?.stack), /all failed: \[redacted\][\s\S]*\n\s+at .*careless\.ts:\d+:\d+/);
      }
      for (const line of run.stdout.split('\n')) assert.ok(line.length < 8_192, 'a line longer than 8 kB');
    });
  }
});

describe('a reader that goes away', { concurrency: 2 }, () => {
  for (const name of ['stdout', 'stderr'] as const) {
    it(`from ${name} neither crashes the run nor stops its changes`, async () => {
      await using sandbox = await startSandbox({ mailbox: mailboxOf(many(1_100, {})) });
      const rules = {
        undo: false,
        rules: ['star', 'archive', 'markUnread'].map((action) => ({
          name: action.toLowerCase(),
          query: 'subject:hit',
          actions: { [action]: true, addLabels: [`did-${action}`] },
        })),
      };
      const run = await runJob(sandbox, ['apply-rules'], {
        rules,
        onStart: (child) => {
          if (name === 'stderr') child.stderr?.destroy();
          else child.stdout?.once('data', () => child.stdout?.destroy());
        },
      });
      assert.deepEqual([run.code, run.stderr], [0, '']);
      const done = ['STARRED', 'UNREAD', 'did-archive', 'did-markUnread', 'did-star'];
      for (const labels of Object.values(sandbox.mailbox.snapshot())) assert.deepEqual(labels, done);
    });
  }

  it('because the disk is full does not stop the run either', { skip: !existsSync('/dev/full') }, async () => {
    await using sandbox = await startSandbox({ mailbox: mailboxOf(many(3, {})) });
    for (const [to, changed] of [
      ['> /dev/full', 3],
      ['2> /dev/full > /dev/full', 0],
    ] as const) {
      const run = await runJob(sandbox, ['apply-rules'], { rules: { undo: false, ...STAR }, shell: `"$0" "$@" ${to}` });
      assert.deepEqual([run.code, run.stdout, run.stderr], [0, '', ''], `${changed} messages`);
    }
    for (const labels of Object.values(sandbox.mailbox.snapshot())) assert.ok(labels.includes('STARRED'));
  });
});
