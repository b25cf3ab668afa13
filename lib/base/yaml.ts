/**
 * Reads a settings file, such as rules.yaml, as YAML: returns plain values with their places, and reports text that YAML
 * understands differently from the person who wrote it. yaml-schema.ts checks the values.
 */
import {
  type Alias,
  type Document,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
  visit,
  type YAMLError,
} from 'yaml';

export type Path = readonly (string | number)[];

/** A path in which `*` stands for every member of a list. */
type Pattern = readonly string[];

/** The part of a settings file's format that messages about its YAML need. */
export interface YamlFormat {
  /** The file's list, such as `rules`; one of its entries, `rule`; the key with which an entry begins, `name`. */
  readonly list: string;
  readonly entry: string;
  readonly firstKey: string;
  /** Paths of Gmail or directory searches, in which people write characters that YAML reads as syntax. */
  readonly searches: readonly Pattern[];
  /** Paths of labels. */
  readonly labels?: readonly Pattern[];
}

export interface Where {
  readonly path: Path;
  /** Whether the place is the key at the end of the path, not its value. */
  readonly atKey?: boolean;
}

export interface Problem extends Where {
  readonly message: string;
}

interface PlacedProblem {
  /** `:3:12`, or '' for the whole file. */
  readonly place: string;
  readonly message: string;
}

export interface YamlFile {
  readonly plain: unknown;
  /** Searches and labels that YAML cut short or changed without an error. */
  readonly problems: readonly Problem[];
  /** Paths of searches with a line that looks like a comment, but which YAML makes a part of the search. */
  readonly commentLines: readonly Path[];
  /** The place of a value in the file, or of the value around a missing one. */
  readonly placeOf: (where: Where) => { readonly offset: number; readonly place: string };
}

/** The parser recurses for each level of nesting. */
const TOO_DEEP: PlacedProblem = { place: '', message: 'is nested too deeply' };

/** The values of the file, or the problems for which it cannot be read. */
export function readYaml(source: string, format: YamlFormat): YamlFile | { readonly broken: readonly PlacedProblem[] } {
  const lines = new LineCounter();
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `:${line}:${col}`;
  };
  try {
    const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, stringKeys: true });
    if (document.errors.some(({ code }) => code === 'RESOURCE_EXHAUSTION')) return { broken: [TOO_DEEP] };
    if (document.errors.length > 0 || document.warnings.length > 0) {
      const unquoted = findUnquoted(document, source, format);
      const errors = firstOfEachLine([...document.errors, ...document.warnings], lines).map(
        ({ pos, code, message }) => {
          const offset = openingOf(document, code, message, pos[0]) ?? pos[0];
          return { offset, message: yamlProblem(code, message, source.slice(pos[0]), format) };
        },
      );
      const broken = unquoted.length > 0 ? unquoted : errors;
      return { broken: broken.map(({ offset, message }) => ({ place: placeAt(offset), message })) };
    }
    if (document.contents === null)
      return { broken: [{ place: '', message: `is empty: it must have the list ${format.list}` }] };
    const alias = findUnresolved(document);
    if (alias !== undefined) {
      const message = `"*${alias.source}" is a YAML alias, but the anchor "&${alias.source}" is not defined. If it is text, put it in quotes`;
      return { broken: [{ place: placeAt(alias.range?.[0] ?? 0), message }] };
    }
    return {
      plain: document.toJS({ maxAliasCount: 100 }),
      problems: findChanged(document, source, format),
      commentLines: scalarsAt(document, format.searches).flatMap(({ path, scalar }) =>
        hasCommentLine(scalar, source) ? [path] : [],
      ),
      placeOf: (where) => {
        const offset = offsetOf(document, where);
        return { offset, place: placeAt(offset) };
      },
    };
  } catch (error) {
    if (error instanceof RangeError) return { broken: [TOO_DEEP] };
    const why = error instanceof Error ? error.message : String(error);
    return { broken: [{ place: '', message: `cannot be read: ${why}` }] };
  }
}

/** Searches without quotes for which YAML cannot read the file. */
function findUnquoted(
  document: Document,
  source: string,
  { searches }: YamlFormat,
): { readonly offset: number; readonly message: string }[] {
  const found: { offset: number; message: string }[] = [];
  const keys = new Set(searches.map((pattern) => pattern.at(-1)));
  const keyed = new RegExp(String.raw`^(\s*(?:-\s+)*(${[...keys].join('|')})\s*:\s+)(.*?)\s*$`);
  let start = 0;
  for (const line of source.split('\n')) {
    const [, before = '', key = '', value = ''] = keyed.exec(line) ?? [];
    if (key !== '' && isUnreadable(value))
      found.push({ offset: start + before.length, message: `${key} ${quote(value)}` });
    start += line.length + 1;
  }
  for (const { path, scalar } of scalarsAt(document, searches)) {
    const end = scalar.range?.[2] ?? 0;
    if (scalar.type === 'PLAIN' && scalar.comment != null && document.errors.some(({ pos }) => pos[0] === end)) {
      found.push({
        offset: scalar.range?.[0] ?? 0,
        message: `${path.at(-1)} is cut short by a comment: put the query in quotes`,
      });
    }
  }
  return found;
}

/** Whether YAML cannot read the value after `query:` on one line as text, and the value does not continue on the next line. */
function isUnreadable(value: string): boolean {
  if (value === '' || /^[|>]/.test(value)) return false;
  const line = `q: ${value}`;
  const { errors, warnings, contents } = parseDocument(line, { prettyErrors: false });
  // The parser misses a quote at the end when the text continues on the next line.
  const isOpen = errors.some(({ code, pos }) => code === 'MISSING_CHAR' && pos[0] === line.length);
  if (/^["']/.test(value) && isOpen) return false;
  return errors.length > 0 || warnings.length > 0 || !(isMap(contents) && isScalar(contents.get('q', true)));
}

/** `put the query in quotes: '…'` */
function quote(value: string): string {
  const single = value.startsWith('"') || value.startsWith("'") ? 'single quotes, as a whole' : 'quotes';
  return `cannot be read as it stands: put the query in ${single}${asQuoted(value)}`;
}

/** Searches and labels in which YAML reads a part as a comment or an anchor. */
function findChanged(document: Document, source: string, { searches, labels = [] }: YamlFormat): Problem[] {
  const used = new Set<string>();
  visit(document, { Alias: (_, { source: name }) => void used.add(name) });
  const changedSearches = scalarsAt(document, searches).flatMap(({ path, scalar }): Problem[] => {
    const comment = commentBehind(scalar, source);
    if (comment !== undefined) return [cutShort(path, 'query', `${scalar.value}${comment}`)];
    if (scalar.type === 'PLAIN' && scalar.anchor !== undefined && !used.has(scalar.anchor)) {
      const whole = asQuoted(`&${scalar.anchor} ${scalar.value}`);
      return [{ path, message: `begins with a YAML anchor: put the query in quotes${whole}` }];
    }
    return [];
  });
  const changedLabels = scalarsAt(document, labels).flatMap(({ path, scalar }) => {
    const comment = commentBehind(scalar, source);
    // "# " is a comment, "#x" may be a part of the label.
    return comment !== undefined && /#\S/.test(comment) ? [cutShort(path, 'label', `${scalar.value}${comment}`)] : [];
  });
  return [...changedSearches, ...changedLabels];
}

/** The comment on the line on which text without quotes ends. */
function commentBehind({ type, range }: Scalar, source: string): string | undefined {
  if (type !== 'PLAIN') return undefined;
  return /^[ \t]+#[^\r\n]*/.exec(source.slice(range?.[1] ?? source.length))?.[0];
}

function cutShort(path: Path, what: string, whole: string): Problem {
  const message = `ends before " #", where YAML begins a comment: put the ${what} in quotes${asQuoted(whole)}`;
  return { path, message };
}

function asQuoted(value: string): string {
  return value.length > 100 ? '' : `: '${value.replaceAll("'", "''")}'`;
}

/** Whether a text of several lines has a line that looks like a comment. */
function hasCommentLine({ type, range }: Scalar, source: string): boolean {
  const isBlock = type === 'BLOCK_FOLDED' || type === 'BLOCK_LITERAL';
  const isQuoted = type === 'QUOTE_DOUBLE' || type === 'QUOTE_SINGLE';
  const [, ...rest] = source.slice(range?.[0] ?? 0, range?.[1] ?? 0).split('\n');
  return (
    (isBlock && rest.some((line) => /(^|\s)#(\s|$)|^\s*#/.test(line))) ||
    (isQuoted && rest.some((line) => /^\s*#/.test(line)))
  );
}

interface PlacedScalar {
  readonly path: Path;
  readonly scalar: Scalar;
}

function scalarsAt(document: Document, patterns: readonly Pattern[]): PlacedScalar[] {
  return patterns
    .flatMap((pattern) => pathsOf(document, pattern))
    .flatMap((path) => {
      const scalar = nodeAt(document, path);
      return isScalar(scalar) ? [{ path, scalar }] : [];
    });
}

function pathsOf(document: Document, pattern: Pattern): Path[] {
  let paths: Path[] = [[]];
  for (const part of pattern) {
    paths = paths.flatMap((path) => {
      if (part !== '*') return [[...path, part]];
      const list = nodeAt(document, path);
      return isSeq(list) ? list.items.map((_, index) => [...path, index]) : [];
    });
  }
  return paths;
}

/** An alias without an anchor. */
function findUnresolved(document: Document): Alias | undefined {
  let found: Alias | undefined;
  visit(document, {
    Alias(_, alias) {
      if (alias.resolve(document) !== undefined) return undefined;
      found = alias;
      return visit.BREAK;
    },
  });
  return found;
}

/** The offset of a problem in the file; of the nearest value around it when something is missing. */
function offsetOf(document: Document, { path, atKey }: Where): number {
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

/** One error for each line, because the parser reports several for one mistake: the first, or a more specific one. */
function firstOfEachLine(errors: readonly YAMLError[], lines: LineCounter): YAMLError[] {
  const byLine = Map.groupBy(errors, ({ pos }) => lines.linePos(pos[0]).line);
  return [...byLine.values()].flatMap(
    (found) => found.find(({ code }) => code === 'MULTILINE_IMPLICIT_KEY') ?? found[0] ?? [],
  );
}

/** The offset of the quote or bracket that is not closed; undefined for other errors. */
function openingOf(document: Document, code: string, message: string, missedAt: number): number | undefined {
  if (!isUnclosedQuote(code, message) && !/^Flow (?:map|sequence)/.test(message)) return undefined;
  let opening: number | undefined;
  visit(document, {
    Node(_, node) {
      const isOpen = isScalar(node) ? /^QUOTE/.test(node.type ?? '') : 'flow' in node && node.flow === true;
      const [from, to] = node.range ?? [0, 0];
      if (isOpen && from < missedAt && to >= missedAt - 1) opening = from;
    },
  });
  return opening;
}

function isUnclosedQuote(code: string, message: string): boolean {
  return code === 'MISSING_CHAR' && message.startsWith('Missing closing');
}

/** The message for an error of the parser; `rest` is the file from its place on. */
function yamlProblem(code: string, message: string, rest: string, format: YamlFormat): string {
  if (code === 'TAB_AS_INDENT') return 'a tab is used for indentation: use spaces';
  if (code === 'MULTIPLE_DOCS') return 'the file must hold one YAML document, and a second one begins here';
  return `not valid YAML: ${plainProblem(code, message, rest, format) ?? message.replace(/\s+/g, ' ').trim()}`;
}

function plainProblem(
  code: string,
  message: string,
  rest: string,
  { entry, firstKey }: YamlFormat,
): string | undefined {
  const columns = `the keys of each ${entry} begin in the column of its ${firstKey}`;
  if (isUnclosedQuote(code, message)) return 'the quote that opens here is not closed';
  if (message.startsWith('Flow map')) return 'the { that opens here is not closed: it needs a }';
  if (message.startsWith('Flow sequence')) return 'the [ that opens here is not closed: it needs a ]';
  if (message.startsWith('Sequence item without -')) {
    return `wrong indentation, or "- " is missing: ${columns}`;
  }
  switch (code) {
    case 'BAD_INDENT':
      return `wrong indentation: ${columns}, and each ${entry} begins with "- "`;
    case 'MULTILINE_IMPLICIT_KEY':
      return 'wrong indentation here or in the next line, or the colon behind a key, or the space behind "-", is missing';
    case 'BLOCK_AS_IMPLICIT_KEY':
      return 'a value with a colon and a space in it: put the value in quotes';
    case 'DUPLICATE_KEY':
      return `the key ${/^[^\s:]+/.exec(rest)?.[0] ?? ''} appears twice`;
    case 'UNEXPECTED_TOKEN':
      return 'there is text behind the end of the value: put the whole value in single quotes';
    case 'BAD_DQ_ESCAPE':
      return 'a backslash in double quotes has a meaning of its own: use single quotes';
    default:
      return undefined;
  }
}
