/** Labels by name, as Gmail compares names, and how a label is written in a search. */
import { ConfigError } from '../errors.ts';

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
  return SYSTEM_SEARCHES.get(name.trim().toUpperCase()) ?? `label:${quoteLabel(name)}`;
}

/** A label's name as the value of a search term. Between quotes no quote can stand; Gmail takes a hyphen for one. */
export function quoteLabel(name: string): string {
  return `"${name.replaceAll('"', '-')}"`;
}

/** Told when a label is taken for a name that is spelled in another way than the label's own. */
export type OnMatched = (written: string, label: Label) => void;

/** A mailbox's labels. */
export class LabelDirectory {
  readonly #byName = new Map<string, Label>();
  /** By the form in which Gmail compares names. */
  readonly #alike = new Map<string, Label[]>();
  readonly #onMatched: OnMatched;

  constructor(labels: readonly Label[], onMatched: OnMatched = () => {}) {
    for (const label of labels) this.add(label);
    this.#onMatched = onMatched;
  }

  /** Adds a label that was made since. */
  add(label: Label): void {
    const normalized = normalizeLabel(label.name);
    const others = (this.#alike.get(normalized) ?? []).filter(({ name }) => name !== label.name);
    this.#alike.set(normalized, [...others, label]);
    this.#byName.set(label.name, label);
  }

  /**
   * The label with exactly this name, or else the label that Gmail would use for the name. An error names `whose`, the
   * place where the name was written.
   * @throws ConfigError when several labels fit, and none exactly.
   */
  find(name: string, whose?: string): Label | undefined {
    const system = systemLabelId(name);
    if (system !== undefined) return { id: system, name: system };
    const exact = this.#byName.get(name);
    if (exact !== undefined) return exact;
    const fitting = this.#alike.get(normalizeLabel(name)) ?? [];
    const [label, ...others] = fitting;
    if (others.length > 0) {
      const names = fitting.map((one) => `"${one.name}"`).join(' and ');
      throw new ConfigError(
        `${whose === undefined ? '' : `${whose}: `}the label "${name}" fits more than one label of the mailbox: ${names}`,
        'Write the name exactly as the mailbox has it, or rename one of these labels in Gmail.',
      );
    }
    if (label !== undefined) this.#onMatched(name, label);
    return label;
  }

  /** All labels, but for those of the system that were not listed. */
  all(): Label[] {
    return [...this.#byName.values()];
  }

  /** All labels whose names begin with `prefix`. */
  startingWith(prefix: string): Label[] {
    const wanted = normalizeLabel(prefix);
    return [...this.#alike].flatMap(([name, labels]) => (name.startsWith(wanted) ? labels : []));
  }
}
