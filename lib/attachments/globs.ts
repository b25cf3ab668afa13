/** Globs that choose files by their names or types: `*.pdf`, `image/*`, `*.{jpg,png}`. Letter case does not count. */

export interface Glob {
  /** In lower case; each has `*` and `?` as its only wildcards. A pattern with a slash is for types, else for names. */
  readonly patterns: readonly string[];
}

export interface NamedFile {
  /** '' for none. */
  readonly name: string;
  /** In lower case. */
  readonly type: string;
  /** Whether the message shows the file within its text, such as a logo. */
  readonly isInline: boolean;
}

/** The most patterns that the braces of one glob may stand for. */
const MOST_PATTERNS = 100;

/** Parses a glob, or returns why it is none, as the end of a sentence that begins with the glob. */
export function parseGlob(text: string): Glob | { readonly problem: string } {
  const refused = /[[\]\\]/.exec(text)?.[0];
  if (refused !== undefined) return { problem: `holds "${refused}": the wildcards are *, ? and {a,b}` };
  if (text.startsWith('!')) return { problem: 'begins with "!": put globs of files to leave out under except' };
  const patterns = expand(text.normalize('NFC').toLowerCase());
  if (patterns === null) return { problem: `has braces that are nested or not closed, or no comma: write {a,b}` };
  if (patterns.length > MOST_PATTERNS) return { problem: `stands for more than ${MOST_PATTERNS} patterns` };
  for (const pattern of patterns) {
    const problem = problemOf(pattern);
    if (problem !== undefined) return { problem };
  }
  return { patterns };
}

function problemOf(pattern: string): string | undefined {
  if (pattern.includes('/')) {
    if (/^[^/\s]+\/[^/\s]+$/.test(pattern)) return undefined;
    return 'has a slash, but is no type such as application/pdf or image/*: the names of files have no folders';
  }
  // ".pdf" and "pdf" would match only a file of exactly that name.
  if (/^\.?[a-z0-9]*$/.test(pattern))
    return `has no wildcard: for all files that end so, write "*.${pattern.replace('.', '')}"`;
  return undefined;
}

/** The patterns for all combinations of the alternatives; null for braces that are no list of alternatives. */
function expand(text: string): string[] | null {
  let patterns = [''];
  for (const part of text.split(/(\{[^{}]*\})/)) {
    const isGroup = part.startsWith('{') && part.endsWith('}');
    if (!isGroup && /[{}]/.test(part)) return null;
    const alternatives = isGroup ? part.slice(1, -1).split(',') : [part];
    if (isGroup && alternatives.length < 2) return null;
    if (patterns.length * alternatives.length > 10 * MOST_PATTERNS)
      return patterns.concat(Array(MOST_PATTERNS).fill('*'));
    patterns = patterns.flatMap((before) => alternatives.map((alternative) => before + alternative));
  }
  return [...new Set(patterns)];
}

/**
 * Whether one of the globs means the file. A file without a name is meant only by a glob of types, and never when the
 * message shows the file within its text.
 */
export function isMeant({ name, type, isInline }: NamedFile, globs: readonly Glob[]): boolean {
  const named = name.normalize('NFC').toLowerCase();
  if (named === '' && isInline) return false;
  return globs.some(({ patterns }) =>
    patterns.some((pattern) => (pattern.includes('/') ? fits(type, pattern) : named !== '' && fits(named, pattern))),
  );
}

/** Whether `text` fits the pattern. Takes no more steps than the product of both lengths: a sender chooses the names. */
function fits(text: string, pattern: string): boolean {
  let [at, next] = [0, 0];
  /** Where the last `*` stands in the pattern, and how far it reaches in the text. */
  let [star, reach] = [-1, 0];
  while (at < text.length) {
    if (pattern[next] === '*') {
      [star, reach] = [next, at];
      next += 1;
    } else if (next < pattern.length && (pattern[next] === '?' || pattern[next] === text[at])) {
      at += 1;
      next += 1;
    } else if (star >= 0) {
      reach += 1;
      [at, next] = [reach, star + 1];
    } else return false;
  }
  while (pattern[next] === '*') next += 1;
  return next === pattern.length;
}
