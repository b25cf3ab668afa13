/** Says of a search that Gmail refuses which rule it belongs to, and what of it is to be corrected. */
import { formatCount } from '../base/count.ts';
import { ConfigError } from '../errors.ts';
import { SearchRefusal } from '../gmail/searcher.ts';
import type { Rule, Search } from './schema.ts';

/** `error` with the rule's name when it is about the rule's search; any other as it is. */
export function blame(error: unknown, { name, search }: Rule, protect: Search | undefined): unknown {
  if (!(error instanceof SearchRefusal)) return error;
  const { refusal, length } = error;
  if (refusal.reason !== 'tooLong') {
    const query = `the query of the rule ${name}${protect === undefined ? '' : ', or protect'}`;
    return new ConfigError(
      `Gmail does not accept ${query}: ${refusal.message}`,
      "Correct the query; try it in Gmail's search box.",
      { cause: error },
    );
  }
  const [own, shared] = [search.query.length, protect?.query.length ?? 0];
  const parts = shared === 0 ? '' : ` and protect for ${formatCount(shared)}`;
  return new ConfigError(
    `The search of the rule ${name} is too long for Gmail: it has ${formatCount(length)} characters; the rule's query accounts for ${formatCount(own)}${parts}`,
    shared > own
      ? 'Shorten protect, which is a part of the search of every rule: a label or a few domains say more in less.'
      : 'Divide the rule into several with the same actions, each with a part of the query.',
    { cause: error },
  );
}
