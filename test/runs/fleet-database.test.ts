/** `job fleet` with a database that it cannot use, or that is reached by TLS, and with the environment variables of `pg`. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
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
});
