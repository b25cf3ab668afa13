/**
 * Text that somebody pasted where credentials belong: the JSON value in it, or by which slip it is none; and every piece
 * of it that may be secret, so that the redactor knows the pieces before anything is said about them.
 */
import { credentialKind } from '../credential-like.ts';
import { isPem, secretLines } from './private-key.ts';

/** A JSON value nested deeper than this is refused: the credentials are one level deep. */
export const MAX_DEPTH = 100;

/** More quotes around a value than pasting adds. */
const MAX_QUOTES = 8;

/** Names that a message or remedy uses: they are no secrets wherever they stand. */
const KNOWN_NAMES: ReadonlySet<string> = new Set([
  ...['type', 'client_id', 'client_secret', 'refresh_token', 'email', 'authorized_user', 'service_account'],
  ...['client_email', 'private_key', 'private_key_id', 'subject', 'project_id', 'installed', 'access_token'],
  ...['GMAIL_SECRET_ID', 'GMAIL_MAILBOX', 'AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY'],
  ...['AWS_SESSION_TOKEN', 'AWSCURRENT', 'AWSPREVIOUS', 'AWSPENDING'],
]);

/** Keys whose values are no secrets. */
const PUBLIC_KEYS = new Set([
  'type',
  'client_id',
  'email',
  'client_email',
  'subject',
  'project_id',
  'auth_uri',
  'token_uri',
  'auth_provider_x509_cert_url',
  'client_x509_cert_url',
  'universe_domain',
  'scope',
  'scopes',
  'account',
  'expiry',
  'quota_project_id',
]);

/** The JSON value in a text, or what the text is in its place: a predicate without a word of it. */
export type Pasted = { readonly value: unknown } | { readonly problem: string };

/** Reads a text as it was pasted: with quotes, a byte order mark or invisible characters around the JSON, or twice encoded. */
export function readPasted(text: string): Pasted {
  if (unwrap(text) === '') return { problem: 'is empty' };
  const value = parse(text);
  return value === undefined ? { problem: slipIn(text) } : { value };
}

/** `text` without the spaces, line breaks, quotes and invisible characters that pasting adds around a value. */
export function unwrap(text: string): string {
  let bare = trim(text);
  for (let layer = 0; layer < MAX_QUOTES; layer += 1) {
    const quoted = /^["'“”‘’`]([\s\S]*)["'“”‘’`]$/.exec(bare)?.[1];
    if (quoted === undefined) break;
    bare = trim(quoted);
  }
  return bare;
}

function trim(text: string): string {
  return text.replace(/^[\s\u200b-\u200f\u2060\ufeff]+/, '').replace(/[\s\u200b-\u200f\u2060\ufeff]+$/, '');
}

/** Every piece of `text` that may be secret. Names of keys, plain words, addresses and dates are none. */
export function secretsInText(text: string): string[] {
  const value = parse(text) ?? parse(repair(trim(text)).text);
  const decoded = value === undefined ? fromBase64(text) : undefined;
  // What is broken may be read in another way than it was meant: its words are hidden besides.
  const words = parse(text) === undefined ? wordsOf(text) : [];
  return [...words, ...(value === undefined ? [] : walk(value).secrets), ...(decoded ? secretsInText(decoded) : [])];
}

/** What lies in a value, texts of JSON inside of it included. */
export interface Contents {
  /** Every text that may be secret. */
  readonly secrets: readonly string[];
  /** The objects, the value itself first, each with the key that it or the text around it stands under. */
  readonly objects: readonly { readonly object: Readonly<Record<string, unknown>>; readonly key: string }[];
  readonly depth: number;
}

/** Looks through all of `value`, however deep it is. */
export function walk(value: unknown): Contents {
  const secrets: string[] = [];
  const objects: Contents['objects'][number][] = [];
  let deepest = 0;
  // No recursion: a value may be nested deeper than the stack allows.
  const queue: { value: unknown; key: string; depth: number }[] = [{ value, key: '', depth: 0 }];
  for (let next = 0; next < queue.length; next += 1) {
    const { value, key, depth } = queue[next] as (typeof queue)[number];
    deepest = Math.max(deepest, depth);
    if (typeof value === 'string') {
      const inner = /^\s*["'“”‘’`\ufeff]*\s*[{[]/.test(value) ? parse(value) : undefined;
      if (typeof inner === 'object' && inner !== null) queue.push({ value: inner, key, depth: depth + 1 });
      else secrets.push(...secretsInLeaf(key, value));
    } else if (typeof value === 'object' && value !== null) {
      if (!Array.isArray(value)) objects.push({ object: value as Record<string, unknown>, key });
      for (const [name, inner] of Object.entries(value)) {
        const nameOfInner = Array.isArray(value) ? key : name;
        queue.push({ value: inner, key: nameOfInner, depth: depth + 1 });
        // The console's form takes a whole JSON as a key.
        if (!Array.isArray(value) && credentialKind(name) !== undefined) {
          queue.push({ value: name, key: 'a key', depth: depth + 1 });
        }
      }
    }
  }
  return { secrets, objects, depth: deepest };
}

function secretsInLeaf(key: string, text: string): string[] {
  if (isPem(text)) return secretLines(text);
  if (KNOWN_NAMES.has(unwrap(text))) return [];
  if (credentialKind(text) === 'JSON') return secretsInText(text);
  if (PUBLIC_KEYS.has(key) && credentialKind(text) === undefined) return [];
  return mayBeCredential(key, text) ? [text, unwrap(text), ...secretsInBase64(text)] : [];
}

function secretsInBase64(text: string): string[] {
  const decoded = fromBase64(text);
  return decoded === undefined ? [] : secretsInText(decoded);
}

/**
 * Whether a value may be a credential: by its key's name, or because it looks made by a machine. Dates, addresses, links
 * and plain words that somebody noted beside the credentials would otherwise be cut out of the log.
 */
function mayBeCredential(key: string, value: string): boolean {
  if (/secret|token|key|password|credential|assertion|code/i.test(key) || credentialKind(value) !== undefined)
    return true;
  return !isOpen(value.trim()) && /^(?=.*\d)(?=.*[a-z])\S{16,}$/i.test(unwrap(value));
}

/** The words of a text that is no JSON, without those that are known or plain. */
function wordsOf(text: string): string[] {
  if (isPem(text)) return secretLines(text);
  const words = text.split(/[\s\\"'“”‘’`,:;=${}[\]<>&\u200b-\u200f\u2060\ufeff]+/);
  // A credential may hold such a mark itself.
  const values = text.split(/\s+|&(?=\w+=)/).map((value) => unwrap(value.replace(/^[{,"'“‘]*[\w-]+["'”’]?[=:]/, '')));
  return [
    ...values.filter((value) => !['JSON', 'PEM text', undefined].includes(credentialKind(value))),
    ...words.filter((word) => !isOpen(word) && (credentialKind(word) !== undefined || !isPlainWord(word))),
  ];
}

function isPlainWord(word: string): boolean {
  return KNOWN_NAMES.has(word.replace(/^%|%$/g, '')) || /^(?=.{1,24}$)[A-Za-z]+(?:[_-][A-Za-z]+)*[.?!]?$/.test(word);
}

/** Whether it is a link, a mail address or a date. */
function isOpen(text: string): boolean {
  return /^\w+:\/\/|^[^\s@]+@[^\s@]+\.[^\s@]+$|^\d{4}-\d{2}-\d{2}/.test(text);
}

/** The value in `text`, also when it was pasted with quotes around it; undefined when there is none. */
function parse(text: string): unknown {
  for (const candidate of [text, unwrap(text), unwrap(text).replace(/[\u200b-\u200f\u2060\ufeff]/g, '')]) {
    try {
      const value: unknown = JSON.parse(candidate);
      return typeof value === 'string' ? JSON.parse(unwrap(value)) : value;
    } catch {
      // Try the next reading; what no reading fits is reported by the caller, without the parser's quote of the text.
    }
  }
  return undefined;
}

/** Slips in JSON, each with how it is put right; in the order in which one may hide the next. */
const SLIPS: readonly (readonly [slip: string, correct: (text: string) => string])[] = [
  ['has typographic quotes in place of straight ones', (text) => text.replace(/[“”„«»]/g, '"').replace(/[‘’]/g, "'")],
  ['has no-break spaces in it', (text) => text.replace(/[\u00a0\u2000-\u200a\u202f\u3000]/g, ' ')],
  ['has backslashes before its quotes', (text) => (/^\s*\{\s*\\"/.test(text) ? text.replaceAll('\\"', '"') : text)],
  ['has single quotes where JSON has double ones', withDoubleQuotes],
  ['has keys without quotes', (text) => text.replace(/([{,]\s*)([A-Za-z_]\w*)(\s*:)/g, '$1"$2"$3')],
  ['has = where JSON has a colon', (text) => text.replace(/("\w+"\s*)=(\s*")/g, '$1:$2')],
  ['lacks a comma between two of its lines', (text) => text.replace(/("\s*)\n(\s*"[\w-]+"\s*:)/g, '$1,\n$2')],
  ['has a comma after its last value', (text) => text.replace(/,(\s*[}\]])/g, '$1').replace(/,\s*$/, '')],
  [
    'has a line break inside a value',
    (text) => text.replace(/"[^"]*"/g, (string) => string.replace(/\s*[\r\n]\s*/g, '')),
  ],
  ['has something behind its closing brace', (text) => text.replace(/^([^}]*\})[^{}]*$/, '$1')],
  ['lacks the brace at its beginning', (text) => (/^\s*"/.test(text) ? `{${text}` : text)],
  ['lacks the brace at its end', (text) => (/^\s*\{[^}]*$/.test(text) ? `${text}}` : text)],
  ['ends in the middle of a value', (text) => (/^\s*[{]/.test(text) ? text.replace(/\}$/, '"}') : text)],
];

/** Puts slips right until the text is JSON. Returns what was put right, and the text then. */
function repair(text: string): { readonly slips: readonly string[]; readonly text: string } {
  const slips: string[] = [];
  let repaired = text;
  for (const [slip, correct] of SLIPS) {
    const before = repaired;
    repaired = correct(before);
    if (repaired !== before) slips.push(slip);
    if (isJson(repaired)) return { slips, text: repaired };
  }
  return { slips: [], text };
}

/** What `text`, which is no JSON, is in its place. */
function slipIn(pasted: string): string {
  const text = unwrap(pasted);
  const kind = credentialKind(text);
  const alone = kind === 'JSON' || /\s/.test(text) ? undefined : kind;
  if (fromBase64(text) !== undefined) return 'is JSON in base64, and not the JSON itself';
  if (kind === 'PEM text') return 'is a private key alone, and not the JSON file that holds it';
  if (alone !== undefined) return `is ${alone} alone, and not JSON`;
  const several = text.split(/\}\s*,?\s*(?=\{)/).length;
  const list = `[${text.replace(/\}\s*,?\s*(?=\{)/g, '},')}]`;
  if (several > 1 && isJson(list)) return `holds ${several} JSON objects, one behind the other`;
  if (/^(?:export\s+|set\s+)?\w+\s*=/i.test(text)) {
    return /^\w+=[^\s&]*&/.test(text)
      ? 'is form data (name=value&…), and not JSON'
      : 'is lines of the form name=value, and not JSON';
  }
  if (/^(?:---\s*\n)?\s*(?:[\w-]+:\s*\n\s+)?["']?\w+["']?\s*:\s/.test(text) && !/^\s*"[^"]*"\s*:.*,\s*$/m.test(text)) {
    return 'is YAML (name: value), and not JSON';
  }
  const { slips } = repair(trim(pasted));
  if (slips.length > 0) return `is not JSON: it ${slips.join(', and ')}`;
  if (/^arn:aws/.test(text)) return 'is an ARN, and not JSON';
  if (/^</.test(text)) return 'is HTML or XML, and not JSON';
  return 'is not JSON';
}

/** Single quotes around keys and values made double ones. */
function withDoubleQuotes(text: string): string {
  return text.replace(/([{,:[]\s*)'([^'"]*)'(?=\s*[},:\]])/g, '$1"$2"');
}

/** What `text` is when it is taken for base64; undefined when that is no credential. */
function fromBase64(text: string): string | undefined {
  const base64 = unwrap(text).replace(/\s+/g, '');
  if (base64.length < 16 || !/^[\w+/-]+=*$/.test(base64)) return undefined;
  const decoded = Buffer.from(base64, 'base64').toString();
  return isJson(decoded) && /^\s*[{[]/.test(decoded) ? decoded : undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
