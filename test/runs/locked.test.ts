/** The locks of the process: files, child processes, the inspector and undeclared hosts are refused, with a reason. */
import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { disarm } from '../../lib/aws/environment-secrets.ts';
import { apply, sandboxOf, told } from '../fixtures/starring.ts';
import { assertEnded, type Finished, type LogEvent, runJob } from '../run.ts';
import type { Sandbox } from '../sandbox/index.ts';

/** A folder outside the app, a host that the job declares, and two that it does not. */
interface Surroundings extends AsyncDisposable {
  readonly outside: string;
  readonly ports: { readonly declared: number; readonly undeclared: number; readonly udp: number };
  /** A note for each connection and datagram that reached an undeclared host. */
  readonly arrived: string[];
}

async function startSurroundings(): Promise<Surroundings> {
  const arrived: string[] = [];
  const outside = await mkdtemp(join(tmpdir(), 'gmail-jobs-outside-'));
  for (const name of ['kept', 'code.mjs', 'code.cjs', 'addon.node']) await writeFile(join(outside, name), '');
  const undeclared = createServer((socket) => {
    arrived.push('a connection');
    socket.destroy();
  });
  const udp = createSocket('udp4', () => arrived.push('a datagram'));
  const declared = createHttpServer((request, response) => {
    const location = { '/redirect': `http://127.0.0.1:${portOf(undeclared)}/`, '/around': '/' }[request.url ?? ''];
    if (location !== undefined) response.setHeader('location', location);
    response.writeHead(location === undefined ? 200 : 302, { connection: 'close' }).end('ok');
  });
  // Both addresses of localhost, so that a connection arrives by whichever Node tries.
  await Promise.all([listening(undeclared, '::'), listening(declared, '127.0.0.1')]);
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  return {
    outside,
    arrived,
    ports: { declared: portOf(declared), undeclared: portOf(undeclared), udp: udp.address().port },
    async [Symbol.asyncDispose]() {
      declared.closeAllConnections();
      for (const server of [declared, undeclared, udp]) server.close();
      await rm(outside, { recursive: true, force: true });
    },
  };
}

async function listening(server: Server, host: string): Promise<void> {
  server.listen(0, host);
  await once(server, 'listening');
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

/** The reason for each refusal, by its kind. */
const REASONS: Record<string, RegExp> = {
  writing: /--allow-fs-(write|read)|has been restricted/,
  starting: /--allow-(child-process|worker)|addons is disabled/,
  reading: /--allow-fs-read/,
  inspecting: /--allow-(inspector|fs-write)|has been restricted|no inspector|no keys/,
  connecting: /was not declared, so it was not (reached|listened on) \(\w+.*\) → .*job/,
};

describe('a job that does what no job may', () => {
  let sandbox: Sandbox;
  let around: Surroundings;
  let run: Finished;
  let tried: readonly LogEvent[];

  before(async () => {
    [sandbox, around] = await Promise.all([sandboxOf(1), startSurroundings()]);
    run = await tryAll();
    tried = run.events.filter(({ event }) => event === 'overreach.tried');
  });
  after(async () => {
    await Promise.all([sandbox, around].map((one) => one[Symbol.asyncDispose]()));
  });

  function tryAll(only?: string): Promise<Finished> {
    const { outside, ports } = around;
    const env = { OVERREACH: JSON.stringify({ outside, ...ports, only }), HEARTBEAT_URL: sandbox.monitorUrl };
    return runJob(sandbox, ['overreach'], { jobs: 'fixtures', env });
  }

  const ways = (kind: string) => tried.filter((one) => one.kind === kind);

  for (const [kind, count] of Object.entries({ writing: 11, starting: 4, reading: 8, inspecting: 8, connecting: 12 })) {
    it(`fails, and learns the reason: ${kind}`, () => {
      const reason = ({ way, outcome }: LogEvent) => `${way}: ${outcome}`;
      const expected = (way: unknown) => (way === 'sqlite' ? /No such built-in module: node:sqlite/ : REASONS[kind]);
      const wrong = ways(kind).filter((one) => expected(one.way)?.test(String(one.outcome)) !== true);
      assert.deepEqual(wrong.map(reason), []);
      assert.equal(ways(kind).length, count, `${run.stdout}${run.stderr}`);
    });
  }

  it('leaves no trace: no file, no connection, no datagram', async () => {
    const { outside, arrived } = around;
    assert.deepEqual(arrived, []);
    assert.deepEqual((await readdir(outside)).sort(), ['addon.node', 'code.cjs', 'code.mjs', 'kept']);
    assert.equal(await readFile(join(outside, 'kept'), 'utf8'), '');
    assert.ok(((await stat(join(outside, 'kept'))).mode & 0o002) === 0);
  });

  it('reaches what it declares, and reads the files of the app', () => {
    assert.deepEqual(
      ways('allowed').map(({ way, outcome }) => [way, outcome]),
      ways('allowed').map(({ way }) => [way, null]),
    );
    assert.ok(ways('allowed').length > 0);
  });

  it('is reported once for each host, port and protocol, without the URL, before the final line', () => {
    assertEnded(run, 0, { outcome: 'nothing-to-do' });
    assert.equal(run.stderr, '');
    const refused = run.events.filter(({ event }) => event === 'egress.refused');
    const { undeclared, udp } = around.ports;
    const places = refused.map(({ host, port, how }) => `${host} ${port ?? ''} ${how}`);
    assert.equal(new Set(places).size, places.length, places.join('\n'));
    for (const place of [
      `127.0.0.1 ${undeclared} tcp`,
      `127.0.0.1 ${undeclared} tls`,
      `127.0.0.1 ${udp} udp`,
      'elsewhere.example 443 tls',
      'elsewhere.example  dns',
      '127.0.0.1 0 listen',
    ]) {
      assert.ok(places.includes(place), `${place} in\n${places.join('\n')}`);
    }
    for (const event of refused) {
      assert.equal(event.level, 'error');
      assert.match(String(event.remedy), /job/);
      assert.doesNotMatch(JSON.stringify(event), /path\?|secret/);
    }
  });

  it('ends with 78 and a remedy when it does not catch the refusal', async () => {
    const final = assertEnded(await tryAll('fetch of a name'), 78, { outcome: 'failed' });
    assert.match(told(final), /elsewhere\.example:443 was not declared.*hosts: \['name'\]/);
  });

  it('exits 78 when the environment names a proxy, and connects to none', async () => {
    const proxy = `http://127.0.0.1:${around.ports.undeclared}`;
    const env = { NODE_USE_ENV_PROXY: '1', HTTP_PROXY: proxy, HTTPS_PROXY: proxy, http_proxy: proxy };
    const final = assertEnded(await apply(sandbox, { env }), 78, { outcome: 'failed' });
    assert.match(told(final), /HTTPS_PROXY is set, but/);
    assert.deepEqual(around.arrived, []);
  });
});

it('removes the token of a container from the environment, and still sends it to the source of AWS keys', async () => {
  await using sandbox = await sandboxOf(1);
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY } = sandbox.env;
  const shown: unknown[] = [];
  const source = createHttpServer(({ headers }, response) => {
    shown.push(headers.authorization);
    const keys = { AccessKeyId: AWS_ACCESS_KEY_ID, SecretAccessKey: AWS_SECRET_ACCESS_KEY, Token: 'session' };
    const Expiration = new Date(Date.now() + 3_600_000).toISOString();
    response.setHeader('connection', 'close').end(JSON.stringify({ ...keys, Expiration }));
  });
  await listening(source, '127.0.0.1');
  const env = {
    AWS_ACCESS_KEY_ID: undefined,
    AWS_SECRET_ACCESS_KEY: undefined,
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `http://127.0.0.1:${portOf(source)}/keys`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: 'Bearer of-the-container',
  };
  const run = await apply(sandbox, { env });
  source.close();
  assertEnded(run, 0, { changed: 1 });
  assert.deepEqual(shown, ['Bearer of-the-container']);
  const inherited = { ...env } as NodeJS.ProcessEnv;
  disarm(inherited);
  assert.equal(inherited.AWS_CONTAINER_AUTHORIZATION_TOKEN, undefined);
});

describe('the environment', { concurrency: 2 }, () => {
  it('is refused with 78, before any request, when it unlocks the process', async () => {
    await using sandbox = await sandboxOf(1);
    const env = { NODE_OPTIONS: '--allow-child-process --max-old-space-size=400', NODE_TLS_REJECT_UNAUTHORIZED: '0' };
    const run = await apply(sandbox, { env });
    assert.deepEqual([run.code, run.stdout], [78, '']);
    assert.match(
      run.stderr,
      /^job: .*NODE_TLS_REJECT_UNAUTHORIZED turns off.*NODE_OPTIONS holds --allow-child-process,/m,
    );
    assert.match(run.stderr, /Run `unset NODE_TLS_REJECT_UNAUTHORIZED NODE_OPTIONS`/);
    assert.deepEqual(sandbox.requests, []);
  });

  it('may size the heap, and a dyno without the locks is warned of', async () => {
    await using sandbox = await sandboxOf(1);
    const env = { NODE_OPTIONS: '--max-old-space-size=400', DYNO: 'run.1' };
    const run = await apply(sandbox, { unlocked: true, env });
    assertEnded(run, 0, { changed: 1 });
    assert.ok(run.events.some(({ event }) => event === 'process.unlocked'));
  });

  it('may name a debugger and other certificates on a laptop', async () => {
    await using sandbox = await sandboxOf(1);
    const env = { NODE_OPTIONS: '--use-openssl-ca --import=data:text/javascript,0 --inspect=127.0.0.1:0' };
    assertEnded(await apply(sandbox, { unlocked: true, env }), 0, { changed: 1 });
  });

  it('that names a rules file outside the app ends the run with 78 and the flag that allows it', async () => {
    const run = await runJob(null, ['apply-rules'], {
      env: {
        RULES_FILE: '/etc/hostname',
        GMAIL_SECRET_ID: 'x',
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'AKIA0000000000000000',
        AWS_SECRET_ACCESS_KEY: 'x'.repeat(40),
      },
    });
    assert.match(told(assertEnded(run, 78)), /\/etc\/hostname is outside the app's folder.*--allow-fs-read=/);
  });

  it('that removes a function of Node which a guard replaces ends the program with 78 and names the function', async () => {
    for (const [code, name] of [
      ["import net from 'node:net'; delete net.Socket.prototype.connect", 'net.Socket.prototype.connect'],
      ["import fs from 'node:fs'; process.stdout; process.stderr; delete fs.writeSync", 'fs.writeSync'],
    ]) {
      const env = { NODE_OPTIONS: `"--import=data:text/javascript,${encodeURIComponent(code ?? '')}"` };
      const run = await runJob(null, ['list'], { unlocked: true, env });
      assert.deepEqual([run.code, run.stdout], [78, ''], run.stderr);
      assert.ok(run.stderr.startsWith(`job: Node ${process.version} has no function ${name}, so`), run.stderr);
    }
  });
});
