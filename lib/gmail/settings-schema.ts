/** Searches and labels in settings files, checked as valibot schemas. */
import * as v from 'valibot';
import { labelProblem } from './label-names.ts';
import { parseQuery, type Term } from './query/parse.ts';
import { QueryError } from './query/tokens.ts';

export interface Search {
  readonly query: string;
  readonly terms: readonly Term[];
}

export const searchSchema = v.pipe(
  v.string('must be text (put it in quotes)'),
  // Keeps spaces outside ASCII, so that parseQuery refuses them: Gmail does not take them for spaces.
  v.transform((value) => value.replace(/[ \t\r\n]+/g, ' ').replace(/^ | $/g, '')),
  v.nonEmpty('is empty'),
  v.rawTransform(({ dataset, addIssue, NEVER }): Search => {
    const query = dataset.value;
    try {
      return { query, terms: parseQuery(query) };
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      addIssue({ message: `is not a valid search (character ${error.at + 1}): ${error.message}` });
      return NEVER;
    }
  }),
);

/** The name of a label that may be added to messages. */
export const labelSchema = v.pipe(
  v.string('must be text (put it in quotes)'),
  v.check(
    (name) => labelProblem(name) === undefined,
    ({ input }) => labelProblem(input) ?? '',
  ),
);
