/** The address of the PostgreSQL database in DATABASE_URL, and errors for what a database refuses. */
import { passingFailure } from '../../base/network-failure.ts';
import { isLoopback } from '../../config.ts';
import { asError, ConfigError, egressBehind, JobError, UnavailableError } from '../../errors.ts';

/** As `pg` takes it. */
export interface DatabaseAddress {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
  readonly ssl: false | { readonly rejectUnauthorized: boolean };
}

const EXAMPLE = 'postgres://user:password@host:5432/database';
const SET_URL = `Set DATABASE_URL to an address such as ${EXAMPLE}; on Heroku, the add-on Heroku Postgres sets it.`;

/**
 * The address has TLS unless its host is a loopback address. The certificate is checked with `sslmode=verify-full` alone, because Heroku's plans have certificates that nobody signed:
 * devcenter.heroku.com/articles/connecting-heroku-postgres.
 * @throws ConfigError, which quotes nothing of `text`.
 */
export function readDatabaseUrl(text: string): DatabaseAddress {
  const trimmed = text.trim();
  // URL.parse returns null; `new URL` would throw ERR_INVALID_URL with the password in `input`.
  const url = URL.parse(trimmed);
  if (url === null || !/^postgres(?:ql)?:$/.test(url.protocol) || url.hostname === '')
    throw new ConfigError('DATABASE_URL is no address of a PostgreSQL database', SET_URL);
  const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(decoded);
  if (user === undefined || password === undefined || database === undefined)
    throw new ConfigError('DATABASE_URL has a % that begins no escape sequence', SET_URL);
  if (user === '' || database === '')
    throw new ConfigError(`DATABASE_URL names no ${user === '' ? 'user' : 'database'}`, SET_URL);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: Number(url.port || 5432),
    user,
    password,
    database,
    ssl: isLoopback(url.hostname) ? false : { rejectUnauthorized: url.searchParams.get('sslmode') === 'verify-full' },
  };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** SQLSTATE classes of a server that is away, full or shutting down: postgresql.org/docs/current/errcodes-appendix.html. */
const AWAY = /^(?:08|53|57P|58|40)/;

/** Messages of pg and pg-pool for lost connections, which have no code. */
const LOST =
  /query read timeout|timeout exceeded when trying to connect|connection terminated|timeout expired|not queryable|client was closed/i;

/**
 * The JobError for an error of pg or pg-boss; an unknown one is returned as it is, and is a bug. `needed` are the rights on
 * the tables that the remedy grants.
 */
export function explainDatabaseError(
  thrown: unknown,
  { host, user, database }: DatabaseAddress,
  needed: 'ALL' | 'SELECT' = 'ALL',
): Error {
  const error = asError(thrown);
  if (error instanceof JobError) return error;
  const refused = egressBehind(error);
  if (refused !== undefined) return refused;
  const { code } = error as NodeJS.ErrnoException;
  const state = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
  if (state === '42501') {
    const grant = /for database/.test(error.message)
      ? `GRANT CREATE ON DATABASE "${database}" TO "${user}";`
      : `GRANT ${needed === 'ALL' ? 'ALL' : 'USAGE'} ON SCHEMA gmail_jobs TO "${user}"; GRANT ${needed} ON ALL TABLES IN SCHEMA gmail_jobs TO "${user}";`;
    const beyondPlan =
      " On Heroku, a database beyond its plan's size loses the right to insert: `heroku pg:info` tells.";
    return new ConfigError(
      `the user ${user} lacks rights in the database ${database}`,
      `As the owner, run: ${grant}${needed === 'ALL' ? beyondPlan : ''}`,
      { cause: error },
    );
  }
  if (state === '28P01' || state === '28000')
    return new ConfigError(`the database refuses the login of the user ${user}`, SET_URL, { cause: error });
  if (state === '3D000')
    return new ConfigError(`the database ${database} does not exist at ${host}`, SET_URL, { cause: error });
  if (/does not support SSL/i.test(error.message))
    return new ConfigError(
      `the database at ${host} does not support TLS`,
      'Use a database with TLS: only one on this machine is used without it.',
      { cause: error },
    );
  if (/certificate/i.test(error.message) && state === undefined)
    return new ConfigError(
      `the certificate of the database at ${host} is not accepted`,
      'Remove sslmode=verify-full from DATABASE_URL: the certificates of Heroku Postgres are not signed by an authority.',
      { cause: error },
    );
  const passing = passingFailure(error) ?? (state !== undefined && AWAY.test(state) ? state : undefined);
  if (passing !== undefined || LOST.test(error.message))
    return new UnavailableError(
      `the database at ${host} is not available (${passing ?? 'connection lost'})`,
      'The next run tries again. If it lasts, look at the state of the database with `heroku pg:info`.',
      { cause: error },
    );
  return error;
}
