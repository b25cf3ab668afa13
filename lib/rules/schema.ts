/** rules.yaml: from its text to proven rules, or to every problem with file, line and column. */
import * as v from 'valibot';
import { type Document, isMap, isNode, LineCounter, type Node, parseDocument } from 'yaml';
import { ConfigError } from '../errors.ts';
import { labelProblem } from '../gmail/label-names.ts';
import { parseQuery, type Term } from '../gmail/query/parse.ts';
import { QueryError } from '../gmail/query/tokens.ts';
import { didYouMean } from '../nearest.ts';
import { type Actions, reduceActions, SWITCHES } from './actions.ts';
import { parseShare } from './share.ts';

export interface Search {
  readonly query: string;
  readonly terms: readonly Term[];
}

export interface Rule extends Actions {
  readonly name: string;
  readonly search: Search;
  /** The newest so many matches are spared. */
  readonly keepNewest: number;
  /** More changes than this by the rule stop the run. */
  readonly maxChanges: number | undefined;
}

export interface RuleSet {
  /** What is never touched; undefined when there is nothing. */
  readonly protect: Search | undefined;
  /** More changes than this stop the run. */
  readonly maxChanges: number | undefined;
  /** The largest share of the mailbox, between 0 and 1, that a rule may change in a backfill. */
  readonly maxShare: number | undefined;
  /** Whether runs keep a journal, by which they can be taken back. */
  readonly undo: boolean;
  /** The enabled rules, in their order. */
  readonly rules: readonly Rule[];
  /** Names of the rules that are left out. */
  readonly disabled: readonly string[];
}

const text = v.pipe(
  v.string('must be text (put it in quotes)'),
  v.transform((value) => value.replace(/\s+/g, ' ').trim()),
  v.nonEmpty('is empty'),
);
const search = v.pipe(
  v.string('must be text (put it in quotes)'),
  // Other spaces than ASCII's are no spaces to Gmail, and are refused below.
  v.transform((value) => value.replace(/[ \t\r\n]+/g, ' ').replace(/^ | $/g, '')),
  v.nonEmpty('is empty'),
  v.rawTransform(({ dataset, addIssue, NEVER }): Search => {
    const query = dataset.value;
    try {
      return { query, terms: parseQuery(query) };
    } catch (error) {
      if (!(error instanceof QueryError)) throw error;
      addIssue({ message: `is no search, at its character ${error.at + 1}: ${error.message}` });
      return NEVER;
    }
  }),
);
const count = (least: number) =>
  v.pipe(
    v.number('must be a number'),
    v.check((value) => Number.isSafeInteger(value) && value >= least, `must be a whole number of at least ${least}`),
  );
const share = v.pipe(
  v.union([v.string(), v.number()], 'must be a percentage, such as 50%'),
  v.rawTransform(({ dataset, addIssue, NEVER }): number => {
    const value = parseShare(String(dataset.value));
    if (value !== null) return value;
    addIssue({ message: 'must be a percentage above 0 and up to 100, such as 50%' });
    return NEVER;
  }),
);
const label = v.pipe(
  v.string('must be text (put it in quotes)'),
  v.check(
    (name) => labelProblem(name) === undefined,
    ({ input }) => labelProblem(input) ?? '',
  ),
);
const labels = v.pipe(v.array(label, 'must be a list, such as ["Auto/Archived"]'), v.minLength(1, 'is an empty list'));
const flag = v.optional(v.boolean('must be true or false'));
const switches = Object.fromEntries(Object.keys(SWITCHES).map((name) => [name, flag])) as Record<
  keyof typeof SWITCHES,
  typeof flag
>;

/** Must come before strictObject, which takes a list for a map with the keys 0, 1, 2 … */
const map = (message: string) =>
  v.custom<object>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), message);

const actionsSchema = v.strictObject({
  ...switches,
  addLabels: v.optional(labels),
  removeLabels: v.optional(labels),
});
const actions = v.pipe(
  map('must be a map of actions'),
  actionsSchema,
  v.rawTransform(({ dataset, addIssue, NEVER }): Actions => {
    const reduced = reduceActions(dataset.value);
    if (!('problem' in reduced)) return reduced;
    addIssue({ message: `cannot be: ${reduced.problem}` });
    return NEVER;
  }),
);
const ruleSchema = v.strictObject({
  name: v.pipe(text, v.regex(/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/, 'must be in kebab-case, such as old-newsletters')),
  query: search,
  actions,
  keepNewest: v.optional(count(0)),
  maxChanges: v.optional(count(1)),
  enabled: flag,
});
const rule = v.pipe(map('must be a rule with name, query and actions'), ruleSchema);
const fileSchema = v.strictObject({
  protect: v.optional(search),
  maxChanges: v.optional(count(1)),
  maxShare: v.optional(share),
  undo: flag,
  rules: v.pipe(v.array(rule, 'must be a list of rules'), v.minLength(1, 'is an empty list')),
});
const rulesFile = v.pipe(map('must be a map with the key rules'), fileSchema);

/** More are not told at once, to keep a line of the log a line. */
const MOST_PROBLEMS = 20;

type Path = readonly (string | number)[];

interface Problem {
  readonly path: Path;
  /** Whether the path's last part is a key that should not be there. */
  readonly atKey?: boolean;
  readonly message: string;
}

/**
 * The rules in `source`. `file` is only named in messages.
 * @throws ConfigError with all problems, each as `file:line:column: what is wrong`.
 */
export function parseRules(source: string, file: string): RuleSet {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, stringKeys: true });
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `${file}:${line}:${col}`;
  };
  if (document.errors.length > 0) {
    throw broken(document.errors.map((error) => `${place(error.pos[0])}: ${yamlProblem(error.code, error.message)}`));
  }
  if (document.contents === null) throw broken([`${file}: is empty: it must have a list of rules`]);

  const plain = toPlain(document, file);
  const result = v.safeParse(rulesFile, plain);
  const problems = [...(result.issues ?? []).map(describe), ...doubledNames(plain)];
  if (problems.length > 0 || !result.success) {
    const placed = problems.map((problem) => ({ offset: offsetOf(document, problem), message: problem.message }));
    placed.sort((a, b) => a.offset - b.offset);
    throw broken(placed.map(({ offset, message }) => `${place(offset)}: ${message}`));
  }
  const { protect, maxChanges, maxShare, undo = true, rules } = result.output;
  return {
    protect,
    maxChanges,
    maxShare,
    undo,
    rules: rules
      .filter(({ enabled }) => enabled !== false)
      .map(({ name, query, actions, keepNewest = 0, maxChanges: atMost }) => ({
        name,
        search: query,
        keepNewest,
        maxChanges: atMost,
        ...actions,
      })),
    disabled: rules.filter(({ enabled }) => enabled === false).map(({ name }) => name),
  };
}

/** Rules with the name of an earlier one, whatever else may be wrong with them. */
function doubledNames(plain: unknown): Problem[] {
  const rules = (plain as { rules?: unknown } | null)?.rules;
  if (!Array.isArray(rules)) return [];
  const names = rules.map((rule: { name?: unknown } | null) => rule?.name);
  return names.flatMap((name, index) =>
    typeof name === 'string' && names.indexOf(name) < index
      ? [{ path: ['rules', index, 'name'], message: `the name ${name} is used twice` }]
      : [],
  );
}

function describe(issue: v.BaseIssue<unknown>): Problem {
  const path = (issue.path ?? []).map((item) => item.key as string | number);
  const key = String(path.at(-1) ?? '');
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    return { path, atKey: true, message: `unknown key "${key}"${didYouMean(key, knownKeys(path))}` };
  }
  if (issue.type === 'strict_object' && issue.input === undefined && issue.expected?.startsWith('"')) {
    return { path: path.slice(0, -1), message: `the key "${key}" is missing` };
  }
  return { path, message: path.length === 0 ? `the file ${issue.message}` : `${pathName(path)} ${issue.message}` };
}

function knownKeys(path: Path): string[] {
  const entries =
    path.length === 1 ? fileSchema.entries : path.includes('actions') ? actionsSchema.entries : ruleSchema.entries;
  return Object.keys(entries);
}

/** `rules[2].query` */
function pathName(path: Path): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part + 1}]` : `${index === 0 ? '' : '.'}${part}`))
    .join('');
}

/** Where in the file a problem lies; the nearest thing around it when it is about something missing. */
function offsetOf(document: Document, { path, atKey }: Problem): number {
  if (atKey === true) {
    const parent = nodeAt(document, path.slice(0, -1));
    const pair = isMap(parent)
      ? parent.items.find(({ key }) => isNode(key) && String(key) === String(path.at(-1)))
      : undefined;
    if (isNode(pair?.key) && pair.key.range != null) return pair.key.range[0];
  }
  for (let length = path.length; length >= 0; length -= 1) {
    const node = nodeAt(document, path.slice(0, length));
    if (node?.range != null) return node.range[0];
  }
  return 0;
}

function nodeAt(document: Document, path: Path): Node | null {
  const node = path.length === 0 ? document.contents : document.getIn(path, true);
  return isNode(node) ? node : null;
}

function toPlain(document: Document, file: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    throw broken([`${file}: ${error instanceof Error ? error.message : 'cannot be read'}`]);
  }
}

function yamlProblem(code: string, message: string): string {
  if (code === 'TAB_AS_INDENT') return 'a tab is used for indentation: use spaces';
  if (code === 'MULTIPLE_DOCS') return 'a second document begins here: one is all there can be';
  return `not valid YAML: ${message.replace(/\s+/g, ' ').trim()}`;
}

function broken(problems: readonly string[]): ConfigError {
  const more = problems.length - MOST_PROBLEMS;
  const told = [...problems.slice(0, MOST_PROBLEMS), ...(more > 0 ? [`and ${more} more`] : [])];
  return new ConfigError(told.join('; '), 'Correct the rules file, and try it with `--dry-run`.');
}
