// The labels of the made-up mailbox: Gmail's own and the user's, and when two names count as the same.

export interface StoredLabel {
  readonly id: string;
  readonly name: string;
  readonly type: 'system' | 'user';
  labelListVisibility?: string;
  messageListVisibility?: string;
  color?: { textColor: string; backgroundColor: string };
}

/** What a caller may choose about a label besides its name. */
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

/** Returns the form in which Gmail compares label names: no case, and one character for - / space & ( ) { } " |. */
function normalizeLabelName(name: string): string {
  return name
    .trim()
    .normalize('NFC')
    .toLowerCase()
    .replace(/[-/\s&(){}"|]/g, '-');
}

/** All labels of one mailbox, to be found by id and by name. */
export class LabelSet {
  readonly #byId = new Map<string, StoredLabel>();
  readonly #byName = new Map<string, StoredLabel>();
  #created = 0;

  /** The user's labels get the ids Label_1, Label_2 … in the order of `userLabels`. */
  constructor(userLabels: readonly string[] = []) {
    for (const name of SYSTEM_LABELS) this.#add({ id: name, name, type: 'system' });
    for (const name of userLabels) this.create(name);
  }

  all(): StoredLabel[] {
    return [...this.#byId.values()];
  }

  get(id: string): StoredLabel | undefined {
    return this.#byId.get(id);
  }

  find(name: string): StoredLabel | undefined {
    return this.#byName.get(normalizeLabelName(name));
  }

  /** @throws LabelConflictError when a label of that name exists. */
  create(name: string, options: LabelOptions = {}): StoredLabel {
    if (this.find(name) !== undefined) throw new LabelConflictError(name);
    this.#created += 1;
    return this.#add({ ...options, id: `Label_${this.#created}`, name, type: 'user' });
  }

  /** Returns whether there was such a label; those of the system cannot be deleted. */
  delete(id: string): boolean {
    const label = this.#byId.get(id);
    if (label?.type !== 'user') return false;
    this.#byId.delete(id);
    return this.#byName.delete(normalizeLabelName(label.name));
  }

  #add(label: StoredLabel): StoredLabel {
    this.#byId.set(label.id, label);
    this.#byName.set(normalizeLabelName(label.name), label);
    return label;
  }
}
