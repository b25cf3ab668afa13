/** A text as it was pasted: without what pasting adds around it, as JSON, and decoded. */
import { parseJson } from '../base/json.ts';

/** More quotes around a value than pasting adds. */
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

export function trim(text: string): string {
  return text.replace(/^[\s\u200b-\u200f\u2060\ufeff]+/, '').replace(/[\s\u200b-\u200f\u2060\ufeff]+$/, '');
}

/** The value in `text`, also when it was pasted with quotes around it; undefined when there is none. */
export function parsePastedJson(text: string): unknown {
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

/** The JSON that `text` is an encoding of, and of which; undefined when it is none. */
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
      // It is no such encoding.
    }
  }
  return undefined;
}

export function isJson(text: string): boolean {
  return parseJson(text) !== undefined;
}
