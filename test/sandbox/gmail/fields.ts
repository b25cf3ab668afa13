// The `fields` parameter of Google's APIs: keeps only the named fields of an answer, so that a test fails when a client
// reads a field that it did not request.
import { GmailRefusal, googleErrors } from './errors.ts';

/** The fields to keep, as a tree of names; an empty map keeps everything below. */
type Mask = Map<string, Mask>;

/**
 * Returns the parts of `value` that a mask such as `messages(id,threadId),nextPageToken` or `labels/id` names.
 *
 * @throws GmailRefusal 400 when the mask is not well formed.
 */
export function selectFields(value: object, fields: string): unknown {
  const tokens = fields.match(/[^,/()]+|[,/()]/g) ?? [];
  const mask = parseList(tokens, fields);
  if (tokens.length > 0) throw invalid(fields);
  return project(value, mask);
}

function parseList(tokens: string[], fields: string): Mask {
  const mask: Mask = new Map();
  do {
    if (tokens[0] === ',') tokens.shift();
    const name = tokens.shift();
    if (name === undefined || /^[,/()]$/.test(name)) throw invalid(fields);
    mask.set(name, parseBelow(tokens, fields));
  } while (tokens[0] === ',');
  return mask;
}

function parseBelow(tokens: string[], fields: string): Mask {
  if (tokens[0] === '/') {
    tokens.shift();
    const name = tokens.shift();
    if (name === undefined || /^[,/()]$/.test(name)) throw invalid(fields);
    return new Map([[name, parseBelow(tokens, fields)]]);
  }
  if (tokens[0] !== '(') return new Map();
  tokens.shift();
  const below = parseList(tokens, fields);
  if (tokens.shift() !== ')') throw invalid(fields);
  return below;
}

function project(value: unknown, mask: Mask): unknown {
  if (mask.size === 0 || mask.has('*') || typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => project(item, mask));
  const kept = Object.entries(value).flatMap(([name, below]) => {
    const under = mask.get(name);
    return under === undefined ? [] : [[name, project(below, under)]];
  });
  return Object.fromEntries(kept);
}

function invalid(fields: string): GmailRefusal {
  return new GmailRefusal(
    googleErrors.invalidArgument(`Request contains an invalid argument. Invalid field selection ${fields}`),
  );
}
