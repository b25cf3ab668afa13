/**
 * Finds values that other programs understand and Gmail does not: wildcards, and several values with commas. Gmail finds
 * whole words only, and takes `*` and `,` for a space between words. Source:
 * sensefulsolutions.com/2010/07/how-gmail-filter-email-matching-works.html.
 */
import { restrictsValues, valueProblem } from './values.ts';

const ADDRESSES: readonly string[] = ['from', 'to', 'cc', 'bcc', 'deliveredto', 'list'];

/** The problem of an operator's value, or of a plain word when `operator` is ''; undefined for none. */
export function foreignValue(operator: string, value: string, minus: string): string | undefined {
  return commaProblem(operator, value, minus) ?? wildcardProblem(operator, value, minus);
}

/** The problem of a word in the brackets of `operator`, as in `from:(a@x.com, b@x.com)`; undefined for none. */
export function foreignMember(operator: string, value: string, minus: string): string | undefined {
  if (operator === '') return undefined;
  // A comma is right in a name: "Doe, John".
  const isAddress = ADDRESSES.includes(operator) && /[@.]/.test(value);
  const takesOne = isAddress || operator === 'filename' || restrictsValues(operator);
  if (takesOne && /^[,;|]|[,;|]$/.test(value)) {
    return `"${value}" has a sign that Gmail takes for a space: write several values as ${minus}${operator}:{a b}`;
  }
  return foreignValue(operator, value, minus);
}

function commaProblem(operator: string, value: string, minus: string): string | undefined {
  const parts = value.split(/[,;|]/);
  if (parts.length < 2 || parts.includes('')) return undefined;
  const isList =
    ADDRESSES.includes(operator) ||
    (operator === 'filename' && parts.every((part) => /^\.?[a-z0-9]{2,4}$/i.test(part))) ||
    (restrictsValues(operator) && parts.every((part) => valueProblem(operator, part, '') === null));
  if (!isList) return undefined;
  const terms = parts.map((part) => `${operator}:${part}`).join(' ');
  return `"${operator}:${value}" has several values: write ${minus}{${terms}}`;
}

/** A star at the end of a word is a problem. Elsewhere it works as a space: `*@shop.com` and `E*TRADE` find the right mail. */
function wildcardProblem(operator: string, value: string, minus: string): string | undefined {
  const isPrefix = /^[\p{L}\p{N}][\p{L}\p{N}.-]*\*(?=$|@)/u.test(value) || (operator !== '' && value === '*');
  if (!isPrefix || operator === 'rfc822msgid') return undefined;
  if (operator === '') {
    return `Gmail knows no wildcards, and finds whole words only: write the whole word in place of "${value}"`;
  }
  const known = `Gmail knows no wildcards, as in "${operator}:${value}"`;
  const plain = value.replace(/^[*@.]+|[*@.]+$/g, '');
  const domain = value.slice(value.lastIndexOf('@') + 1).replace(/^[*.]+/, '');
  if (plain !== '' && !plain.includes('*')) return `${known}: write ${minus}${operator}:${plain}`;
  if (ADDRESSES.includes(operator) && value.includes('@') && domain !== '' && !domain.includes('*')) {
    return `${known}: write a whole address, or ${minus}${operator}:${domain} for all addresses of the domain`;
  }
  return `${known}: it finds whole words only`;
}
