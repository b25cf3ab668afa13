/** Text as somebody pasted it where credentials belong: the JSON value in it, or the slip that makes it no JSON. */
import { CREDENTIAL_NAMES, credentialKind } from '../base/credential-like.ts';
import { parseJson } from '../base/json.ts';

/** The JSON value in a text; or the text's problem, as a predicate (`is empty`) without a word of the text. */
type Pasted = { readonly value: unknown } | { readonly problem: string };

/** Reads JSON also with quotes, a byte order mark or invisible characters around it, and JSON encoded in a JSON string. */
export function readPasted(text: string): Pasted {
  if (unwrap(text) === '') return { problem: 'is empty' };
  const value = parsePastedJson(text);
  return value === undefined ? { problem: slipIn(text) } : { value };
}

/** More layers of quotes than pasting adds. */
const MAX_QUOTES = 8;

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

/** `text` without spaces, line breaks and invisible characters around it. */
export function trim(text: string): string {
  return text.replace(/^[\s\u200b-\u200f\u2060\ufeff]+/, '').replace(/[\s\u200b-\u200f\u2060\ufeff]+$/, '');
}

/** The JSON value in `text`, also within quotes; undefined when there is none. */
export function parsePastedJson(text: string): unknown {
  const json = pastedJsonText(text);
  return json === undefined ? undefined : JSON.parse(json);
}

/** The same as valid JSON text. */
export function pastedJsonText(text: string): string | undefined {
  for (const candidate of [text, unwrap(text), unwrap(text).replace(/[\u200b-\u200f\u2060\ufeff]/g, '')]) {
    try {
      const value: unknown = JSON.parse(candidate);
      if (typeof value !== 'string') return candidate;
      const inner = unwrap(value);
      JSON.parse(inner);
      return inner;
    } catch {
      // The caller reports a text that no reading fits. The parser's own message would quote the text.
    }
  }
  return undefined;
}

/** The JSON that `text` encodes, and the encoding's name; undefined when `text` encodes no JSON. */
export function decode(text: string): { readonly encoding: string; readonly text: string } | undefined {
  const bare = unwrap(text).replace(/\s+/g, '');
  const readings = [
    ['base64', /^[\w+/-]{16,}=*$/, () => Buffer.from(bare, 'base64').toString()],
    ['hex', /^(?:[0-9a-f]{2}){16,}$/i, () => Buffer.from(bare, 'hex').toString()],
    ['URL encoding', /^[^\s{}"]*%[0-9a-f]{2}[^\s{}"]*$/i, () => decodeURIComponent(bare)],
  ] as const;
  for (const [encoding, form, read] of readings) {
    if (!form.test(bare)) continue;
    try {
      const decoded = read();
      if (/^\s*[{[]/.test(decoded) && isJson(decoded)) return { encoding, text: decoded };
    } catch {
      // Not this encoding.
    }
  }
  return undefined;
}

/** `text` without URL encoding; `text` itself when it has none that is valid. */
export function decodeUrl(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function isJson(text: string): boolean {
  return parseJson(text) !== undefined;
}

/** Slips in JSON, each with its correction. A slip may hide those below it. */
const SLIPS: readonly (readonly [slip: string, correct: (text: string) => string])[] = [
  ['has typographic quotes in place of straight ones', (text) => text.replace(/[“”„«»]/g, '"').replace(/[‘’]/g, "'")],
  ['has no-break spaces in it', (text) => text.replace(/[\u00a0\u2000-\u200a\u202f\u3000]/g, ' ')],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for
  ['has control characters in it', (text) => text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f]/g, '')],
  ['has something before its opening brace', (text) => text.replace(/^[^{]+(?=\{)/, '')],
  ['has backslashes before its quotes', (text) => (/^\s*\{\s*\\"/.test(text) ? text.replaceAll('\\"', '"') : text)],
  ['has single quotes where JSON has double ones', withDoubleQuotes],
  ['has words of Python (None, True, False)', withoutPython],
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

/** Corrects slips until the text is JSON. Returns the corrected slips and the text; no slips when it is still no JSON. */
export function repair(text: string): { readonly slips: readonly string[]; readonly text: string } {
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

/** The problem of a text that is not JSON, as a predicate: `is YAML (name: value), and not JSON`. */
function slipIn(pasted: string): string {
  const text = unwrap(pasted);
  const kind = credentialKind(text);
  const alone = kind === 'json' || /\s/.test(text) ? undefined : kind;
  const encoding = decode(text)?.encoding;
  if (encoding !== undefined) return `is JSON in ${encoding}, and not the JSON itself`;
  if (kind === 'pem') return 'is a private key alone, and not the JSON file that holds it';
  if (alone !== undefined) return `is ${CREDENTIAL_NAMES[alone]} alone, and not JSON`;
  if (/^</.test(text)) return 'is HTML or XML, and not JSON';
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
  return 'is not JSON';
}

function withDoubleQuotes(text: string): string {
  return text.replace(/([{,:[]\s*)'([^'"]*)'(?=\s*[},:\]])/g, '$1"$2"');
}

function withoutPython(text: string): string {
  const words: Readonly<Record<string, string>> = { None: 'null', True: 'true', False: 'false' };
  return text.replace(/(:\s*)(None|True|False)(?=\s*[,}])/g, (_, before: string, word: string) => before + words[word]);
}
