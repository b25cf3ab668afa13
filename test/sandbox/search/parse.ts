// Builds the tree of a Gmail query from its tokens.
//
// OR binds tighter than the AND between terms: `a OR b c` is `(a OR b) c`, and `a b OR c` is `a (b OR c)`. Google's help
// does not say so; it is what users of Gmail's filters report and what Google's web search does. Parentheses avoid the
// question.

import { QuerySyntaxError, type Token, tokenize } from './tokenize.ts';

export type Query =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly Query[] }
  | { readonly kind: 'not'; readonly part: Query }
  | Term;

export interface Term {
  readonly kind: 'term';
  /** Undefined for words that may stand anywhere in the message. */
  readonly operator: string | undefined;
  readonly value: string;
  readonly quoted: boolean;
}

type Bracket = ')' | '}';

/**
 * Returns the tree of a query; an empty query is an `and` without parts. A bracket behind an operator is spread over its
 * terms: `from:(a OR b)` becomes `from:a OR from:b`.
 *
 * @throws QuerySyntaxError when brackets do not match or something is missing.
 */
export function parseQuery(query: string): Query {
  const tokens = tokenize(query);
  if (tokens.length === 0) return { kind: 'and', parts: [] };
  return new Parser(tokens).parse();
}

class Parser {
  readonly #tokens: readonly Token[];
  #next = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): Query {
    const query = this.#allOf(undefined, undefined);
    const rest = this.#peek();
    if (rest !== undefined) throw new QuerySyntaxError(`Unexpected ${rest.kind}`);
    return query;
  }

  /** Terms side by side, or joined by AND, up to the closing bracket. */
  #allOf(close: Bracket | undefined, operator: string | undefined): Query {
    const parts = [this.#anyOf(operator)];
    while (this.#peek() !== undefined && this.#peek()?.kind !== close) {
      this.#skip('AND');
      parts.push(this.#anyOf(operator));
    }
    return combine('and', parts);
  }

  /** Terms joined by OR. */
  #anyOf(operator: string | undefined): Query {
    const parts = [this.#one(operator)];
    while (this.#skip('OR')) parts.push(this.#one(operator));
    return combine('or', parts);
  }

  /** Alternatives side by side in braces; an OR between them changes nothing. */
  #alternatives(operator: string | undefined): Query {
    const parts = [this.#anyOf(operator)];
    while (this.#peek() !== undefined && this.#peek()?.kind !== '}') parts.push(this.#anyOf(operator));
    return combine('or', parts);
  }

  #one(operator: string | undefined): Query {
    const token = this.#peek();
    this.#next += 1;
    switch (token?.kind) {
      case '-':
        return { kind: 'not', part: this.#one(operator) };
      case '(':
        return this.#closed(')', this.#allOf(')', operator));
      case '{':
        return this.#closed('}', this.#alternatives(operator));
      case 'word':
      case 'phrase':
        return { kind: 'term', operator, value: token.text, quoted: token.kind === 'phrase' };
      case 'operator':
        if (operator !== undefined) {
          throw new QuerySyntaxError(`${token.text}: cannot stand inside the brackets of ${operator}:`);
        }
        return this.#operand(token.text);
      default:
        throw new QuerySyntaxError(`A search term is missing before ${token?.kind ?? 'the end of the query'}`);
    }
  }

  #operand(operator: string): Query {
    const token = this.#peek();
    if (token?.kind === 'word' && token.text.startsWith('-')) {
      throw new QuerySyntaxError(`The minus sign belongs before ${operator}:, or the operand in quotes`);
    }
    return this.#one(operator);
  }

  #closed(bracket: Bracket, query: Query): Query {
    if (!this.#skip(bracket)) throw new QuerySyntaxError(`A bracket is not closed: ${bracket} expected`);
    return query;
  }

  #peek(): Token | undefined {
    return this.#tokens[this.#next];
  }

  #skip(kind: Token['kind']): boolean {
    if (this.#peek()?.kind !== kind) return false;
    this.#next += 1;
    return true;
  }
}

function combine(kind: 'and' | 'or', parts: readonly Query[]): Query {
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : { kind, parts };
}
