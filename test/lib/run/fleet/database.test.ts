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
    assert.deepEqual(readDatabaseUrl(`${base}?sslmode=verify-full`).ssl, { rejectUnauthorized: true });
    assert.deepEqual(readDatabaseUrl(base), {
      ...{ host: 'db.example.com', port: 5432, user: 'ann', password: 's/cret-word', database: 'fleet' },
      ssl: { rejectUnauthorized: false },
    });
  });

  it('uses no TLS on a loopback address', () => {
    for (const host of ['localhost', '127.0.0.1', '[::1]'])
      assert.equal(readDatabaseUrl(`postgresql://ann:word@${host}:5433/fleet`).ssl, false, host);
    assert.equal(readDatabaseUrl('postgres://ann@[::1]/fleet').host, '::1');
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
    for (const code of ['ECONNREFUSED', 'ETIMEDOUT', 'ENOTFOUND', '53300', '57P01', '57P03', '08006', '40001'])
      assert.ok(explain('x', code) instanceof UnavailableError, code);
    for (const message of ['timeout exceeded when trying to connect', 'Connection terminated unexpectedly'])
      assert.ok(explain(message) instanceof UnavailableError, message);
  });

  it('is 78 when a person has to act, and a bug when it is unknown', () => {
    for (const code of ['42501', '28P01', '28000', '3D000']) assert.ok(explain('x', code) instanceof ConfigError, code);
    const { remedy } = explain('permission denied for schema gmail_jobs', '42501') as ConfigError;
    assert.match(remedy, /GRANT ALL ON SCHEMA/);
    assert.ok(explain('The server does not support SSL connections') instanceof ConfigError);
    assert.ok(explain('self-signed certificate', 'SELF_SIGNED_CERT_IN_CHAIN') instanceof ConfigError);
    const bug = explain('syntax error', '42601');
    assert.equal(bug.constructor, Error);
  });
});
