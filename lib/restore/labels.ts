/**
 * Turns the names of labels in a copy into ids of the mailbox's labels. Creates missing labels, under another name where
 * Gmail does not allow the copy's. Never ends the run: a label that cannot be created is left out with a warning.
 */

import { labelProblem } from '../gmail/label-names.ts';
import { isSystemName, type Label, normalizeLabel, PLACES } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { isInOwnFolder } from '../gmail/own-labels.ts';
import { GmailRefusal } from '../gmail/responses.ts';
import type { Log } from '../screen/log.ts';

/** Appended to a name that Gmail does not allow. */
const SUFFIX = ' (restored)';

const LONGEST_NAME = 225;

export interface LabelsContext {
  readonly mailbox: Mailbox;
  readonly log: Pick<Log, 'info' | 'warn' | 'error'>;
}

export class RestoredLabels {
  readonly #context: LabelsContext;
  #listed: Promise<Label[]> | undefined;
  /** Name in the copy → the label's id in the mailbox; null for a label that cannot be created. */
  readonly #ids = new Map<string, Promise<string | null>>();
  #sendsSent = true;

  constructor(context: LabelsContext) {
    this.#context = context;
  }

  /** The labels that would be created for the copy's labels `names`. At most 1 quota unit. */
  async missing(names: Iterable<string>): Promise<string[]> {
    const listed = await this.#list();
    const others = [...names].filter((name) => !isSystemName(name) && !listed.some((label) => label.name === name));
    const targets = others.map(targetName).filter((name) => findIn(listed, name) === undefined);
    return [...new Map(targets.map((name) => [normalizeLabel(name), name])).values()];
  }

  /** The label ids with which a message with the labels `names` is imported. 5 quota units for each label created. */
  async idsOf(names: readonly string[]): Promise<string[]> {
    const places = PLACES.filter((place) => names.includes(place));
    // Trash and Spam say more than Inbox, from which Gmail removes a message that moves there.
    const place = places.at(-1);
    const wanted = names.filter((name) => !PLACES.includes(name) || name === place);
    const ids: string[] = [];
    for (const name of wanted) {
      if (name === 'SENT' && !this.#sendsSent) continue;
      const id = isSystemName(name) ? name : await this.#idOf(name);
      if (id !== null && !ids.includes(id)) ids.push(id);
    }
    return ids;
  }

  /** Gmail refused to import a message with SENT: leaves the label out from now on. */
  leaveOutSent(): void {
    if (this.#sendsSent) this.#context.log.warn('restore.sent_refused');
    this.#sendsSent = false;
  }

  /** Lists the mailbox's labels anew, since somebody may have deleted one. */
  forget(): void {
    this.#ids.clear();
    this.#listed = undefined;
  }

  #list(): Promise<Label[]> {
    this.#listed ??= this.#context.mailbox.labels().then((directory) => directory.all());
    return this.#listed;
  }

  #idOf(name: string): Promise<string | null> {
    const known = this.#ids.get(name);
    if (known !== undefined) return known;
    const id = this.#findOrCreate(name);
    this.#ids.set(name, id);
    return id;
  }

  async #findOrCreate(name: string): Promise<string | null> {
    const { log } = this.#context;
    // An old label may have a name that Gmail allows for no new one.
    const exact = (await this.#list()).find((label) => label.name === name);
    if (exact !== undefined) return exact.id;
    let reason = labelProblem(name) ?? '';
    for (const candidate of candidatesFor(name)) {
      const result = await this.#obtain(candidate);
      if (!(result instanceof GmailRefusal)) {
        if (result.name !== name) log.warn('restore.label_renamed', { label: name, as: result.name });
        return result.id;
      }
      reason = result.message;
    }
    log.warn('restore.label_left_out', { label: name, reason });
    return null;
  }

  /** The label of this name, created when there is none; Gmail's refusal to create it. */
  async #obtain(name: string): Promise<Label | GmailRefusal> {
    const { mailbox } = this.#context;
    const existing = findIn(await this.#list(), name);
    if (existing !== undefined) return existing;
    try {
      const created = await mailbox.createLabel(name, { hidden: isInOwnFolder(name) });
      if (created !== null) {
        (await this.#list()).push(created);
        return created;
      }
    } catch (error) {
      if (error instanceof GmailRefusal) return error;
      throw error;
    }
    this.#listed = undefined;
    return findIn(await this.#list(), name) ?? new GmailRefusal(409, 'the name conflicts with another label');
  }
}

/** Whether Gmail would not create a label of this name. Journals and digests lie in the program's own folder. */
function isRefused(name: string): boolean {
  if (isInOwnFolder(name)) return false;
  return labelProblem(name) !== undefined || isSystemName(name.trim().toUpperCase());
}

/** The name under which a label of the copy is looked for and created first. */
function targetName(name: string): string {
  return isRefused(name) ? otherName(name) : name;
}

function candidatesFor(name: string): string[] {
  const inEachPart = name
    .split('/')
    .map((part) => (isRefused(part) ? otherName(part) : part))
    .join('/');
  const all = [targetName(name), otherName(name), inEachPart, `${otherName(name)} 2`];
  return [...new Set(all)].filter((candidate) => !isRefused(candidate));
}

/** A name like `name` that Gmail allows: `Snoozed (restored)`. */
function otherName(name: string): string {
  const parts = name
    .replace(/[\p{Cc}\u00ad\u200b\u200e\u200f\u2028-\u202e\u2060\ufeff]/gu, '')
    .split('/')
    .map((part) => part.replace(/\s+/g, ' ').trim().replace(/^\^+/, ''))
    .filter((part) => part !== '');
  const clean = parts.join('/') || 'Label';
  return `${clean
    .slice(0, LONGEST_NAME - SUFFIX.length - 2)
    .toWellFormed()
    .replace(/\uFFFD$/, '')}${SUFFIX}`;
}

/** The label of exactly this name, or else the first one that Gmail takes for the same. */
function findIn(labels: readonly Label[], name: string): Label | undefined {
  const normalized = normalizeLabel(name);
  return (
    labels.find((label) => label.name === name) ?? labels.find((label) => normalizeLabel(label.name) === normalized)
  );
}
