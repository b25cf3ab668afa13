/** By which slip a text is no JSON, so that a person can be told without a word of the text. */
import { CREDENTIAL_NAMES, credentialKind } from '../base/credential-like.ts';
import { decode, isJson, trim, unwrap } from './unwrap.ts';

/** Slips in JSON, each with how it is put right; in the order in which one may hide the next. */
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

/** Puts slips right until the text is JSON. Returns what was put right, and the text then. */
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

/** Describes a text that is not JSON, as a predicate: `is empty`, `is only a refresh token`. */
export function slipIn(pasted: string): string {
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

/** Single quotes around keys and values made double ones. */
function withDoubleQuotes(text: string): string {
  return text.replace(/([{,:[]\s*)'([^'"]*)'(?=\s*[},:\]])/g, '$1"$2"');
}

function withoutPython(text: string): string {
  const words: Readonly<Record<string, string>> = { None: 'null', True: 'true', False: 'false' };
  return text.replace(/(:\s*)(None|True|False)(?=\s*[,}])/g, (_, before: string, word: string) => before + words[word]);
}
