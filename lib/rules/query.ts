/**
 * Reads a Gmail search far enough to refuse what is broken and to know what it names: its terms with their operators,
 * their negation, and whether they stand in an alternative. What a search finds, Gmail alone decides.
 */
import { systemLabelId } from '../gmail/labels.ts';
import { nearest } from '../nearest.ts';

/** One term of a search, such as `-label:"A&E"` or a plain word. */
export interface Term {
  /** In lower case, without the colon; '' for plain words and phrases. */
  readonly operator: string;
  /** Without quotes. */
  readonly value: string;
  /** Whether the term, or a group around it, is negated. */
  readonly negated: boolean;
  /**
   * The condition that every match of the search has to fulfil, by fulfilling one of the terms with its number; null
   * for a term that belongs to none, because it stands in a negated group, or in an alternative with groups.
   */
  readonly condition: number | null;
  /** Where its value stands in the search, with its quotes: from here up to, without, there. */
  readonly from: number;
  readonly to: number;
}

/** The search is broken, at a place counted from 0. */
export class QueryError extends Error {
  readonly at: number;

  constructor(message: string, at: number) {
    super(message);
    this.name = 'QueryError';
    this.at = at;
  }
}

/** Gmail's search operators. Source: support.google.com/mail/answer/7190. */
const OPERATORS: readonly string[] = [
  ...[
    'from',
    'to',
    'cc',
    'bcc',
    'deliveredto',
    'subject',
    'list',
    'rfc822msgid',
    'filename',
    'label',
    'in',
    'is',
    'has',
  ],
  ...['category', 'older', 'newer', 'older_than', 'newer_than', 'after', 'before', 'larger', 'smaller', 'size'],
];

interface Token {
  readonly at: number;
  /** Where its value begins, with its quotes, and where the token ends. */
  readonly from: number;
  readonly to: number;
  readonly minus: boolean;
  readonly operator: string;
  /** An opening or closing bracket, or undefined for a term. */
  readonly bracket: string | undefined;
  readonly value: string;
  readonly quoted: boolean;
}

/** What a group hands down to what stands in it. */
interface Around {
  readonly operator: string;
  readonly negated: boolean;
  readonly required: boolean;
}

/**
 * The terms of `query`.
 * @throws QueryError for unbalanced quotes or brackets, empty groups, operators without a value, and operators that
 *   are probably misspelt (Gmail would search for them as words, and protect or find something else than meant).
 */
export function parseQuery(query: string): Term[] {
  const tokens = tokenize(query);
  const terms: Term[] = [];
  let next = 0;
  let conditions = 0;

  const readLevel = (around: Around, opened: Token | undefined): void => {
    const first = terms.length;
    let members = 0;
    let groups = 0;
    /** An OR to which the right side has yet to come. */
    let open: Token | undefined;
    let alternatives = opened?.bracket === '{';
    for (;;) {
      const token = tokens[next];
      if (token === undefined) {
        if (opened !== undefined) throw new QueryError(`"${opened.bracket}" is not closed`, opened.at);
        break;
      }
      next += 1;
      if (token.bracket === ')' || token.bracket === '}') {
        closes(opened, token);
        break;
      }
      if (isWord(token, 'AND')) continue;
      if (isWord(token, 'OR')) {
        if (members === 0 || open !== undefined) throw new QueryError('an OR without a left side', token.at);
        alternatives = true;
        open = token;
        continue;
      }
      open = undefined;
      members += 1;
      if (token.bracket !== undefined) groups += 1;
      readMember(token, around);
    }
    if (open !== undefined) throw new QueryError('an OR without a right side', open.at);
    if (opened !== undefined && members === 0) throw new QueryError('an empty group', opened.at);
    if (!alternatives) return;
    const condition = around.required && groups === 0 ? ++conditions : null;
    for (let i = first; i < terms.length; i += 1) terms[i] = { ...(terms[i] as Term), condition };
  };

  const readMember = (token: Token, around: Around): void => {
    const operator = token.operator || around.operator;
    const negated = around.negated !== token.minus;
    if (token.bracket !== undefined) {
      readLevel({ operator, negated, required: around.required && !token.minus }, token);
    } else {
      const { value, from, to } = token;
      terms.push({ operator, value, negated, condition: around.required ? ++conditions : null, from, to });
    }
  };

  readLevel({ operator: '', negated: false, required: true }, undefined);
  return terms;
}

function closes(opened: Token | undefined, token: Token): void {
  if (opened === undefined) throw new QueryError(`"${token.bracket}" closes nothing`, token.at);
  const fits = (opened.bracket === '(') === (token.bracket === ')');
  if (!fits) throw new QueryError(`"${opened.bracket}" is closed by "${token.bracket}"`, token.at);
}

function isWord(token: Token, word: string): boolean {
  return token.value === word && !token.quoted && token.operator === '' && token.bracket === undefined;
}

function tokenize(query: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < query.length) {
    if (/\s/.test(query[at] ?? '')) {
      at += 1;
      continue;
    }
    const rest = query.slice(at);
    requireValue(rest, at);
    const token = /^(-?)(?:(\w+):(?!\/\/))?(?:([(){}])|"([^"]*)"|([^\s"(){}]+))/.exec(rest);
    if (token === null) throw unreadable(query, at);
    const [text, minus = '', prefix, bracket, phrase, bare] = token;
    const operator = prefix === undefined ? '' : knownOperator(prefix, at);
    if (operator !== '' && (bracket === ')' || bracket === '}')) throw new QueryError(`"${prefix}:" has no value`, at);
    const value = (phrase ?? bare ?? '').trim();
    if (bracket === undefined && (value === '' || value === '-')) throw new QueryError('an empty term', at);
    const from = at + minus.length + (prefix === undefined ? 0 : prefix.length + 1);
    const to = at + text.length;
    tokens.push({ at, from, to, minus: minus === '-', operator, bracket, value, quoted: phrase !== undefined });
    at = to;
  }
  return tokens;
}

function unreadable(query: string, at: number): QueryError {
  const quote = query.indexOf('"', at);
  return quote >= 0 ? new QueryError('a quote is not closed', quote) : new QueryError('an empty term', at);
}

/** Refuses `from:` with nothing behind it, which Gmail would take for a word. */
function requireValue(rest: string, at: number): void {
  const [, prefix = ''] = /^-?(\w+):(?=[\s)}]|$)/.exec(rest) ?? [];
  if (OPERATORS.includes(prefix.toLowerCase())) throw new QueryError(`"${prefix}:" has no value`, at);
}

function knownOperator(prefix: string, at: number): string {
  const operator = prefix.toLowerCase();
  if (OPERATORS.includes(operator)) return operator;
  const meant = nearest(operator, OPERATORS);
  if (meant === undefined) return operator;
  throw new QueryError(`"${prefix}:" is no search operator (did you mean "${meant}:"?)`, at);
}

/** What `is:` can say about a label of the system; `is:read` is the same label as `is:unread`. */
const STATES: ReadonlyMap<string, string> = new Map([
  ['unread', 'UNREAD'],
  ['read', 'UNREAD'],
  ['starred', 'STARRED'],
  ['important', 'IMPORTANT'],
  ['sent', 'SENT'],
  ['draft', 'DRAFT'],
  ['drafts', 'DRAFT'],
  ['chat', 'CHAT'],
  ['chats', 'CHAT'],
  ['inbox', 'INBOX'],
  ['trash', 'TRASH'],
  ['spam', 'SPAM'],
  ['archive', 'INBOX'],
  ['primary', 'CATEGORY_PERSONAL'],
]);

/** Values of `in:` that name no label. */
const PLACES = new Set(['anywhere', 'snoozed', 'muted']);

/** The label that a term names: a system label's id, or a user's label as the term writes it; null for none. */
export function labelNamed({ operator, value }: Term): string | null {
  const lower = value.toLowerCase();
  switch (operator) {
    case 'is':
      return STATES.get(lower) ?? null;
    case 'has':
      return /star$/.test(lower) ? 'STARRED' : null;
    case 'category':
      return STATES.get(lower) ?? systemLabelId(`CATEGORY_${lower}`) ?? null;
    case 'in':
      return PLACES.has(lower) ? null : (STATES.get(lower) ?? systemLabelId(value) ?? value);
    case 'label':
      return STATES.get(lower) ?? systemLabelId(value) ?? value;
    default:
      return null;
  }
}

/** Whether the search asks for messages in Trash or Spam, which Gmail leaves out otherwise. */
export function asksForSpamOrTrash(terms: readonly Term[]): boolean {
  return terms.some((term) => {
    if (term.negated) return false;
    const label = labelNamed(term);
    return label === 'TRASH' || label === 'SPAM' || (term.operator === 'in' && term.value.toLowerCase() === 'anywhere');
  });
}
