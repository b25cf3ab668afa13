/** Finds secrets in the environment and the command line, and removes variables that no library may see. */
import { credentialKind } from '../base/credential-like.ts';
import type { Environment } from '../base/environment.ts';
import { PROXY_VARIABLES } from '../process/proxies.ts';
import { isSecretId } from './names.ts';
import { decodeUrl } from './pasted.ts';
import { embeddedCredentials, holdsName, secretsInText } from './secrets-in-text.ts';

export const CONTAINER_TOKEN = 'AWS_CONTAINER_AUTHORIZATION_TOKEN';

/** Variables whose values are credentials as a whole. */
export const AWS_SECRETS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', CONTAINER_TOKEN];

const SECRET_NAMES = ['GMAIL_SECRET_ID', 'JOB_SECRET_ID'];

/** Variables of `pg` that would change the connection to the database of DATABASE_URL: pg/lib/connection-parameters.js. */
const DATABASE_VARIABLES = [
  ...['PGPASSWORD', 'PGOPTIONS', 'PGREPLICATION', 'PGCLIENT_ENCODING', 'PGBINARY', 'PGSSLNEGOTIATION'],
  'NODE_PG_FORCE_NATIVE',
];

/** Variables that make a library print tokens, or send requests to another host than its own. */
const UNWANTED_VARIABLES = [
  'GOOGLE_SDK_NODE_LOGGING',
  'GOOGLE_CLOUD_UNIVERSE_DOMAIN',
  'HTTP2_DEBUG',
  'NODE_DEBUG',
  'AWS_SDK_LOAD_CONFIG',
  // readConfig refuses a proxy: it reads a copy of the environment from before `disarm`.
  ...PROXY_VARIABLES,
  ...DATABASE_VARIABLES,
];

/**
 * Every string in the environment that must never be shown: AWS keys, the secret parts of the addresses of the monitor, a
 * proxy and a database, credentials that were pasted into any variable, and a value of GMAIL_SECRET_ID or JOB_SECRET_ID
 * that is not a secret's name.
 */
export function secretsIn(env: Environment): string[] {
  const monitor = URL.parse(env.HEARTBEAT_URL ?? '');
  const fromUrl =
    monitor === null
      ? []
      : [monitor.username, monitor.password, monitor.search, ...monitor.pathname.split('/').filter(looksLikeToken)];
  const pasted = Object.entries(env).flatMap(([name, value = '']) => {
    if (AWS_SECRETS.includes(name)) return [];
    if (SECRET_NAMES.includes(name) && !isSecretId(value.trim())) return secretsInText(value);
    return secretsInWord(value);
  });
  return [
    ...AWS_SECRETS.flatMap((name) => secretsInKey(env[name] ?? '')),
    ...fromUrl,
    ...proxyPasswords(env),
    ...databasePasswords(env),
    env.PGPASSWORD ?? '',
    ...pasted,
  ];
}

/** The credentials on the command line, also in an option's value or among other words. */
export function secretsInWords(words: readonly string[]): string[] {
  return [...new Set([...words.flatMap(secretsInWord), ...embeddedCredentials(words.join(' '))])];
}

function secretsInWord(word: string): string[] {
  const json = /[{[]\s*[{\\"'“‘][\s\S]*/.exec(word)?.[0];
  const encoded = word.match(/(?:eyJ|ewog|ewov|LS0tLS1CRUdJTi)[\w+/-]{16,}=*/g) ?? [];
  const parts = [word, ...word.split(',')].map(withoutName);
  return [
    ...embeddedCredentials(word),
    ...parts.filter(isCredential).flatMap(secretsInText),
    ...(json === undefined ? [] : secretsInText(json)),
    ...encoded.flatMap((text) => [text, ...secretsInText(text)]),
  ];
}

/** An opening brace alone is no credential: in Gmail's searches, braces stand around alternatives. */
function isCredential(text: string): boolean {
  const kind = credentialKind(text);
  return kind !== undefined && kind !== 'json';
}

/** `word` without a name before it, as in `--rule=…` or `refresh_token=…`. */
function withoutName(word: string): string {
  return word.replace(/^\s*-{0,2}[\w-]+=/, '');
}

/** The secrets in the value of an AWS variable, without variables' names in it, which messages may show. */
function secretsInKey(value: string): string[] {
  return holdsName(value) || credentialKind(value) === 'json'
    ? secretsInText(value)
    : [value, ...embeddedCredentials(value)];
}

/** The user and password that the address of a proxy may hold. */
function proxyPasswords(env: Environment): string[] {
  return PROXY_VARIABLES.flatMap((name) => {
    const url = URL.parse(env[name]?.trim() ?? '');
    return url === null ? [] : [url.username, url.password, decodeUrl(url.password)];
  });
}

/** Heroku sets several variables to the address of one database. */
const DATABASE_ADDRESS = /^\s*postgres(?:ql)?:\/\//i;

/** Whether the variable has the address of a database. DATABASE_URL always counts, because its value may be mistyped. */
function isDatabase([name, value = '']: [string, string | undefined]): boolean {
  return name === 'DATABASE_URL' || DATABASE_ADDRESS.test(value);
}

function databasePasswords(env: Environment): string[] {
  return Object.entries(env)
    .filter(isDatabase)
    .flatMap(([, address = '']) => {
      const [, written = ''] = /^(?:\s*\w+:\/\/)?[^:/?#]*:(?!\/\/)(.*)@/s.exec(address) ?? [];
      const { password = '' } = URL.parse(address.trim()) ?? {};
      // Forms of libpq and of JDBC, which readDatabaseUrl refuses.
      const [, named = ''] = /\bpassword=([^\s&]+)/i.exec(address) ?? [];
      return [written, password, named].flatMap((text) => [text, decodeUrl(text)]);
    });
}

/** Whether a part of the monitor's address is a token, and not a word that occurs in logs. */
function looksLikeToken(part: string): boolean {
  return part.length >= 16 || /\d/.test(part);
}

/**
 * Removes credentials and unwanted variables from the process's environment, which child processes inherit and any code can
 * print. The program uses a copy from before.
 */
export function disarm(env: NodeJS.ProcessEnv): void {
  const databases = Object.entries(env).filter(isDatabase);
  for (const name of [...AWS_SECRETS, 'HEARTBEAT_URL', ...UNWANTED_VARIABLES, ...databases.map(([name]) => name)])
    delete env[name];
}
