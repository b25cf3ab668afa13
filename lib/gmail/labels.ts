/** Finds labels by name as Gmail compares names, and writes a label as a search term. */
import { ConfigError } from '../errors.ts';

export interface Label {
  readonly id: string;
  readonly name: string;
}

/** Gmail refuses to add more than one of these labels in one change. */
export const PLACES: readonly string[] = ['INBOX', 'SPAM', 'TRASH'];

/** Gmail lists and finds messages with these labels only when a request asks for Spam and Trash. */
export const HIDING_LABELS: readonly string[] = ['TRASH', 'SPAM'];

/** System label id → the search that finds its messages. */
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
 * `name` in the form in which Gmail compares names: case and spaces around a slash do not count, and hyphen, slash, space
 * and some punctuation are the same character. "Auto-Archived" and "Auto/Archived" conflict, and so do "Clients / Acme"
 * and "Clients/Acme" (source: github.com/elie222/inbox-zero/pull/1672).
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

/** The id of the system label called `name`, in upper or lower case; undefined when there is none. */
export function systemLabelId(name: string): string | undefined {
  const id = name.trim().toUpperCase();
  return SYSTEM_SEARCHES.has(id) ? id : undefined;
}

/** Whether `name` is the id of a system label, in upper case as Gmail writes it. */
export function isSystemName(name: string): boolean {
  return SYSTEM_SEARCHES.has(name);
}

/** The search for messages that have the label: `in:inbox`, or a quoted `label:"Auto/Archived"`. */
export function labelSearch(name: string): string {
  return SYSTEM_SEARCHES.get(name.trim().toUpperCase()) ?? `label:${quoteLabel(name)}`;
}

/** A label's name as the value of a search term. Gmail has no escape for a quote in it, but a hyphen matches one. */
export function quoteLabel(name: string): string {
  return `"${name.replaceAll('"', '-')}"`;
}

/** Called when `find` returns a label whose name differs from the name as `written`. */
export type OnMatched = (written: string, label: Label) => void;

export class LabelDirectory {
  readonly #byName = new Map<string, Label>();
  /** Normalized name → labels. */
  readonly #alike = new Map<string, Label[]>();
  readonly #onMatched: OnMatched;

  constructor(labels: readonly Label[], onMatched: OnMatched = () => {}) {
    for (const label of labels) this.add(label);
    this.#onMatched = onMatched;
  }

  /** @internal */
  add(label: Label): void {
    const normalized = normalizeLabel(label.name);
    const others = (this.#alike.get(normalized) ?? []).filter(({ name }) => name !== label.name);
    this.#alike.set(normalized, [...others, label]);
    this.#byName.set(label.name, label);
  }

  /**
   * The label with exactly this name, or else the label that Gmail would use for the name. `place` is where the
   * name was written, for the error.
   * @throws ConfigError when several labels fit, and none exactly.
   */
  find(name: string, place?: string): Label | undefined {
    const system = systemLabelId(name);
    if (system !== undefined) return { id: system, name: system };
    const exact = this.#byName.get(name);
    if (exact !== undefined) return exact;
    const fitting = this.#alike.get(normalizeLabel(name)) ?? [];
    const [label, ...others] = fitting;
    if (others.length > 0) {
      const names = fitting.map((one) => `"${one.name}"`).join(' and ');
      throw new ConfigError(
        `${place === undefined ? '' : `${place}: `}the label "${name}" fits more than one label of the mailbox: ${names}`,
        'Write the name exactly as the mailbox has it, or rename one of these labels in Gmail.',
      );
    }
    if (label !== undefined) this.#onMatched(name, label);
    return label;
  }

  /** The listed labels; Gmail does not list every system label. */
  all(): Label[] {
    return [...this.#byName.values()];
  }

  /** The labels whose normalized names begin with `prefix`, normalized. @internal */
  startingWith(prefix: string): Label[] {
    const wanted = normalizeLabel(prefix);
    return [...this.#alike].flatMap(([name, labels]) => (name.startsWith(wanted) ? labels : []));
  }
}
