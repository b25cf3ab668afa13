/** An option of a job whose value is a Gmail search. */
import { UsageError } from '../../errors.ts';
import type { OptionSpec } from '../../options.ts';
import { parseQuery } from './parse.ts';
import { QueryError } from './tokens.ts';

/**
 * An option whose value is a Gmail search. A search that Gmail would understand differently is refused (2).
 * @example query: searchOption('<search>', 'the messages to sweep')
 */
export function searchOption(placeholder: string, summary: string): OptionSpec<string | undefined> {
  const parse = (text: string) => {
    try {
      parseQuery(text);
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      throw new UsageError(
        `"${text}" is not a valid search (character ${error.at + 1}): ${error.message}`,
        "Correct the search; try it in Gmail's search box.",
      );
    }
    if (text.trim() === '') throw new UsageError('the search is empty', 'Write a search, such as in:inbox.');
    return text;
  };
  return { placeholder, summary, parse, fallback: undefined };
}
