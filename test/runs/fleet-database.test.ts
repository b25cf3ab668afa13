/** `job fleet` with a database that it cannot use, or that is reached by TLS, and with the environment variables of `pg`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { it, type TestContext } from 'node:test';
import { membersOf, startFleet } from '../fixtures/fleet.ts';
import { createDatabase, describeWithPostgres, type TestDatabase } from '../fixtures/postgres.ts';
import { type RunOptions, runJob } from '../run.ts';

const PASSWORD = 'marked-Pa55word-of-the-database';

describeWithPostgres('a fleet and its database', () => {
  async function start() {
    const { sandbox, file } = await startFleet(membersOf(1));
    const database = await createDatabase();
    const run = async (url: string, words: readonly string[], env: RunOptions['env'] = {}) => {
      const ended = await runJob(sandbox, words, {
        ...{ jobs: 'fixtures', mailboxes: file },
        env: { DATABASE_URL: withPassword(url), LOG_LEVEL: 'debug', ...env },
      });
      const shown = ended.stdout + ended.stderr;
      for (const text of [PASSWORD, PASSWORD.slice(0, 12), PASSWORD.slice(-12)])
        assert.ok(!shown.includes(text), shown);
      assert.ok(!/^ +at /m.test(shown), shown);
      return ended;
    };
    return {
      ...{ sandbox, database, run },
      async [Symbol.asyncDispose]() {
        await sandbox[Symbol.asyncDispose]();
        await database[Symbol.asyncDispose]();
      },
    };
  }

  const withPassword = (url: string) => Object.assign(new URL(url), { password: PASSWORD }).href;

  const WORK = ['fleet', '--every', 'week', 'greeting'];
  const STATUS = ['fleet', '--status'];

  async function makeForeign(database: TestDatabase): Promise<void> {
    await database.query('CREATE SCHEMA gmail_jobs; CREATE TABLE gmail_jobs.job (title text)');
  }

  it('tables of another program, or of another version, are 78', async () => {
    await using fleet = await start();
    const { database, run } = fleet;
    await makeForeign(database);
    for (const words of [WORK, STATUS]) {
      const { code, stdout, stderr } = await run(database.url, words);
      assert.equal(code, 78, stdout + stderr);
      assert.match(
        stdout + stderr,
        /the schema gmail_jobs of the database test_\w+ has other tables than this version/,
      );
    }
  });

  it('a read-only database is 78', async () => {
    await using fleet = await start();
    const { database, run } = fleet;
    await database.query(`ALTER DATABASE ${database.name} SET default_transaction_read_only = on`);
    const { code, final } = await run(database.url, WORK);
    assert.equal(code, 78);
    assert.match(String(final?.error), /^the database test_\w+ at 127\.0\.0\.1 is read-only$/);
  });

  it('environment variables of pg change nothing', async () => {
    await using fleet = await start();
    const { database, run } = fleet;
    const { code, stdout, stderr } = await run(database.url, WORK, {
      ...{ PGHOST: '192.0.2.1', PGPORT: '1', PGUSER: 'nobody', PGPASSWORD: PASSWORD, PGSSLMODE: 'verify-full' },
      ...{ PGOPTIONS: '-c default_transaction_read_only=on', PGREPLICATION: 'database', PGSSLNEGOTIATION: 'direct' },
      NODE_PG_FORCE_NATIVE: '1',
    });
    assert.equal(code, 0, stdout + stderr);
  });

  /** The program uses TLS for this address, since it is no loopback address; the kernel connects it to this machine. */
  const beyondLoopback = (url: string) => Object.assign(new URL(url), { hostname: '0.0.0.0' }).href;

  it('a host beyond this machine is reached by TLS, with a password; its certificate is checked when that is asked', async (t: TestContext) => {
    await using fleet = await start();
    const { sandbox, database, run } = fleet;
    const [{ ssl }] = (await database.query('SHOW ssl')) as [{ ssl: string }];
    if (ssl !== 'on') return t.skip('this PostgreSQL has no TLS: `.ci/postgres.sh` needs OpenSSL');
    const user = 'tls_only';
    await database.query(
      `CREATE USER ${user} PASSWORD '${PASSWORD}'; GRANT CREATE ON DATABASE ${database.name} TO ${user}`,
    );
    let connections: readonly { readonly ssl: boolean }[] = [];
    const before = async () => {
      connections = await database.query(
        `SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE datname = '${database.name}' AND usename = '${user}'`,
      );
    };
    sandbox.faults.add({ kind: 'hook', verb: 'messages.batchModify', before });
    const url = beyondLoopback(database.urlFor(user));
    const worked = await run(url, WORK);
    assert.equal(worked.code, 0, worked.stdout + worked.stderr);
    assert.ok(connections.length > 0 && connections.every((one) => one.ssl));
    for (const checked of [`${url}?sslmode=verify-full`, `${database.urlFor(user)}?sslmode=verify-full`]) {
      const refused = await run(checked, STATUS);
      assert.equal(refused.code, 78, refused.stdout + refused.stderr);
      assert.match(refused.stderr, /the certificate of the database at [0-9.]+ is not accepted/);
    }
    const plain = await run(database.urlFor(user), STATUS);
    assert.equal(plain.code, 78);
    await database.query(`DROP OWNED BY ${user}; DROP USER ${user}`);
  });

  it('a server without TLS is 78, and gets neither user nor password', async () => {
    await using fleet = await start();
    const got: Buffer[] = [];
    await using server = createServer((socket) => {
      socket.on('data', (bytes) => got.push(bytes)).once('data', () => socket.write('N'));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const { code, final } = await fleet.run(`postgres://ann@0.0.0.0:${port}/fleet`, WORK);
    assert.equal(code, 78);
    assert.equal(final?.error, 'the database at 0.0.0.0 does not support TLS');
    // The SSLRequest of PostgreSQL's protocol: a length of 8 bytes, and a code.
    assert.ok(got.length > 0 && got.every((bytes) => bytes.toString('hex') === '0000000804d2162f'));
  });
});
