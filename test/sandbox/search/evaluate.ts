// Compiles a Gmail query into a predicate over messages.

import type { StoredMessage } from '../message.ts';
import { compileTerm, type Predicate, type SearchContext } from './operators.ts';
import { parseQuery, type Query } from './parse.ts';

export interface CompiledQuery {
  /** `labelIds` are the labels in the search index, which may be older than the message's own. */
  readonly matches: (message: StoredMessage, labelIds: ReadonlySet<string>) => boolean;
  /** Whether the query asks for the trash, or for spam. */
  readonly asksForTrash: boolean;
  readonly asksForSpam: boolean;
  /** Whether the same query can find other messages a second later. */
  readonly dependsOnClock: boolean;
}

interface Traits {
  asksForTrash: boolean;
  asksForSpam: boolean;
  dependsOnClock: boolean;
}

interface Compiled {
  readonly matches: Predicate;
  /** Cheap conditions are tried first, so that texts are only looked into when labels and dates allow it. */
  readonly cost: number;
}

/**
 * Compiles a query for one moment and one set of labels.
 *
 * @throws QuerySyntaxError for a query that is not well formed.
 * @throws UnknownOperatorError for an operator or a value of one that is not known.
 */
export function compileQuery(query: string, context: SearchContext): CompiledQuery {
  const traits: Traits = { asksForTrash: false, asksForSpam: false, dependsOnClock: false };
  const { matches } = compile(parseQuery(query), false, context, traits);
  return { matches, ...traits };
}

function compile(query: Query, negated: boolean, context: SearchContext, traits: Traits): Compiled {
  switch (query.kind) {
    case 'term': {
      const term = compileTerm(query, context);
      traits.dependsOnClock ||= term.dependsOnClock ?? false;
      traits.asksForTrash ||= !negated && (term.asksForTrash ?? false);
      traits.asksForSpam ||= !negated && (term.asksForSpam ?? false);
      return term;
    }
    case 'not': {
      const { matches, cost } = compile(query.part, !negated, context, traits);
      return { matches: (message, labelIds) => !matches(message, labelIds), cost };
    }
    case 'and':
    case 'or': {
      const compiled = query.parts.map((part) => compile(part, negated, context, traits));
      compiled.sort((a, b) => a.cost - b.cost);
      const parts = compiled.map((part) => part.matches);
      const decisive = query.kind === 'or';
      return { matches: untilDecided(parts, decisive), cost: compiled.reduce((sum, { cost }) => sum + cost, 0) };
    }
  }
}

/** `decisive` when any part returns it; otherwise the opposite. */
function untilDecided(parts: readonly Predicate[], decisive: boolean): Predicate {
  return (message, labelIds) => {
    for (const part of parts) if (part(message, labelIds) === decisive) return decisive;
    return !decisive;
  };
}
