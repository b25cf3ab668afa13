/** Finds every piece of a pasted text that may be secret, so that the redactor knows the pieces before a message is made. */
import { credentialKind, credentialsIn } from '../base/credential-like.ts';
import { decode, parsePastedJson, repair, trim, unwrap } from './pasted.ts';

/** A JSON value nested deeper than this is refused: the credentials are one level deep. */
export const MAX_DEPTH = 100;

/** Names that messages and remedies show: never secret, wherever they stand. */
const KNOWN_NAMES: ReadonlySet<string> = new Set([
  ...['type', 'client_id', 'client_secret', 'refresh_token', 'email', 'authorized_user', 'service_account'],
  ...['client_email', 'private_key', 'private_key_id', 'subject', 'project_id', 'installed', 'access_token'],
  ...['GMAIL_SECRET_ID', 'JOB_SECRET_ID', 'GMAIL_MAILBOX', 'AWS_REGION', 'AWS_ACCESS_KEY_ID'],
  'AWS_SECRET_ACCESS_KEY',
  ...['AWS_SESSION_TOKEN', 'AWSCURRENT', 'AWSPREVIOUS', 'AWSPENDING'],
]);

/** Keys whose values are no secrets. */
const PUBLIC_KEYS = new Set([
  ...[
    'type',
    'client_id',
    'email',
    'client_email',
    'subject',
    'project_id',
    'auth_uri',
    'token_uri',
    'scope',
    'scopes',
  ],
  ...[
    'auth_provider_x509_cert_url',
    'client_x509_cert_url',
    'universe_domain',
    'account',
    'expiry',
    'quota_project_id',
    'kms_key_id',
  ],
]);

/** Every piece of `text` that may be secret. Names of keys, plain words, addresses and dates are not. */
export function secretsInText(text: string): string[] {
  const whole = parsePastedJson(text);
  if (whole !== undefined) return [...contentsOf(whole).secrets];
  const decoded = decode(text);
  if (decoded !== undefined) return secretsInText(decoded.text);
  const repaired = parsePastedJson(repair(trim(text)).text);
  // The repair of broken JSON is a guess, so all words of the text count too.
  return [...wordsOf(text), ...(repaired === undefined ? [] : contentsOf(repaired).secrets)];
}

/** The contents of a JSON value, with those of JSON texts in its strings. */
export interface JsonContents {
  /** Every text that may be secret. */
  readonly secrets: readonly string[];
  /** The objects, the value itself first, each with the key of the object or of the string that holds it. */
  readonly objects: readonly { readonly object: Readonly<Record<string, unknown>>; readonly key: string }[];
  readonly depth: number;
}

export function contentsOf(value: unknown): JsonContents {
  const secrets: string[] = [];
  const objects: JsonContents['objects'][number][] = [];
  let deepest = 0;
  // No recursion: a value may be nested deeper than the stack allows.
  const queue: { value: unknown; key: string; depth: number }[] = [{ value, key: '', depth: 0 }];
  for (let next = 0; next < queue.length; next += 1) {
    const { value, key, depth } = queue[next] as (typeof queue)[number];
    deepest = Math.max(deepest, depth);
    if (typeof value === 'string') {
      const inner = /^\s*["'“”‘’`\ufeff]*\s*[{[]/.test(value) ? parsePastedJson(value) : undefined;
      if (typeof inner === 'object' && inner !== null) queue.push({ value: inner, key, depth: depth + 1 });
      else secrets.push(...secretsInLeaf(key, value));
    } else if (typeof value === 'object' && value !== null) {
      if (!Array.isArray(value)) objects.push({ object: value as Record<string, unknown>, key });
      for (const [name, inner] of Object.entries(value)) {
        const nameOfInner = Array.isArray(value) ? key : name;
        queue.push({ value: inner, key: nameOfInner, depth: depth + 1 });
        // A person may paste a whole JSON as a key into the form of the AWS console.
        if (Array.isArray(value)) continue;
        if (credentialKind(name) !== undefined) queue.push({ value: name, key: 'a key', depth: depth + 1 });
        else secrets.push(...embeddedCredentials(name));
      }
    }
  }
  return { secrets, objects, depth: deepest };
}

function secretsInLeaf(key: string, text: string): string[] {
  if (isPem(text)) return [...pemLines(text), ...embeddedCredentials(text)];
  if (KNOWN_NAMES.has(unwrap(text))) return [];
  if (credentialKind(text) === 'json') return secretsInText(text);
  if (PUBLIC_KEYS.has(key) && credentialKind(text) === undefined) return embeddedCredentials(text);
  if (!mayBeCredential(key, text)) return embeddedCredentials(text);
  const decoded = decode(text);
  const inside = decoded === undefined ? [] : secretsInText(decoded.text);
  // Hidden as a whole, the text would hide the names of keys in messages too.
  return holdsName(text)
    ? [...wordsOf(text), ...inside]
    : [text, unwrap(text), ...embeddedCredentials(text), ...inside];
}

/**
 * Whether a value may be a credential, by its key's name or because a machine seems to have made it. Dates, addresses, links
 * and plain words beside the credentials must stay readable in the log.
 */
function mayBeCredential(key: string, value: string): boolean {
  if (STRONG_NAME.test(key) || credentialKind(value) !== undefined) return true;
  if (isPublicText(value.trim())) return false;
  if (/secret|token|key|password|credential|assertion|code/i.test(key)) return true;
  return /^(?=.*\d)(?=.*[a-z])\S{16,}$/i.test(unwrap(value));
}

/** Line breaks as they are, and as JSON escapes them, once or several times. */
const LINE_BREAKS = /(?:\\+[nr]|\s)+/;

export function isPem(text: string): boolean {
  return text.includes('-----BEGIN ');
}

/** The base64 between the first and the last line of PEM text: all of it as one string, then line by line. */
export function pemLines(text: string): string[] {
  const lines = text
    .replace(/-----(BEGIN|END) [A-Z0-9 ]+-----/g, '\n')
    .split(LINE_BREAKS)
    .filter((line) => line !== '');
  return [lines.join(''), ...lines];
}

/** PEM text among other text, whole or cut off. */
const PEM = /-----BEGIN [A-Z0-9 ]+-----[A-Za-z0-9+/=\s\\]*(?:-----END [A-Z0-9 ]+-----)?/g;

/** Names of keys and variables, also right beside another word. */
const NAMES = new RegExp(
  `AWS_[A-Z_]{4,}|GMAIL_[A-Z_]{4,}|${[...KNOWN_NAMES]
    .sort((a, b) => b.length - a.length)
    .map((name) => (name.includes('_') ? name : `(?<![A-Za-z0-9])${name}(?![A-Za-z0-9])`))
    .join('|')}`,
  'gi',
);

export function holdsName(text: string): boolean {
  return text.search(NAMES) !== -1;
}

/** `text` itself, and without the escapes of JSON, HTML and URLs, which hide where a word begins. */
function readings(text: string): string[] {
  const plain = text
    .replace(/\\+u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    .replace(/\\+[nrt]/g, ' ')
    .replace(/\\+(?=["'/])/g, '')
    .replace(/&(?:quot|apos|amp|lt|gt|#x?[0-9a-f]{2,4});/gi, ' ');
  const decoded = plain.replace(/(?:%[0-9a-f]{2})+/gi, (bytes) => {
    const decoded = Buffer.from(bytes.replaceAll('%', ''), 'hex').toString();
    return decoded.includes('\ufffd') ? bytes : decoded;
  });
  return [...new Set([text, plain, decoded])];
}

/** The parts of `text` that have the form of a credential, or stand behind a credential's name. */
export function embeddedCredentials(text: string): string[] {
  return readings(text).flatMap((reading) => [
    ...credentialsIn(reading).flatMap(({ start, text }) => {
      // The text right after a credential, up to the next name, may belong to the credential.
      const [rest = ''] = (/^\S*/.exec(reading.slice(start))?.[0] ?? '').split(NAMES);
      return [text, rest.replace(/[>)\]}"'“”‘’`,;\\]+$/, '')];
    }),
    ...(reading.match(PEM) ?? []).flatMap(pemLines),
    ...Array.from(reading.matchAll(NAMED_VALUE)).flatMap(([, name = '', value = '']) =>
      KNOWN_NAMES.has(value) || !(STRONG_NAME.test(name) || (WEAK_NAME.test(name) && !isOrdinary(value)))
        ? []
        : [value],
    ),
  ]);
}

/**
 * `name=value`, `"name": "value"`, `name->value`. A name begins with its word, because a search from every character of a
 * long word takes quadratic time: 30 seconds for 100,000 characters.
 */
const NAMED_VALUE =
  /(?<![\w.-])([\w.-]+)["'”’`\])*]*\s*(?:[=:]|->|=>)\s*["'“‘`([<*]*(?!\w+[=:])([^\s"'“”‘’`,;&)\]}<>{[\\]{8,})/g;
const STRONG_NAME = /(?:client_?secret|(?:refresh|access|session)_?token|(?:secret_?)?access_?key(?:_?id)?|password)$/i;
const WEAK_NAME = /(?<!kms[-_]?)(?:secret|token|key|passwd|code|credential|assertion)s?$/i;

function isOrdinary(value: string): boolean {
  return isPlainWord(value) || isPublicText(value) || /^(?:arn:|alias\/)/.test(value);
}

/** The words of a text that is no JSON, without known names and plain words. */
function wordsOf(text: string): string[] {
  const withoutPem = text.replace(PEM, ' ');
  const words = readings(withoutPem)
    .map((reading) => reading.replace(NAMES, ' '))
    .flatMap((reading) => [
      ...reading.split(/[\s\\"'“”‘’`,:;=${}[\]<>()#*|&\u200b-\u200f\u2060\ufeff]+/),
      // A credential may hold such a mark itself.
      ...reading.split(/[\s"'“”‘’`<>{}[\]\\\u200b-\u200f\u2060\ufeff]+/).map(withoutVariable),
    ])
    .map((word) => word.replace(/^[^A-Za-z0-9]+|[^\w=+/-]+$/g, ''));
  return [
    ...new Set([...embeddedCredentials(text), ...words.filter((word) => !isPublicText(word) && !isPlainWord(word))]),
  ];
}

/** `word` without the name in `NAME=value`: messages show names of keys. */
function withoutVariable(word: string): string {
  return word.replace(/^[A-Z][A-Z0-9_]*=/, '');
}

function isPlainWord(word: string): boolean {
  return KNOWN_NAMES.has(word) || /^(?=.{1,24}$)[A-Za-z]+(?:[_/.-][A-Za-z]+)*[.?!]?$/.test(word);
}

/** Whether `text` is a link, a mail address or a date. */
function isPublicText(text: string): boolean {
  return /^\w+:\/\/|^[^\s@]+@[^\s@]+\.[^\s@]+$|^\d{4}-\d{2}-\d{2}/.test(text);
}
