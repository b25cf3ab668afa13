/**
 * The names of a mailbox's labels, by their ids, and how they differ from the names in a copy. Lines have names, since a
 * reader of the copy knows no ids; Gmail's history has ids, and does not show that a label was renamed or deleted.
 */
import type { GmailClient } from '../gmail/client.ts';
import { isSystemName, type Label } from '../gmail/labels.ts';
import { listLabels } from '../gmail/mailbox-labels.ts';

/** A label with an unknown id was created after the list of labels: the list is read again, at most so often. */
const MOST_LISTS = 20;

export interface Rename {
  readonly was: string;
  readonly label: string;
}

export class LabelNames {
  readonly #client: GmailClient;
  readonly #signal: AbortSignal;
  /** The user's own labels: id → name, as they were listed first. */
  readonly #own = new Map<string, string>();
  readonly #system = new Set<string>();
  /** Ids that are in no list: their labels were deleted. */
  readonly #unknown = new Set<string>();
  /** The names in the copy's state, by id: the only names of labels that were deleted since. */
  readonly #former: Readonly<Record<string, string>>;
  #lists = 0;
  #listing: Promise<void> | undefined;

  private constructor(client: GmailClient, former: Readonly<Record<string, string>>, signal: AbortSignal) {
    this.#client = client;
    this.#former = former;
    this.#signal = signal;
  }

  /** Lists the labels. `former` are the names in the copy's state, by id. 1 quota unit. */
  static async list(
    client: GmailClient,
    former: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<LabelNames> {
    const names = new LabelNames(client, former, signal);
    await names.#list();
    return names;
  }

  /** The user's own labels, for the copy's state. */
  get own(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#own);
  }

  /** All labels with the names that lines have. */
  get all(): Label[] {
    const own = Array.from(this.#own, ([id, name]) => ({ id, name }));
    return [...Array.from(this.#system, (id) => ({ id, name: id })), ...own];
  }

  /** The names of labels, in the order of lines. An id that no list has, of a label that is deleted by now, is left out. */
  async of(labelIds: readonly string[]): Promise<string[]> {
    for (const id of labelIds) if (this.#nameOf(id) === undefined) await this.#listAgain(id);
    return sorted(labelIds.flatMap((id) => this.#nameOf(id) ?? []));
  }

  /** The name of a label for a change of labels, also of one that was deleted since the last run. */
  async ofOne(labelId: string): Promise<string | undefined> {
    const [name] = await this.of([labelId]);
    return name ?? this.#former[labelId];
  }

  /** The labels of the copy that have other names now, and the names of those that were deleted. */
  compare(): { readonly renames: readonly Rename[]; readonly deleted: readonly string[] } {
    const renames: Rename[] = [];
    const deleted: string[] = [];
    for (const [id, was] of Object.entries(this.#former)) {
      const label = this.#own.get(id);
      if (label === undefined) deleted.push(was);
      else if (label !== was) renames.push({ was, label });
    }
    return { renames, deleted };
  }

  /**
   * Whether names alone do not tell which labels the messages of a copy with the labels `inCopy` have now: a label has the
   * old name of another one, or the copy has a name that is neither in its state nor in the mailbox. Runs that were killed
   * before they moved the state leave such names.
   */
  isAmbiguous(inCopy: Iterable<string>): boolean {
    const now = new Set(this.#own.values());
    const before = Object.values(this.#former);
    const { renames, deleted } = this.compare();
    const isTaken = [...renames.map(({ was }) => was), ...deleted].some((name) => now.has(name));
    const isJoined = renames.some(
      ({ was, label }) => before.filter((name) => name === was || name === label).length > 1,
    );
    const known = new Set([...now, ...before]);
    const isUnknown = [...inCopy].some((name) => !known.has(name) && !this.#system.has(name) && !isSystemName(name));
    return isTaken || isJoined || isUnknown;
  }

  #nameOf(id: string): string | undefined {
    const own = this.#own.get(id);
    if (own !== undefined) return own;
    // Gmail does not list every label of the system.
    return this.#system.has(id) || !/^Label_/.test(id) ? id : undefined;
  }

  async #listAgain(id: string): Promise<void> {
    if (this.#unknown.has(id) || this.#lists >= MOST_LISTS) return;
    this.#listing ??= this.#list().finally(() => {
      this.#listing = undefined;
    });
    await this.#listing;
    if (this.#nameOf(id) === undefined) this.#unknown.add(id);
  }

  /** Keeps the names of the first list, so that all lines of a run agree: the next run finds a rename between two lists. */
  async #list(): Promise<void> {
    this.#lists += 1;
    for (const { id, name, isOwn } of await listLabels(this.#client, this.#signal)) {
      if (!isOwn) this.#system.add(id);
      else if (!this.#own.has(id)) this.#own.set(id, name);
    }
  }
}

/** In the order of lines: the same labels make the same text. */
export function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
