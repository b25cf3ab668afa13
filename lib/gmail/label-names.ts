/** Which names a label cannot have in a rule or a job: those that Gmail refuses, and those of the program's own labels. */
import { normalizeLabel, systemLabelId } from './labels.ts';
import { isOwnLabel, OWN_FOLDER } from './own-labels.ts';

/** Gmail refuses longer names. */
const MAX_LENGTH = 225;

/**
 * Names that labels.create answers with "Invalid label name", in any case, although no label of the system has them.
 * Sources: `reserved_labels` in github.com/GAM-team/got-your-back and its issues 95, 264 and 350; the caveats in
 * github.com/gauteh/lieer; gmail's own views. The list is not complete, since Gmail documents none.
 */
const RESERVED: ReadonlySet<string> = new Set(
  [
    ...['Muted', 'Snoozed', 'Scheduled', 'Chats', 'Drafts', 'All Mail', 'AllMail', 'Bin', 'Archive', 'Archived'],
    ...['Voicemail', 'Todo', 'Todos', 'Buzz', 'Migrated'],
  ].map(normalizeLabel),
);

/**
 * Why an action cannot use the label `name`, as the end of a sentence about the name; undefined when it can. An action can
 * use the system's labels, in upper or lower case.
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
  if (RESERVED.has(normalizeLabel(name))) return `is "${name}", a name that Gmail keeps for itself: choose another one`;
  if (isOwnLabel(name)) return `is "${name}", which gmail-jobs keeps for itself: choose a label outside ${OWN_FOLDER}/`;
  return undefined;
}

/** @throws Error when one of `names` is none for an action: the job that gives it has a bug. */
export function requireUsable(names: readonly string[]): void {
  for (const name of names) {
    const problem = labelProblem(name);
    if (problem !== undefined) throw new Error(`the job uses a label that jobs may not change: the name ${problem}`);
  }
}
