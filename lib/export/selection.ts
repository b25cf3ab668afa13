/** Chooses messages of a copy by their dates, labels, senders and ids. */
import { addressParser } from 'postal-mime';
import { UsageError } from '../errors.ts';
import { isMessageId } from '../gmail/ids.ts';
import type { OptionSpec } from '../options.ts';
import { headerIn } from './source-headers.ts';

/** A message must fit each condition that is given. */
export interface Conditions {
  /** The first second, since 1970; null for no limit. */
  readonly fromS: number | null;
  /** The first second after the last one; null for no limit. */
  readonly toS: number | null;
  /** One of these labels, or a label below one of them; undefined for any. */
  readonly labels: readonly string[] | undefined;
  readonly ids: readonly string[] | undefined;
}

/** The part of a message's index line by which it is chosen. */
export interface Choosable {
  readonly id: string;
  readonly date: Date;
  readonly labels: readonly string[];
}

export class Selection {
  readonly #conditions: Conditions;
  readonly #ids: ReadonlySet<string> | undefined;
  /** Label of a message → whether it fits. */
  readonly #fitting = new Map<string, boolean>();

  constructor(conditions: Conditions) {
    this.#conditions = conditions;
    this.#ids = conditions.ids && new Set(conditions.ids);
  }

  includes({ id, date, labels }: Choosable): boolean {
    const { fromS, toS } = this.#conditions;
    const seconds = date.getTime() / 1_000;
    if (this.#ids?.has(id) === false) return false;
    if ((fromS !== null && seconds < fromS) || (toS !== null && seconds >= toS)) return false;
    return this.#conditions.labels === undefined || labels.some((label) => this.#fits(label));
  }

  #fits(label: string): boolean {
    const known = this.#fitting.get(label);
    if (known !== undefined) return known;
    const fits = this.#conditions.labels?.some((wanted) => isAtOrBelow(label, wanted)) === true;
    this.#fitting.set(label, fits);
    return fits;
  }
}

/** Whether `label` is `wanted` or below it, as `Work/A` is below `Work`; case does not count. */
export function isAtOrBelow(label: string, wanted: string): boolean {
  const [one, other] = [label, wanted].map((name) => name.normalize('NFC').trim().toLowerCase()) as [string, string];
  return one === other || one.startsWith(`${other}/`);
}

/** Whether the header From names one of `senders`: an address, or a domain with all addresses in it and below it. */
export function isFrom(head: Buffer, senders: readonly string[]): boolean {
  // Parsed before encoded words are decoded: a decoded name may hold `<`, `>` or a comma.
  const addresses = addressParser(headerIn(head, 'From'), { flatten: true });
  return addresses.some(({ address = '' }) => {
    const sender = address.normalize('NFC').toLowerCase();
    const domain = sender.slice(sender.lastIndexOf('@') + 1);
    return senders.some((wanted) =>
      wanted.includes('@') ? sender === wanted : domain === wanted || domain.endsWith(`.${wanted}`),
    );
  });
}

type Texts = readonly string[] | undefined;

function listOption(placeholder: string, summary: string, read: (text: string) => string): OptionSpec<Texts> {
  const parse = (text: string, before: Texts = []) => [...new Set([...before, read(text)])];
  return { placeholder, summary: `${summary}; may be repeated`, parse, repeatable: true, fallback: undefined };
}

export const labelsOption = listOption('<name>', 'messages with this label, or one below it', (text) => {
  if (text.trim() !== '') return text;
  throw new UsageError('--label is empty', 'Write the name of a label, such as Work/Invoices.');
});

export const sendersOption = listOption('<address>', 'messages from this address, or from this domain', (text) => {
  const sender = text.normalize('NFC').trim().toLowerCase().replace(/^@/, '');
  if (/^[^\s@<>,;]+(?:@[^\s@<>,;]+)?$/.test(sender)) return sender;
  throw new UsageError(
    `"${text}" is neither a mail address nor a domain`,
    'Write one like bob@example.com, or a domain like example.com.',
  );
});

export const idsOption = listOption(
  '<id>',
  'the message with this id, as in the names of files in the copy',
  (text) => {
    if (isMessageId(text)) return text;
    throw new UsageError(`"${text}" is no message id`, 'Write the 16 characters, 0-9 and a-f, before .eml.gz.');
  },
);
