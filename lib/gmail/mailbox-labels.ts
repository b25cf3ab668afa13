/** The labels of one mailbox: listed when they are needed, made when something gets one that does not exist. */
import type { gmail_v1 } from 'googleapis/build/src/apis/gmail/index.js';
import type { Log } from '../screen/log.ts';
import type { LabelOperation } from './change-plan.ts';
import type { GmailClient } from './client.ts';
import { requireUsable } from './label-names.ts';
import { type Label, LabelDirectory, normalizeLabel, systemLabelId } from './labels.ts';
import { isOwnLabel } from './own-labels.ts';
import { GmailRefusal } from './responses.ts';
import type { Writer } from './writer.ts';

/** One label that is put on or taken off, by its id. */
export interface LabelStep {
  readonly id: string;
  readonly name: string;
  readonly add: boolean;
}

/** The labels of a set's operations, null for one to take off that does not exist; or why one could not be made. */
export type ResolvedSet = readonly (LabelStep | null)[] | GmailRefusal;

export interface MailboxLabelsOptions {
  readonly client: GmailClient;
  readonly writer: Writer;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export class MailboxLabels {
  readonly #options: MailboxLabelsOptions;
  /** The labels as they were listed last, and those made since. */
  #listed: Promise<LabelDirectory> | undefined;
  /** Names whose label.matched event is already logged. */
  readonly #matched = new Set<string>();

  constructor(options: MailboxLabelsOptions) {
    this.#options = options;
  }

  /** The labels as they are now. 1 quota unit. */
  list(): Promise<LabelDirectory> {
    this.#listed = this.#options.client
      .request<gmail_v1.Schema$ListLabelsResponse>(
        'labels.list',
        (api, options) => api.users.labels.list({ userId: 'me' }, options),
        this.#options.signal,
      )
      .then(
        ({ labels = [] }) =>
          new LabelDirectory(
            labels.flatMap(({ id, name }) => (id && name ? [{ id, name }] : [])),
            (written, label) => this.#tellMatched(written, label),
          ),
      );
    return this.#listed;
  }

  /** The labels as they were listed before in this run, if they were. */
  known(): Promise<LabelDirectory> {
    return this.#listed ?? this.list();
  }

  /**
   * Makes a label; null when one of that name exists. `hidden` keeps it out of Gmail's lists, as all labels of the
   * program's own are. 5 quota units.
   */
  async create(name: string, hidden: boolean): Promise<Label | null> {
    const { writer, log, signal } = this.#options;
    if (!(hidden && isOwnLabel(name))) requireUsable([name]);
    try {
      const label = await writer.createLabel(name, hidden, signal);
      if (writer.live) log[hidden ? 'debug' : 'info']('label.created', { label: name });
      return label;
    } catch (error) {
      if (!(error instanceof GmailRefusal)) throw error;
      if (error.status === 409) return null;
      throw new GmailRefusal(
        error.status,
        `the label "${name}" cannot be made: ${error.message}`,
        error.reason,
        `${hidden ? '' : 'Choose another name for it. '}Gmail allows 10,000 labels in a mailbox: if it has as many, delete some.`,
      );
    }
  }

  /** Deletes a label, not its messages; false when it was already gone. 5 quota units. */
  async delete({ id }: Label): Promise<boolean> {
    try {
      await this.#options.writer.deleteLabel(id, this.#options.signal);
      return true;
    } catch (error) {
      if (error instanceof GmailRefusal && error.status === 404) return false;
      throw error;
    }
  }

  /** The label called `name`, made now; or the one that another run has just made, or that Gmail takes it for. */
  async make(name: string, hidden = false): Promise<Label> {
    const label = (await this.create(name, hidden)) ?? (await this.list()).find(name);
    if (label === undefined)
      throw new GmailRefusal(
        409,
        `the label "${name}" cannot be made: Gmail says that one of this name exists, but lists none that fits`,
        'other',
        'Write the name as the mailbox has it, or choose another one: Gmail keeps some for itself.',
      );
    (await this.known()).add(label);
    return label;
  }

  /** The operations' labels by their ids, or Gmail's refusal to make one. Those to add are made when they do not exist. */
  async resolve(operations: readonly LabelOperation[]): Promise<ResolvedSet> {
    const steps: (LabelStep | null)[] = [];
    try {
      const directory = await this.#directoryFor(operations);
      for (const { add, label } of operations) {
        const known = directory.find(label) ?? (add ? await this.make(label) : undefined);
        steps.push(known === undefined ? null : { id: known.id, name: known.name, add });
      }
    } catch (error) {
      if (error instanceof GmailRefusal) return error;
      throw error;
    }
    return steps;
  }

  /**
   * Refuses names that nothing can be done with, before anything is done.
   * @throws Error for a name that no label of an action can have; ConfigError for one that several labels fit.
   */
  async requireClear(names: readonly string[]): Promise<void> {
    requireUsable(names.filter(isOwnLabel));
    if (names.every((name) => systemLabelId(name) !== undefined)) return;
    const directory = await this.known();
    // A label that exists may have a name that no new one can have.
    requireUsable(names.filter((name) => directory.find(name) === undefined));
  }

  /** The labels among `names` that do not exist. */
  async missing(names: readonly string[]): Promise<string[]> {
    const directory = await this.known();
    const missing = names.filter((name) => directory.find(name) === undefined);
    return [...new Map(missing.map((name) => [normalizeLabel(name), name])).values()];
  }

  #tellMatched(written: string, { name }: Label): void {
    if (this.#matched.has(written)) return;
    this.#matched.add(written);
    this.#options.log.info('label.matched', { label: name, written });
  }

  /** Gmail's own labels are known without a list. */
  #directoryFor(operations: readonly LabelOperation[]): Promise<LabelDirectory> {
    const onlySystem = operations.every(({ label }) => systemLabelId(label) !== undefined);
    return onlySystem ? Promise.resolve(new LabelDirectory([])) : this.known();
  }
}
