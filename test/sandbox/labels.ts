// The labels of the made-up mailbox, and the comparison of their names.

export interface StoredLabel {
  readonly id: string;
  readonly name: string;
  readonly type: 'system' | 'user';
  labelListVisibility?: string;
  messageListVisibility?: string;
  color?: { textColor: string; backgroundColor: string };
}

export type LabelOptions = Partial<Pick<StoredLabel, 'labelListVisibility' | 'messageListVisibility' | 'color'>>;

const SYSTEM_LABELS = [
  'INBOX',
  'UNREAD',
  'STARRED',
  'IMPORTANT',
  'TRASH',
  'SPAM',
  'SENT',
  'DRAFT',
  'CHAT',
  'CATEGORY_PERSONAL',
  'CATEGORY_SOCIAL',
  'CATEGORY_PROMOTIONS',
  'CATEGORY_UPDATES',
  'CATEGORY_FORUMS',
] as const;

/** A label of that name exists already, as Gmail compares names. */
export class LabelConflictError extends Error {
  override readonly name = 'LabelConflictError';
  constructor(labelName: string) {
    super(`Label name exists or conflicts: ${labelName}`);
  }
}

/** A label id that the mailbox does not have. */
export class UnknownLabelError extends Error {
  override readonly name = 'UnknownLabelError';
  constructor(labelId: string) {
    super(`Invalid label: ${labelId}`);
  }
}

/**
 * Returns the form in which Gmail compares label names: no case, no spaces around a slash, and one character for
 * - / space & ( ) { } " |.
 */
function normalizeLabelName(name: string): string {
  return name
    .trim()
    .normalize('NFC')
    .toLowerCase()
    .replace(/ *\/ */g, '/')
    .replace(/[-/\s&(){}"|]/g, '-');
}

/** Reserved names that are not names of Gmail's labels. */
const RESERVED_NAMES = [
  ...['muted', 'snoozed', 'scheduled', 'chats', 'drafts', 'allmail', 'all mail', 'bin', 'archive', 'archived'],
  ...['voicemail', 'todo', 'todos', 'buzz', 'migrated'],
];

/** Whether Gmail accepts the name for a new label. */
export function isAllowedName(name: string): boolean {
  const isReserved = [...SYSTEM_LABELS.map((id) => id.toLowerCase()), ...RESERVED_NAMES].includes(name.toLowerCase());
  const parts = name.split('/');
  return !isReserved && !/^\^|\p{Cc}| {2}/u.test(name) && parts.every((part) => part.trim() !== '');
}

export class LabelSet {
  readonly #byId = new Map<string, StoredLabel>();
  #created = 0;

  /**
   * The user's labels get the ids Label_1, Label_2 … in the order of `userLabels`. Two of them may count as the same
   * name, as in mailboxes that have old labels.
   */
  constructor(userLabels: readonly string[] = []) {
    for (const name of SYSTEM_LABELS) this.#byId.set(name, { id: name, name, type: 'system' });
    for (const name of userLabels) this.#make(name, {});
  }

  all(): StoredLabel[] {
    return [...this.#byId.values()];
  }

  get(id: string): StoredLabel | undefined {
    return this.#byId.get(id);
  }

  /** The label of exactly this name, or one whose name is the same to Gmail. */
  find(name: string): StoredLabel | undefined {
    const all = this.all();
    const normalized = normalizeLabelName(name);
    return (
      all.find((label) => label.name === name) ?? all.find((label) => normalizeLabelName(label.name) === normalized)
    );
  }

  /** @throws LabelConflictError when a label of that name exists. */
  create(name: string, options: LabelOptions = {}): StoredLabel {
    if (this.find(name) !== undefined) throw new LabelConflictError(name);
    return this.#make(name, options);
  }

  /** Gives a user's label another name; its messages keep it. @throws UnknownLabelError, LabelConflictError */
  rename(id: string, name: string): void {
    const label = this.#byId.get(id);
    if (label?.type !== 'user') throw new UnknownLabelError(id);
    const other = this.find(name);
    if (other !== undefined && other.id !== id) throw new LabelConflictError(name);
    this.#byId.set(id, { ...label, name });
  }

  /** Returns whether there was such a label; system labels cannot be deleted. */
  delete(id: string): boolean {
    const label = this.#byId.get(id);
    if (label?.type !== 'user') return false;
    return this.#byId.delete(id);
  }

  #make(name: string, options: LabelOptions): StoredLabel {
    this.#created += 1;
    const label: StoredLabel = { ...options, id: `Label_${this.#created}`, name, type: 'user' };
    this.#byId.set(label.id, label);
    return label;
  }
}
