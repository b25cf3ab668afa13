/** The address in DATABASE_URL, and the errors of a database: no server is needed. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { ConfigError, UnavailableError } from '../../../../lib/errors.ts';
import { explainDatabaseError, readDatabaseUrl } from '../../../../lib/run/fleet/database.ts';

describe('DATABASE_URL', () => {
  it('uses TLS without a check of the certificate as Heroku needs it, and with one for sslmode=verify-full', () => {
    const base = 'postgres://ann:s%2Fcret-word@db.example.com/fleet';
    for (const query of ['', '?sslmode=require', '?sslmode=disable'])
      assert.deepEqual(readDatabaseUrl(base + query).ssl, { rejectUnauthorized: false }, query);
    for (const query of ['sslmode=verify-full', 'sslmode=verify-ca', 'sslmode=require&sslmode=verify-full'])
      assert.deepEqual(readDatabaseUrl(`${base}?${query}`).ssl, { rejectUnauthorized: true }, query);
    assert.deepEqual(readDatabaseUrl(base), {
      ...{ host: 'db.example.com', port: 5432, user: 'ann', password: 's/cret-word', database: 'fleet' },
      ssl: { rejectUnauthorized: false },
    });
  });

  it('uses no TLS on a loopback address, unless the certificate is to be checked', () => {
    for (const host of ['localhost', 'LOCALHOST', 'localhost.', '127.0.0.1', '[::1]'])
      assert.equal(readDatabaseUrl(`postgresql://ann:word@${host}:5433/fleet`).ssl, false, host);
    const { ssl } = readDatabaseUrl('postgres://ann:word@localhost/fleet?sslmode=verify-full');
    assert.deepEqual(ssl, { rejectUnauthorized: true });
  });

  it('names the host as the egress guard compares it', () => {
    for (const [written, host] of [
      ['DB.Example.com.', 'db.example.com'],
      ['my_db', 'my_db'],
      ['[::1]', '::1'],
      ['[2001:DB8:0::1]', '2001:db8::1'],
    ])
      assert.equal(readDatabaseUrl(`postgres://ann:word@${written}/fleet`).host, host);
  });

  it('refuses what is no address of one host, with the cause', () => {
    for (const [address, message] of [
      ['a.example.com,b.example.com/fleet', /one host/],
      ['%2Fvar%2Frun%2Fpostgresql/fleet', /one host/],
      ['*.example.com/fleet', /one host/],
      ['dätabase.example.com/fleet', /one host/],
      ['db.example.com:0/fleet', /port 0/],
      ['db.example.com/fl%00eet', /control character/],
      ['db.example.com/fleet?sslmode=verify_full', /unknown sslmode/],
      ['db.example.com/fleet?sslmode=VERIFY-FULL', /unknown sslmode/],
    ] as const)
      assert.throws(() => readDatabaseUrl(`postgres://ann:s3cret-password@${address}`), {
        name: 'ConfigError',
        message,
      });
  });

  it('says that the address begins otherwise, or that the password has a character to be escaped', () => {
    for (const [address, message] of [
      ['mysql://ann:s3cret@db.example.com/fleet', /does not begin with postgres:/],
      ['localhost:5432', /does not begin with postgres:/],
      ['postgres://ann:s3#cret@db.example.com/fleet', /a # or \? before the @/],
      ['postgres://ann:s3?cret@db.example.com/fleet', /a # or \? before the @/],
      ['postgres:///fleet', /has no host/],
    ] as const)
      assert.throws(() => readDatabaseUrl(address), { name: 'ConfigError', message }, address);
    assert.equal(readDatabaseUrl('postgres://ann:word@db.example.com/fleet?application_name=a@b').database, 'fleet');
  });

  it('quotes nothing of an address that is wrong', () => {
    for (const text of [
      'postgres://ann:s3cret-password@db.example.com:99999/fleet',
      'postgres://ann:s3cret-password@/fleet',
      'mysql://ann:s3cret-password@db.example.com/fleet',
      'postgres://ann:s3cret-password@db.example.com/%zz',
      'postgres://ann:s3cret-password@db.example.com',
    ]) {
      assert.throws(
        () => readDatabaseUrl(text),
        (error: unknown) => error instanceof ConfigError && !inspect(error).includes('s3cret'),
        text,
      );
    }
    assert.throws(() => readDatabaseUrl('not an address'), ConfigError);
  });
});

describe('an error of the database', () => {
  const address = readDatabaseUrl('postgres://ann:word@db.example.com/fleet');
  const explain = (message: string, code?: string) =>
    explainDatabaseError(Object.assign(new Error(message), { code }), address);

  it('is 75 when the database is away, full of connections or restarting', () => {
    for (const code of [
      'ECONNREFUSED',
      'ETIMEDOUT',
      'ENOTFOUND',
      '53300',
      '57P01',
      '57P03',
      '08006',
      '08P01',
      '40001',
      '57014',
      '55P03',
    ])
      assert.ok(explain('x', code) instanceof UnavailableError, code);
    for (const message of [
      'timeout exceeded when trying to connect',
      'Connection terminated unexpectedly',
      'There was an error establishing an SSL connection',
    ])
      assert.ok(explain(message) instanceof UnavailableError, message);
  });

  it('is 78 when a person has to act, and a bug when it is unknown', () => {
    for (const code of ['42501', '28P01', '28000', '3D000', '25006', '42703', '42883', '42P01'])
      assert.ok(explain('x', code) instanceof ConfigError, code);
    assert.ok(explain('Cannot migrate pg-boss schema from version 24: …') instanceof ConfigError);
    const { remedy } = explain('permission denied for schema gmail_jobs', '42501') as ConfigError;
    assert.match(remedy, /GRANT ALL ON SCHEMA/);
    assert.ok(explain('The server does not support SSL connections') instanceof ConfigError);
    assert.ok(explain('self-signed certificate', 'SELF_SIGNED_CERT_IN_CHAIN') instanceof ConfigError);
    const bug = explain('syntax error', '42601');
    assert.equal(bug.constructor, Error);
  });

  it('without a password in the address, tells so, and does not name the user, which may be the password', () => {
    const address = readDatabaseUrl('postgres://s3cret-password@db.example.com/fleet');
    const thrown = new Error('SASL: SCRAM-SERVER-FIRST-MESSAGE: client password must be a string');
    const error = explainDatabaseError(thrown, address);
    assert.ok(error instanceof ConfigError);
    assert.equal(error.message, 'the database at db.example.com asks for a password, and DATABASE_URL has none');
  });

  it('names the right that is missing, with names quoted for SQL', () => {
    const address = readDatabaseUrl('postgres://o%22dd:word@db.example.com/fl%22eet');
    const thrown = Object.assign(new Error('permission denied for database "fl"eet"'), { code: '42501' });
    for (const [needed, grant] of [
      ['ALL', 'GRANT CONNECT, CREATE ON DATABASE "fl""eet" TO "o""dd";'],
      ['SELECT', 'GRANT CONNECT ON DATABASE "fl""eet" TO "o""dd";'],
    ] as const) {
      const { remedy } = explainDatabaseError(thrown, address, needed) as ConfigError;
      assert.ok(remedy.startsWith(`As the owner, run: ${grant}`), remedy);
    }
  });
});
