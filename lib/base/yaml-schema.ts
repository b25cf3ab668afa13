/** Checks the values of a settings file against its schema, and lists every problem with file, line and column. */
import * as v from 'valibot';
import { ConfigError } from '../errors.ts';
import { didYouMean } from './nearest.ts';
import { type Path, type Problem, readYaml, type YamlFile, type YamlFormat } from './yaml.ts';

/** The format of a settings file: a map with one list, such as `rules`. */
export interface FileFormat<Schema> extends YamlFormat {
  readonly schema: Schema;
  /** The keys that the map at `path` may have. */
  readonly keysAt: (path: Path) => readonly string[];
  /** A key that people write by mistake, in lower case → the right key. */
  readonly foreignKeys?: ReadonlyMap<string, string>;
  /** The name of the entry at `index` in messages; they give its position when it has none. */
  readonly nameOf?: (entries: readonly unknown[], index: number) => string | undefined;
  /** Problems that the schema cannot find, such as two entries with one name. */
  readonly otherProblems?: (entries: readonly unknown[], yaml: YamlFile) => readonly Problem[];
  readonly remedy: string;
}

/** The most problems in one message, so that it stays readable as one line of the log. */
const MOST_PROBLEMS = 20;

/**
 * The checked values, and the file as YAML. `file` is only for messages.
 * @throws ConfigError with all problems, each as `file:line:column: what is wrong`.
 */
export function parseSettings<const Schema extends v.GenericSchema>(
  source: string,
  file: string,
  format: FileFormat<Schema>,
): { readonly values: v.InferOutput<Schema>; readonly yaml: YamlFile } {
  const broken = (problems: readonly { readonly place: string; readonly message: string }[]) => {
    const lines = problems.slice(0, MOST_PROBLEMS).map(({ place, message }) => `${file}${place}: ${message}`);
    const more = problems.length - MOST_PROBLEMS;
    return new ConfigError([...lines, ...(more > 0 ? [`and ${more} more`] : [])].join('; '), format.remedy);
  };
  const yaml = readYaml(source, format);
  if ('broken' in yaml) throw broken(yaml.broken);
  const { plain, placeOf } = yaml;
  const result = v.safeParse(format.schema, plain, { abortPipeEarly: true });
  const entries = entriesOf(plain, format);
  const problems = [
    ...(result.issues ?? []).map((issue) => describe(issue, entries, format)),
    ...(format.otherProblems?.(entries, yaml) ?? []),
    ...yaml.problems.map((problem) => withSubject(problem, entries, format)),
  ];
  if (problems.length === 0 && result.success) return { values: result.output, yaml };
  const placed = problems.map(({ message, ...where }) => ({ ...placeOf(where), message }));
  throw broken(placed.sort((one, other) => one.offset - other.offset));
}

/** Refuses lists. Must come before strictObject, which accepts a list as a map with the keys 0, 1, 2 … */
export const mapSchema = (message: string) =>
  v.custom<object>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), message);

/** Text without line breaks. */
const textSchema = v.pipe(
  v.string('must be text (put it in quotes)'),
  v.transform((value) => value.replace(/\s+/g, ' ').trim()),
  v.nonEmpty('is empty'),
);

const NAME = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;

/** The name of a rule. */
export const nameSchema = (example: string) =>
  v.pipe(textSchema, v.regex(NAME, `must be in kebab-case, such as ${example}`));

/** The name of a rule in messages: undefined when it is missing, malformed or repeated. */
export const nameOfRule: NonNullable<FileFormat<unknown>['nameOf']> = (entries, index) => {
  const names = entries.map(nameIn);
  const name = names[index];
  const isName = typeof name === 'string' && NAME.test(name) && names.indexOf(name) === names.lastIndexOf(name);
  return isName ? name : undefined;
};

/** A problem for each rule with the name of an earlier rule. */
export function repeatedNames(rules: readonly unknown[]): Problem[] {
  const names = rules.map(nameIn);
  return names.flatMap((name, index) => {
    const first = names.indexOf(name);
    if (typeof name !== 'string' || first === index) return [];
    const by = `by the ${ordinal(first + 1)} and the ${ordinal(index + 1)} rule`;
    return [{ path: ['rules', index, 'name'], message: `the name ${name} is used twice, ${by}` }];
  });
}

function nameIn(rule: unknown): unknown {
  return (rule as { name?: unknown } | null)?.name;
}

function entriesOf(plain: unknown, { list }: YamlFormat): readonly unknown[] {
  const entries = (plain as Readonly<Record<string, unknown>> | null)?.[list];
  return Array.isArray(entries) ? entries : [];
}

type Subjects = Pick<FileFormat<unknown>, 'list' | 'entry' | 'nameOf' | 'keysAt' | 'foreignKeys'>;

function describe(issue: v.BaseIssue<unknown>, entries: readonly unknown[], format: Subjects): Problem {
  const path = (issue.path ?? []).map((item) => item.key as string | number);
  const key = String(path.at(-1) ?? '');
  const whose = subjectOf(path, entries, format);
  if (issue.type === 'strict_object' && issue.expected === 'never') {
    return { path, atKey: true, message: `${whose}unknown key "${key}"${meantKey(key, path, format)}` };
  }
  if (issue.type === 'strict_object' && issue.input === undefined && issue.expected?.startsWith('"')) {
    return { path: path.slice(0, -1), message: `${whose}the key "${key}" is missing` };
  }
  return withSubject({ path, message: issue.message }, entries, format);
}

/** The problem with its subject before its message. */
function withSubject({ path, message }: Problem, entries: readonly unknown[], format: Subjects): Problem {
  const [first, index, ...inner] = path;
  if (first === undefined) return { path, message: `the file ${message}` };
  if (index === undefined) return { path, message: `${first} ${message}` };
  const whose = subjectOf(path, entries, format);
  if (inner.length === 0) return { path, message: `${whose.slice(0, -2)} ${message}` };
  const keys = inner.filter((part) => typeof part === 'string').join('.');
  const member = inner.find((part) => typeof part === 'number');
  const what = member === undefined ? keys : `the ${ordinal(member + 1)} of ${keys}`;
  return { path, message: `${whose}${what} ${message}` };
}

/** `rule old-newsletters: `, or `the 3rd rule: ` for an entry without a name of its own; '' outside the list. */
function subjectOf([first, index]: Path, entries: readonly unknown[], { list, entry, nameOf }: Subjects): string {
  if (first !== list || typeof index !== 'number') return '';
  const name = nameOf?.(entries, index);
  return name === undefined ? `the ${ordinal(index + 1)} ${entry}: ` : `${entry} ${name}: `;
}

export function ordinal(position: number): string {
  const ending = { one: 'st', two: 'nd', few: 'rd' }[
    new Intl.PluralRules('en', { type: 'ordinal' }).select(position) as 'one'
  ];
  return `${position}${ending ?? 'th'}`;
}

function meantKey(key: string, path: Path, { keysAt, foreignKeys }: Subjects): string {
  const known = keysAt(path);
  const meant = foreignKeys?.get(key.toLowerCase());
  if (meant !== undefined && known.includes(meant)) return ` (did you mean "${meant}"?)`;
  return didYouMean(key, known) || ` (the keys here are ${known.join(', ')})`;
}
