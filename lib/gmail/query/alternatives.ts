/**
 * Values that other programs take and Gmail does not: wildcards, and several values with commas. Gmail takes `*` and `,`
 * for a space between words (sensefulsolutions.com/2010/07/how-gmail-filter-email-matching-works.html), and finds whole
 * words only.
 */
import { isChecked, valueProblem } from './values.ts';

const ADDRESSES: readonly string[] = ['from', 'to', 'cc', 'bcc', 'deliveredto', 'list'];

/** Returns what is wrong with an operator's value or a plain word; undefined when nothing is. */
export function foreignValue(operator: string, value: string, minus: string): string | undefined {
  return commaProblem(operator, value, minus) ?? wildcardProblem(operator, value, minus);
}

function commaProblem(operator: string, value: string, minus: string): string | undefined {
  const parts = value.split(/[,;|]/);
  if (parts.length < 2 || parts.includes('')) return undefined;
  const isList =
    ADDRESSES.includes(operator) ||
    (operator === 'filename' && parts.every((part) => /^\.?[a-z0-9]{2,4}$/i.test(part))) ||
    (isChecked(operator) && parts.every((part) => valueProblem(operator, part, '') === null));
  if (!isList) return undefined;
  const terms = parts.map((part) => `${operator}:${part}`).join(' ');
  return `"${operator}:${value}" has several values: write ${minus}{${terms}}`;
}

/** A star beside a letter stands for more letters elsewhere; Gmail ignores one beside a sign, as in `*@shop.com`. */
function wildcardProblem(operator: string, value: string, minus: string): string | undefined {
  if (!/\p{L}\*|\*\p{L}|^\*$/u.test(value) || operator === 'rfc822msgid') return undefined;
  if (operator === '') {
    return `Gmail knows no wildcards, and finds whole words only: write the whole word in place of "${value}"`;
  }
  const known = `Gmail knows no wildcards, as in "${operator}:${value}"`;
  const plain = value.replace(/^[*@.]+|[*@.]+$/g, '');
  const domain = value.slice(value.lastIndexOf('@') + 1).replace(/^[*.]+/, '');
  if (plain !== '' && !plain.includes('*')) return `${known}: write ${minus}${operator}:${plain}`;
  if (ADDRESSES.includes(operator) && value.includes('@') && domain !== '' && !domain.includes('*')) {
    return `${known}: write a whole address, or ${minus}${operator}:${domain} for every one there`;
  }
  return `${known}: it finds whole words only`;
}
