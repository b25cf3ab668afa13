/** Compares the labels of a copy's messages with those in lists of the mailbox: by two sums for each message, which take less memory than sets. */
import type { IdSet } from '../gmail/ids.ts';
import type { Label } from '../gmail/labels.ts';
import type { Copy } from './copy.ts';

export class LabelComparison {
  /** Name in the copy or in the mailbox → number of the label; null for a label that was deleted since. */
  readonly #numbers = new Map<string, number | null>();
  /** The id of each label of the mailbox → its number. */
  readonly #ofId: ReadonlyMap<string, number>;
  #next: number;

  /** `names` are the user's labels when the copy was made, by their ids; `labels` those of the mailbox. */
  constructor(names: Readonly<Record<string, string>>, labels: readonly Label[]) {
    this.#ofId = new Map(labels.map(({ id }, index) => [id, index]));
    this.#next = labels.length;
    for (const [index, { name }] of labels.entries()) this.#numbers.set(name, index);
    // The history shows neither a rename nor a deletion of a label.
    for (const [id, name] of Object.entries(names)) this.#numbers.set(name, this.#ofId.get(id) ?? null);
  }

  /** By index of `ids`: 1 when a live message has other labels in the mailbox. `lists` has the messages of each label by its name. */
  findDiffering(copy: Copy, ids: IdSet, lists: ReadonlyMap<string, IdSet>): Uint8Array {
    // Equal sets of labels have equal sums of the labels' weights.
    const sums = new Uint32Array(ids.size);
    const others = new Uint32Array(ids.size);
    const add = (index: number, number: number, sign: 1 | -1) => {
      sums[index] = (sums[index] as number) + sign * weigh(number, 0x9e3779b1);
      others[index] = (others[index] as number) + sign * weigh(number, 0x85ebca6b);
    };
    const differing = new Uint8Array(ids.size);
    for (const { id, labels } of copy) {
      const index = ids.indexOf(id);
      for (const name of labels) {
        const number = this.#numberOf(name);
        if (number !== null) add(index, number, 1);
      }
    }
    for (const [name, messages] of lists) {
      const number = this.#numberOf(name);
      if (number !== null) ids.forEachShared(messages, (index) => add(index, number, -1));
    }
    for (let index = 0; index < ids.size; index += 1) {
      differing[index] = sums[index] === 0 && others[index] === 0 ? 0 : 1;
    }
    return differing;
  }

  /** Whether a message with labels of these names has the labels with these ids in the mailbox. */
  isSame(names: readonly string[], labelIds: readonly string[]): boolean {
    const inCopy = new Set(names.map((name) => this.#numberOf(name)));
    const inMailbox = new Set(labelIds.map((id) => this.#ofId.get(id) ?? this.#numberOf(id)));
    inCopy.delete(null);
    inMailbox.delete(null);
    return inCopy.symmetricDifference(inMailbox).size === 0;
  }

  #numberOf(name: string): number | null {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    this.#numbers.set(name, this.#next);
    this.#next += 1;
    return this.#next - 1;
  }
}

/** 32 bits that mix all bits of the number, so that sums of different labels differ. */
function weigh(number: number, seed: number): number {
  let mixed = Math.imul(number + 1, seed);
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}
