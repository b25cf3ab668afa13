/**
 * The rules file as YAML: from its text to plain values, with the place of each, and without what YAML reads otherwise
 * than a person wrote it. What the values mean is none of its business.
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
} from 'yaml';

export type Path = readonly (string | number)[];

/** Where in the values something is. */
export interface Where {
  readonly path: Path;
  /** Whether the path's last part is a key that should not be there. */
  readonly atKey?: boolean;
}

export interface Problem extends Where {
  readonly message: string;
}

/** A place in the file: `:3:12`, or '' for the whole of it. */
interface Placed {
  readonly place: string;
  readonly message: string;
}

export interface YamlFile {
  readonly plain: unknown;
  /** Searches that YAML has cut short, or changed, without an error. */
  readonly problems: readonly Problem[];
  /** Paths of searches with a line that looks like a comment and is none. */
  readonly noted: readonly Path[];
  /** Where something is in the file; the nearest thing around it when it is missing. */
  readonly placeOf: (where: Where) => { readonly offset: number; readonly place: string };
}

/** The parser calls itself for each level, until the stack is full. */
const TOO_DEEP: Placed = { place: '', message: 'is nested too deeply' };

/** The file's values, or why it cannot be read. */
export function readYaml(source: string): YamlFile | { readonly broken: readonly Placed[] } {
  const lines = new LineCounter();
  const placeAt = (offset: number) => {
    const { line, col } = lines.linePos(offset);
    return `:${line}:${col}`;
  };
  try {
    const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, stringKeys: true });
    if (document.errors.some(({ code }) => code === 'RESOURCE_EXHAUSTION')) return { broken: [TOO_DEEP] };
    if (document.errors.length > 0 || document.warnings.length > 0) {
      const unquoted = findUnquoted(document, source);
      const errors = [...document.errors, ...document.warnings].map(({ pos, code, message }) => ({
        offset: pos[0],
        message: yamlProblem(code, message),
      }));
      const broken = unquoted.length > 0 ? unquoted : errors;
      return { broken: broken.map(({ offset, message }) => ({ place: placeAt(offset), message })) };
    }
    if (document.contents === null)
      return { broken: [{ place: '', message: 'is empty: it must have a list of rules' }] };
    const alias = findUnresolved(document);
    if (alias !== undefined) {
      const message = `"*${alias.source}" is a YAML alias, but the anchor "&${alias.source}" is not defined. If it is text, put it in quotes`;
      return { broken: [{ place: placeAt(alias.range?.[0] ?? 0), message }] };
    }
    return {
      plain: document.toJS({ maxAliasCount: 100 }),
      problems: findChanged(document, source),
      noted: searchScalars(document).flatMap(({ path, scalar }) => (hasNoteLine(scalar, source) ? [path] : [])),
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

/** Searches that keep the file from being read, because they are not in quotes. */
function findUnquoted(document: Document, source: string): { readonly offset: number; readonly message: string }[] {
  const found: { offset: number; message: string }[] = [];
  let start = 0;
  for (const line of source.split('\n')) {
    const [, before = '', key = '', value = ''] = /^(\s*(?:-\s+)*(query|protect)\s*:\s+)(.*?)\s*$/.exec(line) ?? [];
    if (key !== '' && isUnreadable(value))
      found.push({ offset: start + before.length, message: `${key} ${quote(value)}` });
    start += line.length + 1;
  }
  for (const { path, scalar } of searchScalars(document)) {
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

/** Whether what stands behind `query:` on one line is no text to YAML, where it does not go on in the next line. */
function isUnreadable(value: string): boolean {
  if (value === '' || /^[|>]/.test(value)) return false;
  const line = `q: ${value}`;
  const { errors, warnings, contents } = parseDocument(line, { prettyErrors: false });
  // A quotation mark that is not closed is missed at the end: the text goes on in the next line.
  const isOpen = errors.some(({ code, pos }) => code === 'MISSING_CHAR' && pos[0] === line.length);
  if (/^["']/.test(value) && isOpen) return false;
  return errors.length > 0 || warnings.length > 0 || !(isMap(contents) && isScalar(contents.get('q', true)));
}

/** `put the query in quotes: '…'` */
function quote(value: string): string {
  const single = value.startsWith('"') || value.startsWith("'") ? 'single quotes, as a whole' : 'quotes';
  return `cannot be read as it stands: put the query in ${single}${asQuoted(value)}`;
}

/** Searches and labels of which YAML takes a part for something else: a comment, an anchor. */
function findChanged(document: Document, source: string): Problem[] {
  const used = new Set<string>();
  visit(document, { Alias: (_, { source: name }) => void used.add(name) });
  const searches = searchScalars(document).flatMap(({ path, scalar }): Problem[] => {
    const comment = commentBehind(scalar, source);
    if (comment !== undefined) return [cutShort(path, 'query', `${scalar.value}${comment}`)];
    if (scalar.type === 'PLAIN' && scalar.anchor !== undefined && !used.has(scalar.anchor)) {
      const whole = asQuoted(`&${scalar.anchor} ${scalar.value}`);
      return [{ path, message: `begins with an anchor to YAML: put the query in quotes${whole}` }];
    }
    if (path[0] === 'protect' && hasNoteLine(scalar, source)) {
      const message =
        'has a line with #. Gmail would search for its words, because YAML has no comments inside this text: remove the line';
      return [{ path, message }];
    }
    return [];
  });
  const labels = labelScalars(document).flatMap(({ path, scalar }) => {
    const comment = commentBehind(scalar, source);
    // With a space behind the # it can only be a comment.
    return comment !== undefined && /#\S/.test(comment) ? [cutShort(path, 'label', `${scalar.value}${comment}`)] : [];
  });
  return [...searches, ...labels];
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

/** Whether a text of several lines has a line, or the end of one, that looks like a comment. */
function hasNoteLine({ type, range }: Scalar, source: string): boolean {
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

/** The searches of the file, as far as they are text. */
function searchScalars(document: Document): PlacedScalar[] {
  return scalarsAt(document, [['protect'], ...rulePaths(document).map((path) => [...path, 'query'])]);
}

/** The labels of its actions, as far as they are text. */
function labelScalars(document: Document): PlacedScalar[] {
  const lists = rulePaths(document).flatMap((path) =>
    ['addLabels', 'removeLabels'].map((key) => [...path, 'actions', key]),
  );
  return lists.flatMap((path) => {
    const list = nodeAt(document, path);
    const members = isSeq(list) ? list.items.map((_, index) => [...path, index]) : [];
    return scalarsAt(document, members);
  });
}

function rulePaths(document: Document): Path[] {
  const rules = nodeAt(document, ['rules']);
  return isSeq(rules) ? rules.items.map((_, index) => ['rules', index]) : [];
}

function scalarsAt(document: Document, paths: readonly Path[]): PlacedScalar[] {
  return paths.flatMap((path) => {
    const scalar = nodeAt(document, path);
    return isScalar(scalar) ? [{ path, scalar }] : [];
  });
}

/** A reference to a value that is not there. */
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

/** Where in the file a problem lies; the nearest thing around it when it is about something missing. */
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

function yamlProblem(code: string, message: string): string {
  if (code === 'TAB_AS_INDENT') return 'a tab is used for indentation: use spaces';
  if (code === 'MULTIPLE_DOCS') return 'the file must hold one YAML document, and a second one begins here';
  return `not valid YAML: ${message.replace(/\s+/g, ' ').trim()}`;
}
