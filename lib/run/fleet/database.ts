/** Reads the address of the PostgreSQL database from DATABASE_URL, and turns errors of the database into JobErrors. */
import { passingFailure } from '../../base/network-failure.ts';
import { isLoopback } from '../../config.ts';
import { asError, ConfigError, egressBehind, JobError, UnavailableError } from '../../errors.ts';

/** Options of `pg`. */
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
 * Uses TLS unless the host is a loopback address. Checks the certificate only with `sslmode=verify-full` or `verify-ca`,
 * because Heroku Postgres has self-signed certificates: devcenter.heroku.com/articles/connecting-heroku-postgres.
 * @throws ConfigError, which quotes nothing of `text`.
 */
export function readDatabaseUrl(text: string): DatabaseAddress {
  const trimmed = text.trim();
  // URL.parse returns null; `new URL` would throw ERR_INVALID_URL with the password in `input`.
  const url = URL.parse(trimmed);
  const isPostgres = /^postgres(?:ql)?:\/\//i.test(trimmed);
  // In a URL, # begins the fragment: what follows it in a password would be lost.
  if (isPostgres && /^[^@]*[#?][^@]*@/.test(trimmed))
    throw new ConfigError(
      'DATABASE_URL has a # or ? before the @',
      'In the user and the password write %23 for #, %3F for ?, %40 for @ and %2F for /.',
    );
  if (url === null || url.hostname === '' || !isPostgres)
    throw new ConfigError(
      `DATABASE_URL ${isPostgres ? 'has no host, or cannot be read as an address' : 'does not begin with postgres://'}`,
      SET_URL,
    );
  const [user, password, database] = [url.username, url.password, url.pathname.slice(1)].map(decoded);
  if (user === undefined || password === undefined || database === undefined)
    throw new ConfigError('DATABASE_URL has a % that begins no escape sequence', SET_URL);
  // PostgreSQL would read a text only up to a zero byte.
  if (/\p{Cc}/u.test(user + password + database))
    throw new ConfigError('DATABASE_URL has a control character in its user, password or database', SET_URL);
  if (user === '' || database === '')
    throw new ConfigError(`DATABASE_URL names no ${user === '' ? 'user' : 'database'}`, SET_URL);
  const host = readHost(url.hostname);
  const isChecked = readSslModes(url).some((mode) => CHECKING.has(mode));
  return {
    host,
    port: readPort(url.port),
    user,
    password,
    database,
    ssl: isLoopback(host) && !isChecked ? false : { rejectUnauthorized: isChecked },
  };
}

/** The host as the egress guard writes it. Refuses a list of hosts and the path of a socket, which libpq accepts. */
function readHost(hostname: string): string {
  const host = hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '');
  if (/^[a-z0-9_.:-]+$/.test(host)) return host;
  throw new ConfigError('DATABASE_URL needs the name or IP address of one host', SET_URL);
}

function readPort(text: string): number {
  if (text !== '0') return Number(text || 5432);
  throw new ConfigError('DATABASE_URL has the port 0', SET_URL);
}

/** The modes of libpq that check the certificate: postgresql.org/docs/current/libpq-ssl.html. */
const CHECKING: ReadonlySet<string> = new Set(['verify-ca', 'verify-full']);
const SSL_MODES: ReadonlySet<string> = new Set([...CHECKING, 'disable', 'allow', 'prefer', 'require', 'no-verify']);

function readSslModes(url: URL): string[] {
  const modes = url.searchParams.getAll('sslmode');
  if (modes.every((mode) => SSL_MODES.has(mode))) return modes;
  throw new ConfigError(
    'DATABASE_URL has an unknown sslmode',
    'Remove it, or write sslmode=verify-full to have the certificate checked.',
  );
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/**
 * SQLSTATE of a server that is away, full or shutting down, and of an exceeded timeout of the server:
 * postgresql.org/docs/current/errcodes-appendix.html.
 */
const AWAY = /^(?:08|53|57P|57014|55P03|25P03|58|40)/;

/** SQLSTATE of a schema, table, column or function that is missing or has another type. */
const OTHER_TABLES = /^(?:3F000|42P01|42P10|42703|42704|42804|42883)$/;

/** Messages of pg and pg-pool for lost connections, which have no code. */
const LOST =
  /error establishing an SSL connection|query read timeout|timeout exceeded when trying to connect|connection terminated|timeout expired|not queryable|client was closed/i;

/**
 * The JobError for an error of pg or pg-boss. An unknown error is returned unchanged, and is a bug. `needed` are the rights
 * that the remedy grants on the tables.
 */
export function explainDatabaseError(
  thrown: unknown,
  { host, port, user, password, database }: DatabaseAddress,
  needed: 'ALL' | 'SELECT' = 'ALL',
): Error {
  const error = asError(thrown);
  if (error instanceof JobError) return error;
  const refused = egressBehind(error);
  if (refused !== undefined) return refused;
  const { code } = error as NodeJS.ErrnoException;
  const state = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
  if (state === '42501') {
    const to = `TO ${quoted(user)};`;
    const grant = /for database/.test(error.message)
      ? `GRANT CONNECT${needed === 'ALL' ? ', CREATE' : ''} ON DATABASE ${quoted(database)} ${to}`
      : `GRANT ${needed === 'ALL' ? 'ALL' : 'USAGE'} ON SCHEMA gmail_jobs ${to} GRANT ${needed} ON ALL TABLES IN SCHEMA gmail_jobs ${to}`;
    const beyondPlan =
      ' On Heroku, a database that is larger than its plan allows loses the right to insert: see `heroku pg:info`.';
    return new ConfigError(
      `the user ${user} lacks rights in the database ${database}`,
      `As the owner, run: ${grant}${needed === 'ALL' ? beyondPlan : ''}`,
      { cause: error },
    );
  }
  // The message does not name the user: the password may stand in its place.
  if (password === '' && (/^SASL:/.test(error.message) || state === '28P01'))
    return new ConfigError(`the database at ${host} asks for a password, and DATABASE_URL has none`, SET_URL, {
      cause: error,
    });
  if (state === '28P01' || state === '28000' || /^SASL:/.test(error.message))
    return new ConfigError(
      `the database refuses the login of the user ${user}`,
      'Correct the user or the password in DATABASE_URL; on Heroku, `heroku pg:credentials:url` shows them.',
      { cause: error },
    );
  if (state === '3D000')
    return new ConfigError(
      `the database ${database} does not exist at ${host}`,
      "Correct the database's name at the end of DATABASE_URL, or create the database.",
      { cause: error },
    );
  if (state === '25006')
    return new ConfigError(
      `the database ${database} at ${host} is read-only`,
      'Set DATABASE_URL to the address of the primary database: a follower cannot be written to.',
      { cause: error },
    );
  if ((state !== undefined && OTHER_TABLES.test(state)) || /^Cannot migrate pg-boss schema/.test(error.message))
    return new ConfigError(
      `the schema gmail_jobs of the database ${database} has other tables than this version of the program needs`,
      'Deploy the newest version of the program everywhere: its next fleet updates the tables. If another program made the schema, use another database.',
      { cause: error },
    );
  if (/does not support SSL/i.test(error.message))
    return new ConfigError(
      `the database at ${host} does not support TLS`,
      isLoopback(host)
        ? 'Remove sslmode from DATABASE_URL: a database on this machine needs no TLS.'
        : 'Use a database with TLS. Without TLS the program uses only a database on a loopback address.',
      { cause: error },
    );
  if (/certificate/i.test(error.message) && state === undefined)
    return new ConfigError(
      `the certificate of the database at ${host} is not accepted`,
      'Use a database with a certificate that Node accepts for this host, or remove sslmode from DATABASE_URL: the certificates of Heroku Postgres are not signed by an authority.',
      { cause: error },
    );
  const passing = passingFailure(error) ?? (state !== undefined && AWAY.test(state) ? state : undefined);
  if (passing !== undefined || LOST.test(error.message))
    return new UnavailableError(
      `the database at ${host.includes(':') ? `[${host}]` : host}:${port} is not available (${passing ?? 'connection lost'})`,
      `The next run tries again. If it lasts, check host and port in DATABASE_URL${isHeroku(host) ? ', and look at the state of the database with `heroku pg:info`' : ''}.`,
      { cause: error },
    );
  return error;
}

/** Heroku Postgres runs on machines of EC2. */
function isHeroku(host: string): boolean {
  return /\.(?:compute\.amazonaws\.com|compute-1\.amazonaws\.com|herokuapp\.com)$/.test(host);
}

/** The name as an identifier in SQL. */
function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
