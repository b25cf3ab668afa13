/** rules.yaml: reads it into checked rules, or lists every problem with file, line and column. */
import * as v from 'valibot';
import { readSettingsFile, shortPath } from '../base/settings-file.ts';
import type { Path, Problem, YamlFile } from '../base/yaml.ts';
import {
  type FileFormat,
  mapSchema,
  nameOfRule,
  nameSchema,
  parseSettings,
  repeatedNames,
} from '../base/yaml-schema.ts';
import { parseShare } from '../gmail/guards.ts';
import { labelSchema, type Search, searchSchema } from '../gmail/settings-schema.ts';
import { type Actions, reduceActions, SWITCHES } from './actions.ts';

export interface Rule extends Actions {
  readonly name: string;
  readonly search: Search;
  /** How many of the newest matches the rule leaves alone. */
  readonly keepNewest: number;
  /** The most messages that the rule may change in one run. */
  readonly maxChanges: number | undefined;
  /** Whether the query has a line that looks like a comment, although Gmail searches for the words in it. */
  readonly hasCommentLine: boolean;
}

export interface RuleSet {
  /** The file as messages name it. */
  readonly file: string;
  /** Finds the messages that are never changed; undefined for none. */
  readonly protect: Search | undefined;
  /** The most messages that all rules together may change in one run. */
  readonly maxChanges: number | undefined;
  /** The largest share of the mailbox, between 0 and 1, that a rule may change in a backfill. */
  readonly maxShare: number | undefined;
  /** Whether runs write a journal, so that they can be undone. */
  readonly undo: boolean;
  /** Labels that enabled rules add, rules that --rule leaves out included. */
  readonly labelsAddedByAnyRule: readonly string[];
  /** The enabled rules, in the order of the file. */
  readonly rules: readonly Rule[];
  /** Names of the disabled rules. */
  readonly disabled: readonly string[];
}

/**
 * The rules in the file at `path`, which messages call `file`.
 * @throws ConfigError when the file cannot be read, or with all its problems.
 */
export async function readRulesFile(path: string, file = shortPath(path)): Promise<RuleSet> {
  const source = await readSettingsFile({
    path,
    name: `the rules file ${file}`,
    variable: 'RULES_FILE',
    remedy:
      'Set RULES_FILE (for an entry of a fleet: rules in mailboxes.yaml) to the path of a rules file, relative to the working folder.',
  });
  return parseRules(source, file);
}

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
const labels = v.pipe(
  v.array(labelSchema, 'must be a list, such as ["Auto/Archived"]'),
  v.minLength(1, 'is an empty list'),
);
const flag = v.optional(v.boolean('must be true or false'));
const switches = Object.fromEntries(Object.keys(SWITCHES).map((name) => [name, flag])) as Record<
  keyof typeof SWITCHES,
  typeof flag
>;

const actionsSchema = v.strictObject({
  ...switches,
  addLabels: v.optional(labels),
  removeLabels: v.optional(labels),
});
const actions = v.pipe(
  mapSchema('must be a map of actions, such as { archive: true }'),
  actionsSchema,
  v.rawTransform(({ dataset, addIssue, NEVER }): Actions => {
    const reduced = reduceActions(dataset.value);
    if (!('problem' in reduced)) return reduced;
    addIssue({ message: `are not valid: ${reduced.problem}` });
    return NEVER;
  }),
);
const ruleSchema = v.strictObject({
  name: nameSchema('old-newsletters'),
  query: searchSchema,
  actions,
  keepNewest: v.optional(count(0)),
  maxChanges: v.optional(count(1)),
  enabled: flag,
});
const rule = v.pipe(
  mapSchema(
    'must be a rule with name, query and actions, such as { name: old-news, query: "older_than:1y", actions: { archive: true } }',
  ),
  ruleSchema,
);
const fileSchema = v.strictObject({
  protect: v.optional(searchSchema),
  maxChanges: v.optional(count(1)),
  maxShare: v.optional(share),
  undo: flag,
  rules: v.pipe(
    v.array(rule, 'must be a list of rules, each of which begins with "- name:"'),
    v.minLength(1, 'is an empty list'),
  ),
});
const rulesFile = v.pipe(mapSchema('must be a map with the key rules'), fileSchema);

/** A key of other programs → the key with that meaning. */
const FOREIGN_KEYS: ReadonlyMap<string, string> = new Map([
  ...['delete', 'remove', 'bin'].map((key) => [key, 'trash'] as const),
  ...['read', 'seen'].map((key) => [key, 'markRead'] as const),
  ['unread', 'markUnread'],
  ...['flag', 'starred'].map((key) => [key, 'star'] as const),
  ['important', 'markImportant'],
  ...['label', 'labels', 'tag', 'move'].map((key) => [key, 'addLabels'] as const),
  ['unlabel', 'removeLabels'],
  ...['search', 'filter', 'match', 'criteria', 'when'].map((key) => [key, 'query'] as const),
  ...['then', 'do'].map((key) => [key, 'actions'] as const),
  ...['id', 'title'].map((key) => [key, 'name'] as const),
  ['keep', 'keepNewest'],
  ['limit', 'maxChanges'],
]);

const FORMAT: FileFormat<typeof rulesFile> = {
  schema: rulesFile,
  list: 'rules',
  entry: 'rule',
  firstKey: 'name',
  searches: [['protect'], ['rules', '*', 'query']],
  labels: ['addLabels', 'removeLabels'].map((key) => ['rules', '*', 'actions', key, '*']),
  keysAt,
  foreignKeys: FOREIGN_KEYS,
  nameOf: nameOfRule,
  otherProblems: (entries, yaml) => [...repeatedNames(entries), ...commentsInProtect(yaml)],
  remedy: 'Correct the rules file, and try it with `job apply-rules --dry-run`.',
};

/**
 * The rules in `source`. `file` is only for messages.
 * @throws ConfigError with all problems, each as `file:line:column: what is wrong`.
 */
export function parseRules(source: string, file: string): RuleSet {
  const { values, yaml } = parseSettings(source, file, FORMAT);
  const { protect, maxChanges, maxShare, undo = true, rules } = values;
  return {
    file,
    protect,
    maxChanges,
    maxShare,
    undo,
    rules: rules.flatMap(({ name, query, actions, enabled, keepNewest = 0, maxChanges: atMost }, index) => {
      const hasCommentLine = yaml.commentLines.some((path) => path[1] === index);
      const rule = { name, search: query, keepNewest, maxChanges: atMost, hasCommentLine, ...actions };
      return enabled === false ? [] : [rule];
    }),
    labelsAddedByAnyRule: rules
      .filter(({ enabled }) => enabled !== false)
      .flatMap(({ actions }) => actions.operations.filter(({ add }) => add).map(({ label }) => label)),
    disabled: rules.filter(({ enabled }) => enabled === false).map(({ name }) => name),
  };
}

function commentsInProtect({ commentLines }: YamlFile): Problem[] {
  const message =
    'protect has a line with #. Gmail would search for its words, because YAML has no comments inside this text: remove the line';
  return commentLines.filter(([first]) => first === 'protect').map((path) => ({ path, message }));
}

function keysAt(path: Path): string[] {
  const entries =
    path.length === 1 ? fileSchema.entries : path.includes('actions') ? actionsSchema.entries : ruleSchema.entries;
  return Object.keys(entries);
}
