/**
 * The keys beside the credentials in the secret's value. Jobs read them, and every write of the secret carries them over, so
 * their values stay JSON text: numbers of any size and the order of keys survive.
 */
import { credentialKind } from '../base/credential-like.ts';
import { isObject } from '../base/json.ts';
import { CREDENTIAL_KEYS, OWN_KEYS } from './key-names.ts';
import { parsePastedJson, pastedJsonText, unwrap } from './pasted.ts';
import { contentsOf, MAX_DEPTH } from './secrets-in-text.ts';
import { isFilled, looksLikeCredentials } from './shape.ts';

/** Key → JSON text of its value, in the order of the secret. */
export type FurtherKeys = ReadonlyMap<string, string>;

/** Keys of Google's file for an OAuth client, which a person may have pasted into the secret. */
const CLIENT_FILE_KEYS: readonly string[] = ['installed', 'web'];

/**
 * The further keys in the value of a secret; null when the value is no JSON object. `areSound` says whether the program
 * accepts the credentials in the value. A person may have pasted the whole secret into one key: then the further keys are
 * inside that key.
 */
export function furtherKeysIn(text: string, areSound: boolean): FurtherKeys | null {
  const json = pastedJsonText(text);
  const value = parsePastedJson(text);
  if (json === undefined || !isObject(value) || contentsOf(value).depth > MAX_DEPTH) return null;
  const isOwn = (key: string) => isFilled(value[key]) && !holdsCredentials(value[key]);
  const areInside = areSound && !OWN_KEYS.some(isOwn);
  const further = new Map<string, string>();
  for (const [key, written] of pairsOf(json)) {
    const inner = value[key];
    const isHolder = holdsCredentials(inner);
    if (areInside && isHolder) {
      const keys = furtherKeysIn(typeof inner === 'string' ? inner : written, areSound) ?? [];
      for (const [name, text] of keys) further.set(name, text);
    } else if (!belongsToNoJob(key, isHolder)) further.set(key, written);
  }
  return further;
}

function holdsCredentials(value: unknown): boolean {
  return contentsOf(value).objects.some(({ object }) => looksLikeCredentials(object));
}

/** True for a key of the credentials, and for a credential or client file that a person pasted into the secret. */
function belongsToNoJob(key: string, isHolder: boolean): boolean {
  const isClientFile = isHolder && CLIENT_FILE_KEYS.includes(key);
  return isClientFile || CREDENTIAL_KEYS.has(key) || credentialKind(key) !== undefined;
}

/** Gives the values of the keys `names` to `hide`, also values that are not strings. */
export function hideKeys(names: readonly string[], keys: FurtherKeys | null, hide: (secret: string) => void): void {
  for (const name of names) {
    const written = keys?.get(name);
    if (written === undefined) continue;
    const value: unknown = JSON.parse(written);
    for (const secret of typeof value === 'string' ? secretParts(unwrap(value)) : [written]) hide(secret);
  }
}

/** User, password and the text after the host of a URL, since messages show hosts; any other value as a whole. */
function secretParts(value: string): string[] {
  const [, user = '', rest = ''] = /^https?:\/\/(?:([^/?#]*)@)?[^/?#]*(.*)$/is.exec(value) ?? [];
  return URL.canParse(value) && /^https?:/i.test(value) ? [user, user.replace(/^[^:]*:/, ''), rest] : [value];
}

/** All keys of both versions. For a key in both, the value of `newer` counts. */
export function joinKeys(older: FurtherKeys | null, newer: FurtherKeys | null): FurtherKeys {
  return new Map([...(older ?? []), ...(newer ?? [])]);
}

const TOKENS = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]/g;

/** The keys of a JSON object's text, each with its value as it is written. */
function pairsOf(json: string): [key: string, written: string][] {
  const pairs: [string, string][] = [];
  let depth = 0;
  let key: string | undefined;
  let start = 0;
  for (const { 0: token, index } of json.matchAll(TOKENS)) {
    if (depth === 1) {
      if (token === ':') start = index + 1;
      else if (token.startsWith('"')) key ??= JSON.parse(token) as string;
      else if (key !== undefined && (token === ',' || token === '}')) {
        pairs.push([key, json.slice(start, index).trim()]);
        key = undefined;
      }
    }
    if (token === '{' || token === '[') depth += 1;
    else if (token === '}' || token === ']') depth -= 1;
  }
  return pairs;
}
