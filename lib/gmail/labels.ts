/** Labels by name, as Gmail compares names, and how a label is written in a search. */

/** A label of the mailbox. */
export interface Label {
  readonly id: string;
  readonly name: string;
}

/** System labels that a search or a change can name, with the search that finds their messages. */
const SYSTEM_SEARCHES: ReadonlyMap<string, string> = new Map([
  ['INBOX', 'in:inbox'],
  ['TRASH', 'in:trash'],
  ['SPAM', 'in:spam'],
  ['SENT', 'in:sent'],
  ['DRAFT', 'in:drafts'],
  ['CHAT', 'in:chats'],
  ['UNREAD', 'is:unread'],
  ['STARRED', 'is:starred'],
  ['IMPORTANT', 'is:important'],
  ['CATEGORY_PERSONAL', 'category:primary'],
  ['CATEGORY_SOCIAL', 'category:social'],
  ['CATEGORY_PROMOTIONS', 'category:promotions'],
  ['CATEGORY_UPDATES', 'category:updates'],
  ['CATEGORY_FORUMS', 'category:forums'],
]);

/**
 * `name` in the form in which Gmail compares names: without regard to case and to spaces around a slash, and with hyphen,
 * slash, space and some punctuation counting as one character (as reported: "Auto-Archived" and "Auto/Archived" conflict,
 * and so do "Clients / Acme" and "Clients/Acme", see github.com/elie222/inbox-zero/pull/1672).
 */
export function normalizeLabel(name: string): string {
  return name
    .normalize('NFC')
    .trim()
    .toLowerCase()
    .replace(/\s*\/\s*/g, '/')
    .replace(/\s+/g, ' ')
    .replace(/[-/ &(){}"|]/g, '-');
}

/** The id of the system label called `name`; undefined when there is none of that name. */
export function systemLabelId(name: string): string | undefined {
  const id = name.trim().toUpperCase();
  return SYSTEM_SEARCHES.has(id) ? id : undefined;
}

/** The search for messages that have the label: `in:inbox`, or a quoted `label:"Auto/Archived"`. */
export function labelSearch(name: string): string {
  const system = SYSTEM_SEARCHES.get(name.trim().toUpperCase());
  return system ?? `label:"${name.trim().replaceAll('"', '-')}"`;
}

/** A mailbox's labels. */
export class LabelDirectory {
  readonly #byName: Map<string, Label>;

  constructor(labels: readonly Label[]) {
    this.#byName = new Map(labels.map((label) => [normalizeLabel(label.name), label]));
  }

  /** Adds a label that was made since. */
  add(label: Label): void {
    this.#byName.set(normalizeLabel(label.name), label);
  }

  /** The label that Gmail would take `name` for. */
  find(name: string): Label | undefined {
    const system = systemLabelId(name);
    return system === undefined ? this.#byName.get(normalizeLabel(name)) : { id: system, name: system };
  }

  /** All labels, but for those of the system that were not listed. */
  all(): Label[] {
    return [...this.#byName.values()];
  }

  /** All labels whose names begin with `prefix`. */
  startingWith(prefix: string): Label[] {
    const wanted = normalizeLabel(prefix);
    return [...this.#byName].filter(([name]) => name.startsWith(wanted)).map(([, label]) => label);
  }
}
