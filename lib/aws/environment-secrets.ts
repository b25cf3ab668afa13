/** Finds the secrets in the environment and the command line, and removes variables that must not reach any library. */

import { credentialKind } from '../base/credential-like.ts';
import type { Environment } from '../base/environment.ts';
import { PROXY_VARIABLES } from '../process/proxies.ts';
import { isSecretId } from './names.ts';
import { embedded, holdsName, secretsInText } from './secrets-in-text.ts';

export const CONTAINER_TOKEN = 'AWS_CONTAINER_AUTHORIZATION_TOKEN';
/** Environment variables whose values are credentials, to be registered with the redactor before anything else. */
export const AWS_SECRETS = ['AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', CONTAINER_TOKEN];

/**
 * Variables that make a library print tokens, or send requests to another host than the one that it was written for.
 * They are removed before the first library is loaded.
 */
const UNWANTED_VARIABLES = [
  'GOOGLE_SDK_NODE_LOGGING',
  'GOOGLE_CLOUD_UNIVERSE_DOMAIN',
  'HTTP2_DEBUG',
  'NODE_DEBUG',
  'AWS_SDK_LOAD_CONFIG',
  // readConfig has its own copy of the environment, and refuses a proxy.
  ...PROXY_VARIABLES,
];

/**
 * Every string in the environment that must never be shown: AWS keys, the secret parts of the monitor's address,
 * credentials that were pasted into any variable, and a value of GMAIL_SECRET_ID that is not a secret's name.
 */
export function secretsIn(env: Environment): string[] {
  const monitor = URL.parse(env.HEARTBEAT_URL ?? '');
  const fromUrl =
    monitor === null
      ? []
      : [monitor.username, monitor.password, monitor.search, ...monitor.pathname.split('/').filter(looksLikeToken)];
  const pasted = Object.entries(env).flatMap(([name, value = '']) => {
    if (AWS_SECRETS.includes(name)) return [];
    if (name === 'GMAIL_SECRET_ID' && !isSecretId(value.trim())) return secretsInText(value);
    return secretsInWord(value);
  });
  return [
    ...AWS_SECRETS.flatMap((name) => secretsInKey(env[name] ?? '')),
    ...fromUrl,
    ...proxyPasswords(env),
    ...pasted,
  ];
}

/** The credentials on the command line, also as an option's value or among other words. */
export function secretsInWords(words: readonly string[]): string[] {
  return [...new Set([...words.flatMap(secretsInWord), ...embedded(words.join(' '))])];
}

function secretsInWord(word: string): string[] {
  const json = /[{[]\s*[{\\"'“‘][\s\S]*/.exec(word)?.[0];
  const encoded = word.match(/(?:eyJ|ewog|ewov|LS0tLS1CRUdJTi)[\w+/-]{16,}=*/g) ?? [];
  const parts = [word, ...word.split(',')].map(withoutName);
  return [
    ...embedded(word),
    ...parts.filter(isCredential).flatMap(secretsInText),
    ...(json === undefined ? [] : secretsInText(json)),
    ...encoded.flatMap((text) => [text, ...secretsInText(text)]),
  ];
}

/** Braces alone are none: in Gmail's searches they stand around alternatives. */
function isCredential(text: string): boolean {
  const kind = credentialKind(text);
  return kind !== undefined && kind !== 'json';
}

/** `word` without a name before it, as in `--rule=…` or `refresh_token=…`. */
function withoutName(word: string): string {
  return word.replace(/^\s*-{0,2}[\w-]+=/, '');
}

/** A key of AWS; where a name stands in it, the rest of it, so that messages can still say that name. */
function secretsInKey(value: string): string[] {
  return holdsName(value) || credentialKind(value) === 'json' ? secretsInText(value) : [value, ...embedded(value)];
}

/** The user and password that the address of a proxy may hold. */
function proxyPasswords(env: Environment): string[] {
  return PROXY_VARIABLES.flatMap((name) => {
    const url = URL.parse(env[name]?.trim() ?? '');
    return url === null ? [] : [url.username, url.password, decoded(url.password)];
  });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Whether a part of a monitor's address is its token, and not a word that may well occur in a log. */
function looksLikeToken(part: string): boolean {
  return part.length >= 16 || /\d/.test(part);
}

/**
 * Takes out of the process's own environment, which child processes inherit and any code can print, the credentials and
 * what would make a library talkative or send it elsewhere. What the program needs of it was copied before.
 */
export function disarm(env: NodeJS.ProcessEnv): void {
  for (const name of [...AWS_SECRETS, 'HEARTBEAT_URL', ...UNWANTED_VARIABLES]) delete env[name];
}
