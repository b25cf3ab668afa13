/**
 * Parses a Gmail search into its terms, with their operators, negation and alternatives, and refuses a search that Gmail
 * would understand differently from its author. Does not find messages: Gmail does.
 */
import { foreignMember } from './foreign-values.ts';
import { isTerm, missingColon } from './operators.ts';
import { orQuotes, QueryError, type Token, tokenize } from './tokens.ts';
import { valueProblem } from './values.ts';

/** One term of a search, such as `-label:"A&E"` or a plain word. */
export interface Term {
  /** In lower case, without the colon; '' for a plain word or phrase. */
  readonly operator: string;
  /** Without quotes. */
  readonly value: string;
  /** Whether the term, or a group around it, is negated. */
  readonly negated: boolean;
  /**
   * The number of the term's condition: every match of the search fulfils at least one term of each condition. Null for
   * a term in a negated group, or in an alternative with groups, which belongs to no condition.
   */
  readonly condition: number | null;
  /** The place of the value, with its quotes, in the search: from index `from` to before `to`. */
  readonly from: number;
  readonly to: number;
}

/** Properties of a group that its terms inherit. */
interface GroupContext {
  readonly operator: string;
  readonly negated: boolean;
  readonly required: boolean;
  /** Whether every match of the search must be outside the group. */
  readonly excluded: boolean;
  readonly depth: number;
}

/** Each level of brackets takes a part of the stack. */
const MOST_LEVELS = 100;

/**
 * The terms of `query`.
 * @throws QueryError for unbalanced quotes or brackets, empty groups, unknown operators, missing or invalid values, and
 *   words and characters that only look like Gmail's search language: Gmail would find something else than meant.
 */
export function parseQuery(query: string, mostLevels = MOST_LEVELS): Term[] {
  const tokens = tokenize(query);
  refuseQuotedTerms(tokens);
  const terms: Term[] = [];
  let next = 0;
  let conditions = 0;

  const readLevel = (around: GroupContext, opened: Token | undefined): void => {
    const first = terms.length;
    let members = 0;
    let groups = 0;
    let ors = 0;
    /** An OR or AND whose right side is not read yet. */
    let open: Token | undefined;
    const inBraces = opened?.bracket === '{';
    if (around.depth > mostLevels) {
      throw new QueryError(`brackets are nested more than ${mostLevels} deep`, opened?.at ?? 0);
    }
    for (;;) {
      const token = tokens[next];
      if (token === undefined) {
        if (opened !== undefined) throw new QueryError(`"${opened.bracket}" is not closed`, opened.from);
        break;
      }
      next += 1;
      if (token.bracket === ')' || token.bracket === '}') {
        closes(opened, token);
        break;
      }
      if (isWord(token, 'OR') || isWord(token, 'AND')) {
        const without = (side: string) => new QueryError(`an ${token.value} without a ${side} side`, token.at);
        if (members === 0 || open !== undefined) throw without('left');
        const after = tokens[next]?.bracket ?? '';
        if (tokens[next] === undefined || after === ')' || after === '}') throw without('right');
        if (inBraces && token.value === 'AND') {
          throw new QueryError('an AND in braces, which are alternatives: write {(a b) c}', token.at);
        }
        if (token.value === 'OR') ors += 1;
        open = token;
        continue;
      }
      open = undefined;
      members += 1;
      if (token.bracket !== undefined) groups += 1;
      refuseMistakenWord(query, tokens, next - 1, around.operator);
      refuseMissingColon(tokens, next - 1, around.operator);
      readMember(token, around);
    }
    if (opened !== undefined && members === 0) throw new QueryError('an empty group', opened.at);
    if (around.excluded && groups === 0 && (inBraces || ors === members - 1)) {
      for (let i = first; i < terms.length; i += 1) terms[i] = { ...(terms[i] as Term), condition: ++conditions };
    } else if (inBraces || ors > 0) {
      const condition = around.required && groups === 0 ? ++conditions : null;
      for (let i = first; i < terms.length; i += 1) terms[i] = { ...(terms[i] as Term), condition };
    }
  };

  const readMember = (token: Token, around: GroupContext): void => {
    if (token.operator !== '' && around.operator !== '') {
      const term = `${token.operator}:${token.value}`;
      const instead = around.operator === 'subject' ? orQuotes(query, token.at) : '';
      throw new QueryError(
        `"${token.bracket === undefined ? term : `${token.operator}:`}" stands in the brackets of ${around.operator}:, where no other operator works: put it outside${instead}`,
        token.at,
      );
    }
    const operator = token.operator || around.operator;
    const negated = around.negated !== token.minus;
    if (token.bracket !== undefined) {
      const required = around.required && !token.minus;
      const excluded = around.required && token.minus;
      readLevel({ operator, negated, required, excluded, depth: around.depth + 1 }, token);
      return;
    }
    const following = tokens[next];
    const { value, from, to } = token;
    // tokenize does not know the operator of the brackets.
    const foreign = token.operator === '' && !token.quoted && foreignMember(operator, value, negated ? '-' : '');
    if (foreign) throw new QueryError(foreign, token.at);
    const behind = following && isPlain(following) ? following.value : '';
    const problem = valueProblem(operator, value, behind, token.minus ? '-' : '');
    if (problem !== null) throw new QueryError(problem, token.at);
    terms.push({ operator, value, negated, condition: around.required ? ++conditions : null, from, to });
  };

  readLevel({ operator: '', negated: false, required: true, excluded: false, depth: 0 }, undefined);
  return terms;
}

/** Refuses a search that is one phrase of terms: YAML and the shell remove only the outer quotes. */
function refuseQuotedTerms([token, ...others]: readonly Token[]): void {
  if (token === undefined || others.length > 0 || !token.quoted || token.operator !== '') return;
  const words = token.value.split(/\s+/);
  if (!words.every((word) => isTerm(word) || word === 'OR')) return;
  const [operator = '', value = ''] = token.value.split(/:(.*)/s);
  // A single word with an invalid value is text.
  if (words.length === 1 && valueProblem(operator.toLowerCase(), value, '') !== null) return;
  throw new QueryError(
    `quotes inside quotes: Gmail would search for the phrase: write ${token.minus ? `-(${token.value})` : token.value}`,
    token.at,
  );
}

/** Words and signs that people mean as OR, AND or minus. */
const MISTAKEN: ReadonlyMap<string, string> = new Map([
  ...['or', '|', '||', ',', '/'].map((word) => [word, 'OR'] as const),
  ...['and', '&', '&&', '+'].map((word) => [word, 'AND'] as const),
  ...['not', '!'].map((word) => [word, '-'] as const),
]);

/** Operators whose values are words of text. */
const TEXTS: readonly string[] = ['from', 'to', 'cc', 'bcc', 'deliveredto', 'list', 'filename'];

/** Refuses NOT always, `or`, `and` and `not` beside a term that is no plain word, and AROUND without a number. */
function refuseMistakenWord(query: string, tokens: readonly Token[], index: number, operator: string): void {
  const token = tokens[index];
  if (token === undefined || !isPlain(token)) return;
  const { value, at } = token;
  const [before, after] = [tokens[index - 1], tokens[index + 1]];
  if (value === 'AROUND') {
    if (before !== undefined && after !== undefined && isPlain(after) && /^\d+$/.test(after.value)) return;
    throw new QueryError(`an AROUND without a number of words: write "a AROUND 5 b"${orQuotes(query, at)}`, at);
  }
  const meant = MISTAKEN.get(value.toLowerCase());
  if (meant === undefined) return;
  // Brackets after `from:` or `filename:` may hold these words as text, except "or"; brackets after `label:` hold none.
  const isText = operator === '' || operator === 'subject' || (TEXTS.includes(operator) && meant !== 'OR');
  const strong = !isText || isStrong(after, ')}') || (meant !== '-' && isStrong(before, '({'));
  if (value !== 'NOT' && !strong) return;
  const right = meant === '-' ? `-${textOf(query, after)}` : meant;
  const quoted = operator === 'subject' ? orQuotes(query, at) : `, or "${value}" for the word itself`;
  throw new QueryError(`Gmail takes ${value} for a word: write ${right}${quoted}`, at);
}

/** Refuses `is starred` and `is;starred`; in the brackets of an operator only words that cannot be text. */
function refuseMissingColon(tokens: readonly Token[], index: number, operator: string): void {
  const token = tokens[index];
  if (token === undefined || !isPlain(token)) return;
  const next = (offset: number) => {
    const after = tokens[index + offset];
    return after !== undefined && isPlain(after) && !after.minus ? after.value : '';
  };
  // "older than 14d"
  const isThan = /^(?:older|newer)$/i.test(token.value) && next(1) === 'than' && /^\d+[a-z]+$/i.test(next(2));
  const word = isThan ? `${token.value}_than` : token.value;
  // After a plain word it is text: "your order is sent".
  const before = tokens[index - 1];
  const isSentence = before !== undefined && isPlain(before) && !token.minus && !isThan;
  const following = isSentence ? '' : next(isThan ? 2 : 1);
  const isText = operator !== '' && !/^(?:older|newer)_than/i.test(word);
  const problem = isText ? undefined : missingColon(word, following, token.minus);
  if (problem === undefined) return;
  const isPair = operator === '' && following !== '' && /^\p{L}+$/u.test(token.value);
  const text = isPair ? `${token.value} ${isThan ? 'than ' : ''}${following}` : token.value;
  throw new QueryError(`${problem}, or "${text}" for the text itself`, token.at);
}

/** Whether the token beside a word shows that the word was meant as an operator. */
function isStrong(token: Token | undefined, otherBrackets: string): boolean {
  if (token === undefined) return false;
  if (token.bracket !== undefined) return !otherBrackets.includes(token.bracket);
  return token.operator !== '' || token.quoted;
}

/** The token as written; a group as `(…)` or `{…}`. */
function textOf(query: string, token: Token | undefined): string {
  if (token === undefined || token.bracket === ')' || token.bracket === '}') return 'word';
  const text = /^-?(?:[^\s"(){}]*"[^"]*"|[^\s"(){}]+[({]?|[({])/.exec(query.slice(token.at))?.[0] ?? '';
  return text.replace(/^-/, '').replace(/([({])$/, (bracket) => (bracket === '(' ? '(…)' : '{…}'));
}

function closes(opened: Token | undefined, token: Token): void {
  if (opened === undefined) throw new QueryError(`"${token.bracket}" closes nothing`, token.at);
  const fits = (opened.bracket === '(') === (token.bracket === ')');
  if (!fits) throw new QueryError(`"${opened.bracket}" is closed by "${token.bracket}"`, token.at);
}

function isWord(token: Token, word: string): boolean {
  return token.value === word && isPlain(token);
}

function isPlain({ quoted, operator, bracket }: Token): boolean {
  return !quoted && operator === '' && bracket === undefined;
}
