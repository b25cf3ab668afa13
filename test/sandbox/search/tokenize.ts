// Splits a Gmail query into its tokens: words, phrases, operators, brackets and minus signs.

/** A query that is not well formed: unbalanced quotes or brackets, or something missing. */
export class QuerySyntaxError extends Error {
  override readonly name: string = 'QuerySyntaxError';
}

/** An operator or value that the sandbox does not know: it does not guess its meaning. */
export class UnknownOperatorError extends QuerySyntaxError {
  override readonly name = 'UnknownOperatorError';
}

export type Token =
  /** A bare word, or the operand of the operator before it. */
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'phrase'; readonly text: string }
  /** `subject:` with its operand in the next token; `text` is the lower-case name without the colon. */
  | { readonly kind: 'operator'; readonly text: string }
  | { readonly kind: '(' | ')' | '{' | '}' | '-' | 'OR' | 'AND' };

const SPACE = /\s+/y;
const BRACKET = /[(){}]/y;
const PHRASE = /"([^"]*)"/y;
const OPERATOR = /([a-z][a-z0-9_]*):/iy;
const WORD = /[^\s(){}"]+/y;

/** Parts of search languages that would otherwise be read as words. */
const RESERVED = new Set(['NOT', 'AROUND']);

/** @throws QuerySyntaxError when a quote is not closed or an operator or a minus sign stands alone. */
export function tokenize(query: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;

  function take(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = position;
    const match = pattern.exec(query);
    if (match) position = pattern.lastIndex;
    return match;
  }

  function takeOperand(): Token | undefined {
    const phrase = take(PHRASE);
    if (phrase) return { kind: 'phrase', text: phrase[1] ?? '' };
    const word = take(WORD);
    return word ? { kind: 'word', text: word[0] } : undefined;
  }

  while (position < query.length) {
    if (take(SPACE)) continue;

    const bracket = take(BRACKET);
    if (bracket) {
      tokens.push({ kind: bracket[0] as '(' | ')' | '{' | '}' });
      continue;
    }

    if (query[position] === '-') {
      position += 1;
      if (position === query.length || /[\s)}]/.test(query.charAt(position))) {
        throw new QuerySyntaxError('A minus sign must stand directly before what it negates');
      }
      tokens.push({ kind: '-' });
      continue;
    }

    const operator = take(OPERATOR);
    if (operator) {
      const name = (operator[1] ?? '').toLowerCase();
      tokens.push({ kind: 'operator', text: name });
      const next = query.charAt(position);
      if (next === '(' || next === '{') continue;
      const operand = takeOperand();
      if (operand === undefined) throw new QuerySyntaxError(unclosedOr(next, `${name}: has no operand`));
      tokens.push(operand);
      continue;
    }

    const operand = takeOperand();
    if (operand === undefined) throw new QuerySyntaxError(unclosedOr(query.charAt(position), 'Unexpected character'));
    tokens.push(operand.kind === 'word' ? keywordOr(operand.text) : operand);
  }
  return tokens;
}

function keywordOr(text: string): Token {
  if (text === 'OR' || text === 'AND') return { kind: text };
  if (RESERVED.has(text)) throw new UnknownOperatorError(`Unknown operator ${text}`);
  return { kind: 'word', text };
}

function unclosedOr(next: string, message: string): string {
  return next === '"' ? 'A quote is not closed' : message;
}
