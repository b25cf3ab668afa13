/** attachments.yaml: reads it into checked rules, or lists every problem with file, line and column. */
import * as v from 'valibot';
import { readSettingsFile, shortPath } from '../base/settings-file.ts';
import type { Problem, YamlFile } from '../base/yaml.ts';
import {
  type FileFormat,
  mapSchema,
  nameOfRule,
  nameSchema,
  ordinal,
  parseSettings,
  repeatedNames,
} from '../base/yaml-schema.ts';
import { normalizeLabel, systemLabelId } from '../gmail/labels.ts';
import { labelNamed } from '../gmail/query/label-terms.ts';
import { labelSchema, type Search, searchSchema } from '../gmail/settings-schema.ts';
import { type Glob, parseGlob } from './globs.ts';
import { DEFAULT_PATH, type PathTemplate, parseTemplate } from './path.ts';

/** Which files of which messages are saved, and where. */
export interface AttachmentRule {
  readonly name: string;
  readonly search: Search;
  /** A file is saved when one of `files` means it, and none of `except`. */
  readonly files: readonly Glob[];
  readonly except: readonly Glob[];
  readonly path: PathTemplate;
  /** The label that marks messages whose files are saved. Each rule has its own. */
  readonly done: string;
}

/**
 * The rules in the file at `path`, which messages call `file`.
 * @throws ConfigError when the file cannot be read, or with all its problems.
 */
export async function readAttachmentsFile(path: string, file = shortPath(path)): Promise<readonly AttachmentRule[]> {
  const source = await readSettingsFile({
    path,
    name: `the file of rules for attachments ${file}`,
    variable: 'ATTACHMENTS_FILE',
    remedy: 'Set ATTACHMENTS_FILE to the path of such a file, relative to the working folder.',
  });
  return parseAttachmentRules(source, file);
}

const globSchema = v.pipe(
  v.string('must be text (put it in quotes)'),
  v.transform((text) => text.trim()),
  v.nonEmpty('is empty'),
  v.rawTransform(({ dataset, addIssue, NEVER }): Glob => {
    const glob = parseGlob(dataset.value);
    if (!('problem' in glob)) return glob;
    addIssue({ message: `("${dataset.value}") ${glob.problem}` });
    return NEVER;
  }),
);
const globs = v.pipe(
  v.array(globSchema, 'must be a list, such as ["*.pdf", "image/*"]'),
  v.minLength(1, 'is an empty list'),
);
const template = v.pipe(
  v.string('must be text (put it in quotes)'),
  v.transform((text) => text.trim()),
  v.nonEmpty('is empty'),
  v.rawTransform(({ dataset, addIssue, NEVER }): PathTemplate => {
    const parsed = parseTemplate(dataset.value);
    if (!('problem' in parsed)) return parsed;
    addIssue({ message: parsed.problem });
    return NEVER;
  }),
);
const done = v.pipe(
  labelSchema,
  v.check(
    (name) => systemLabelId(name) === undefined,
    "is a label of Gmail's own: choose a label such as Saved/Invoices",
  ),
);
const ruleSchema = v.strictObject({
  name: nameSchema('invoices'),
  query: searchSchema,
  files: globs,
  except: v.optional(globs),
  path: v.optional(template),
  done: v.optional(done),
});
const rule = v.pipe(
  mapSchema(
    'must be a rule with name, query and files, such as { name: invoices, query: "from:billing@example.com", files: ["*.pdf"] }',
  ),
  ruleSchema,
);
const fileSchema = v.strictObject({
  rules: v.pipe(
    v.array(rule, 'must be a list of rules, each of which begins with "- name:"'),
    v.minLength(1, 'is an empty list'),
  ),
});
const attachmentsFile = v.pipe(mapSchema('must be a map with the key rules'), fileSchema);

/** A key that people write by mistake, in lower case → the right key. */
const FOREIGN_KEYS: ReadonlyMap<string, string> = new Map([
  ...['search', 'filter', 'match', 'when'].map((key) => [key, 'query'] as const),
  ...['file', 'include', 'types', 'names', 'globs', 'attachments'].map((key) => [key, 'files'] as const),
  ...['exclude', 'ignore', 'without'].map((key) => [key, 'except'] as const),
  ...['to', 'into', 'folder', 'target', 'save', 'template'].map((key) => [key, 'path'] as const),
  ...['label', 'labels', 'mark', 'addlabels'].map((key) => [key, 'done'] as const),
  ...['id', 'title'].map((key) => [key, 'name'] as const),
]);

const FORMAT: FileFormat<typeof attachmentsFile> = {
  schema: attachmentsFile,
  list: 'rules',
  entry: 'rule',
  firstKey: 'name',
  searches: [['rules', '*', 'query']],
  labels: [['rules', '*', 'done']],
  keysAt: (path) => Object.keys((path.length === 1 ? fileSchema : ruleSchema).entries),
  foreignKeys: FOREIGN_KEYS,
  nameOf: nameOfRule,
  otherProblems: (entries, yaml) => [
    ...repeatedNames(entries),
    ...sharedLabels(entries),
    ...searchesForDone(entries),
    ...commentsInQueries(entries, yaml),
  ],
  remedy: 'Correct the file, and try it with `job attachments --dry-run`.',
};

/**
 * The rules in `source`. `file` is only for messages.
 * @throws ConfigError with all problems, each as `file:line:column: what is wrong`.
 */
export function parseAttachmentRules(source: string, file: string): readonly AttachmentRule[] {
  const { values } = parseSettings(source, file, FORMAT);
  const defaultPath = parseTemplate(DEFAULT_PATH);
  if ('problem' in defaultPath) throw new Error(`the default path ${defaultPath.problem}`);
  return values.rules.map(({ name, query, files, except = [], path = defaultPath, done = doneOf(name) }) => {
    return { name, search: query, files, except, path, done };
  });
}

/** The label of a rule that names none. */
function doneOf(name: string): string {
  return `Saved/${name}`;
}

/** The labels of the rules, as Gmail compares them; undefined for an entry without one. */
function labelsOf(rules: readonly unknown[]): (string | undefined)[] {
  return rules.map((rule) => {
    const { name, done = typeof name === 'string' ? doneOf(name) : undefined } = (rule ?? {}) as Record<
      string,
      unknown
    >;
    return typeof done === 'string' ? normalizeLabel(done) : undefined;
  });
}

/** A problem for each rule with the label of an earlier rule, which would hide messages from the later one. */
function sharedLabels(rules: readonly unknown[]): Problem[] {
  const labels = labelsOf(rules);
  return labels.flatMap((label, index) => {
    const first = labels.indexOf(label);
    const isSameRule = nameAt(rules, first) === nameAt(rules, index);
    if (label === undefined || first === index || isSameRule) return [];
    const both = `the ${ordinal(first + 1)} and the ${ordinal(index + 1)} rule have the same label done`;
    const message = `${both}, so the later one would miss what the earlier one has marked: give each its own, such as Saved/${nameAt(rules, index) ?? 'invoices'}`;
    return [{ path: ['rules', index, 'done'], message }];
  });
}

/** A problem for each rule that searches for its own label, which the search leaves out. */
function searchesForDone(rules: readonly unknown[]): Problem[] {
  const labels = labelsOf(rules);
  return rules.flatMap((rule, index) => {
    const parsed = v.safeParse(searchSchema, (rule as { query?: unknown } | null)?.query);
    if (!parsed.success) return [];
    const isAsked = parsed.output.terms.some((term) => {
      const label = term.negated ? null : labelNamed(term);
      return label !== null && normalizeLabel(label) === labels[index];
    });
    if (!isAsked) return [];
    const message = `${subjectOf(rules, index)}: query asks for its label done, which marks what is saved already, so it would find nothing`;
    return [{ path: ['rules', index, 'query'], message }];
  });
}

function commentsInQueries(rules: readonly unknown[], { commentLines }: YamlFile): Problem[] {
  return commentLines.map((path) => ({
    path,
    message: `${subjectOf(rules, Number(path[1]))}: query has a line with #. Gmail would search for its words, because YAML has no comments inside this text: remove the line`,
  }));
}

function subjectOf(rules: readonly unknown[], index: number): string {
  const name = nameOfRule(rules, index);
  return name === undefined ? `the ${ordinal(index + 1)} rule` : `rule ${name}`;
}

function nameAt(rules: readonly unknown[], index: number): unknown {
  return (rules[index] as { name?: unknown } | null)?.name;
}
