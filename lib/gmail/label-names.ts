/** Names that a label cannot have in a rule or a job: those that Gmail refuses, and the program's own labels. */
import { normalizeLabel, systemLabelId } from './labels.ts';
import { isInOwnFolder, OWN_FOLDER } from './own-labels.ts';

/** Gmail refuses longer names. */
const MAX_LENGTH = 225;

/**
 * Names that labels.create refuses with "Invalid label name", in upper or lower case, although no system label has them.
 * Gmail documents none, so the list is incomplete. Sources: `reserved_labels` in github.com/GAM-team/got-your-back and its
 * issues 95, 264 and 350; the caveats in github.com/gauteh/lieer; the names of Gmail's views.
 */
const RESERVED: ReadonlySet<string> = new Set(
  [
    ...['Muted', 'Snoozed', 'Scheduled', 'Chats', 'Drafts', 'All Mail', 'AllMail', 'Bin', 'Archive', 'Archived'],
    ...['Voicemail', 'Todo', 'Todos', 'Buzz', 'Migrated'],
  ].map(normalizeLabel),
);

/**
 * Why an action cannot use the label `name`, as the end of a sentence that begins with the name; undefined when it can.
 * System labels are allowed, in upper or lower case.
 */
export function labelProblem(name: string): string | undefined {
  if (systemLabelId(name) !== undefined) return undefined;
  const invisible = /[\p{Cc}\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060\ufeff]/u.exec(name)?.[0];
  if (invisible !== undefined) {
    const code = invisible.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0');
    return `holds an invisible character (U+${code})`;
  }
  if (name.trim() === '') return 'is empty';
  if (name !== name.trim()) return 'begins or ends with a space';
  if (/\s\s/.test(name)) return 'has two spaces in a row';
  if (name.startsWith('^')) return 'begins with "^", as Gmail\'s internal labels do';
  if (name.split('/').some((part) => part.trim() === ''))
    return `has an empty part before or behind a slash: "${name}"`;
  if ([...name].length > MAX_LENGTH) return `is longer than the ${MAX_LENGTH} characters that Gmail allows`;
  if (RESERVED.has(normalizeLabel(name))) return `is "${name}", a name that Gmail reserves: choose another one`;
  if (isInOwnFolder(name)) return `is "${name}", which gmail-jobs reserves: choose a label outside ${OWN_FOLDER}/`;
  return undefined;
}

/** @throws Error for a name that an action cannot use: the job has a bug. */
export function requireUsable(names: readonly string[]): void {
  for (const name of names) {
    const problem = labelProblem(name);
    if (problem !== undefined) throw new Error(`the job changes a label that jobs may not change: its name ${problem}`);
  }
}
