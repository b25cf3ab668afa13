/** The labels of one mailbox: lists them once, and creates, resolves and deletes them. Names are compared in labels.ts. */
import type { gmail_v1 } from 'googleapis/build/src/apis/gmail/index.js';
import type { Log } from '../screen/log.ts';
import type { LabelOperation } from './change-plan.ts';
import type { GmailClient } from './client.ts';
import { requireUsable } from './label-names.ts';
import { type Label, LabelDirectory, normalizeLabel, systemLabelId } from './labels.ts';
import { isInOwnFolder } from './own-labels.ts';
import { GmailRefusal } from './responses.ts';
import type { Writer } from './writer.ts';

/** One label, by id, that a change adds or removes. */
export interface LabelStep {
  readonly id: string;
  readonly name: string;
  readonly add: boolean;
}

/** The labels of a set's operations, null for a missing label to remove; or Gmail's refusal to create a label. */
export type ResolvedSet = readonly (LabelStep | null)[] | GmailRefusal;

export interface ListedLabel extends Label {
  /** Whether it is one of the user's labels, and none of the system. */
  readonly isOwn: boolean;
}

/** All labels of the mailbox. 1 quota unit. */
export async function listLabels(client: GmailClient, signal: AbortSignal): Promise<ListedLabel[]> {
  const { labels = [] } = await client.request<gmail_v1.Schema$ListLabelsResponse>(
    'labels.list',
    (api, options) => api.users.labels.list({ userId: 'me' }, options),
    signal,
  );
  return labels.flatMap(({ id, name, type }) => (id && name ? [{ id, name, isOwn: type === 'user' }] : []));
}

export interface MailboxLabelsOptions {
  readonly client: GmailClient;
  readonly writer: Writer;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export class MailboxLabels {
  readonly #options: MailboxLabelsOptions;
  /** As listed last, with the labels created since. */
  #listed: Promise<LabelDirectory> | undefined;
  /** Names whose label.matched event is already logged. */
  readonly #matched = new Set<string>();

  constructor(options: MailboxLabelsOptions) {
    this.#options = options;
  }

  /** Lists the labels. 1 quota unit. */
  list(): Promise<LabelDirectory> {
    this.#listed = listLabels(this.#options.client, this.#options.signal).then(
      (labels) => new LabelDirectory(labels, (written, label) => this.#logMatched(written, label)),
    );
    return this.#listed;
  }

  /** The labels as this run last listed them, with those created since. The first call costs 1 quota unit. */
  known(): Promise<LabelDirectory> {
    return this.#listed ?? this.list();
  }

  /** How many messages have the label; 0 when it was deleted. 1 quota unit. */
  async countMessages({ id }: Label): Promise<number> {
    try {
      const { messagesTotal } = await this.#options.client.request<gmail_v1.Schema$Label>(
        'labels.get',
        (api, options) => api.users.labels.get({ userId: 'me', id }, options),
        this.#options.signal,
      );
      return messagesTotal ?? 0;
    } catch (error) {
      if (error instanceof GmailRefusal && error.status === 404) return 0;
      throw error;
    }
  }

  /**
   * Creates a label; null when one of that name exists. `hidden` keeps it out of Gmail's lists, and is for the program's
   * own labels. 5 quota units.
   */
  async create(name: string, hidden: boolean): Promise<Label | null> {
    const { writer, log, signal } = this.#options;
    if (!(hidden && isInOwnFolder(name))) requireUsable([name]);
    try {
      const label = await writer.createLabel(name, hidden, signal);
      if (writer.live) log[hidden ? 'debug' : 'info']('label.created', { label: name });
      return label;
    } catch (error) {
      if (!(error instanceof GmailRefusal)) throw error;
      if (error.status === 409) return null;
      throw new GmailRefusal(
        error.status,
        `the label "${name}" cannot be created: ${error.message}`,
        error.reason,
        `${hidden ? '' : 'Choose another name. '}Gmail allows 10,000 labels in a mailbox: if it has that many, delete some.`,
      );
    }
  }

  /** Deletes a label, not its messages; false when there was none. 5 quota units. */
  async delete({ id }: Label): Promise<boolean> {
    try {
      await this.#options.writer.deleteLabel(id, this.#options.signal);
      return true;
    } catch (error) {
      if (error instanceof GmailRefusal && error.status === 404) return false;
      throw error;
    }
  }

  /** Creates the label called `name`, or finds the existing one that Gmail takes the name for. */
  async ensure(name: string, hidden = false): Promise<Label> {
    const label = (await this.create(name, hidden)) ?? (await this.list()).find(name);
    if (label === undefined)
      throw new GmailRefusal(
        409,
        `the label "${name}" cannot be created: Gmail says that it exists, but lists no such label`,
        'other',
        'Write the name as the mailbox has it, or choose another name: Gmail reserves some.',
      );
    (await this.known()).add(label);
    return label;
  }

  /** The operations' labels by id, or Gmail's refusal to create one. Creates labels that are added and do not exist. */
  async resolve(operations: readonly LabelOperation[]): Promise<ResolvedSet> {
    const steps: (LabelStep | null)[] = [];
    try {
      const directory = await this.#directoryFor(operations);
      for (const { add, label } of operations) {
        const known = directory.find(label) ?? (add ? await this.ensure(label) : undefined);
        steps.push(known === undefined ? null : { id: known.id, name: known.name, add });
      }
    } catch (error) {
      if (error instanceof GmailRefusal) return error;
      throw error;
    }
    return steps;
  }

  /**
   * Refuses label names before the first change.
   * @throws Error for a name that a change cannot use; ConfigError for one that fits several labels.
   */
  async requireClear(names: readonly string[]): Promise<void> {
    requireUsable(names.filter(isInOwnFolder));
    if (names.every((name) => systemLabelId(name) !== undefined)) return;
    const directory = await this.known();
    // An existing label may have a name that Gmail would refuse for a new one.
    requireUsable(names.filter((name) => directory.find(name) === undefined));
  }

  /** The labels among `names` that do not exist. */
  async missing(names: readonly string[]): Promise<string[]> {
    const directory = await this.known();
    const missing = names.filter((name) => directory.find(name) === undefined);
    return [...new Map(missing.map((name) => [normalizeLabel(name), name])).values()];
  }

  #logMatched(written: string, { name }: Label): void {
    if (this.#matched.has(written)) return;
    this.#matched.add(written);
    this.#options.log.info('label.matched', { label: name, written });
  }

  /** System labels need no list: their ids are their names. */
  #directoryFor(operations: readonly LabelOperation[]): Promise<LabelDirectory> {
    const onlySystem = operations.every(({ label }) => systemLabelId(label) !== undefined);
    return onlySystem ? Promise.resolve(new LabelDirectory([])) : this.known();
  }
}
