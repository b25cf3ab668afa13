// Makes up a mailbox of any size: the same seed gives the same mail, with dates relative to `now`.

import { CONVERSATION, KINDS, type Kind, NASTY, PEOPLE, SPAM } from './corpus.ts';
import { messageIdAt, type StoredMessage } from './message.ts';

/** The user's labels that the generated messages carry; to be passed as `labels` to the mailbox that holds them. */
export const SANDBOX_LABELS: readonly string[] = [
  'keep',
  'Clients/Nord & Süd',
  'Family',
  'Receipts 2024',
  'Travel',
  'Lists/Sailing',
];

export interface GenerateOptions {
  /** The mailbox's own address. */
  email?: string;
  count: number;
  seed?: number;
  /** In milliseconds since 1970; the newest messages are some minutes older. */
  now: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const OLDEST_MS = 10 * 365 * DAY_MS;
/** Mail of this age is half as frequent as mail of today. */
const DENSE_MS = 60 * DAY_MS;
/** Gmail empties trash and spam after 30 days. */
const EMPTIED_AFTER_MS = 30 * DAY_MS;
/** One in this many of the newest messages is hard to show, until each such message was used once. */
const NASTY_EVERY = 5;

/** A message before its date, id and size are known. */
interface Sketch {
  readonly kind: Kind;
  readonly from: string;
  readonly to: string;
  readonly subject: string;
  readonly labels: string[];
  readonly thread?: Thread;
}

interface Thread {
  readonly threadId: string;
  readonly person: string;
  readonly subject: string;
  lastMs: number;
}

/** Returns `count` messages, newest first, from minutes to ten years old, the recent past being the densest. */
export function generateMailbox(options: GenerateOptions): StoredMessage[] {
  const { count, now } = options;
  const random = createRandom(options.seed ?? 1);
  const generator = new Generator(options.email ?? 'alice@example.com', now, random);
  const agesMs = Array.from({ length: count }, () => randomAgeMs(random));
  agesMs.sort((a, b) => b - a);
  const messages = agesMs.map((ageMs, index) => generator.next(ageMs, count - 1 - index));
  return messages.reverse();
}

/** A few messages are from the last day; the others are rarer, the older they are. */
function randomAgeMs(random: () => number): number {
  if (random() < 0.02) return Math.floor(2 * MINUTE_MS + random() * DAY_MS);
  return Math.floor(2 * MINUTE_MS + DENSE_MS * ((1 + OLDEST_MS / DENSE_MS) ** random() - 1));
}

class Generator {
  readonly #email: string;
  readonly #now: number;
  readonly #random: () => number;
  /** Conversations that may still go on, the latest last. */
  #threads: Thread[] = [];
  #sequence = 0;

  constructor(email: string, now: number, random: () => number) {
    this.#email = email;
    this.#now = now;
    this.#random = random;
  }

  /** Makes the next newer message; `rank` is the number of messages that follow. */
  next(ageMs: number, rank: number): StoredMessage {
    const internalDateMs = this.#now - ageMs;
    const sketch = this.#sketch(internalDateMs, ageMs, rank);
    const { kind, from } = sketch;
    this.#sequence += 1;
    const id = messageIdAt(internalDateMs, this.#sequence & 0xfffff);
    const threadId = this.#follow(sketch, id, internalDateMs);
    const domain = from.slice(from.lastIndexOf('@') + 1).replace('>', '');
    const body = this.#fill(this.#pick(kind.bodies));
    const attachments = this.#attachments(kind);
    const attachedBytes = attachments.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    return {
      id,
      threadId,
      internalDateMs,
      labelIds: new Set(sketch.labels),
      from,
      to: sketch.to,
      cc: this.#chance(0.05) ? this.#pick(PEOPLE) : '',
      bcc: '',
      subject: sketch.subject,
      messageId: `<${id}.${Math.floor(this.#random() * 1e9)}@${domain}>`,
      listId: kind.listId?.replace('{domain}', domain) ?? '',
      body,
      attachments,
      sizeBytes: Math.floor(2000 + this.#random() ** 2 * 60_000 + body.length + attachedBytes * 1.37),
    };
  }

  #sketch(dateMs: number, ageMs: number, rank: number): Sketch {
    const nasty = rank % NASTY_EVERY === NASTY_EVERY - 1 ? NASTY[Math.floor(rank / NASTY_EVERY)] : undefined;
    if (nasty)
      return { kind: CONVERSATION, ...nasty, to: this.#me(), labels: ['INBOX', 'UNREAD', 'CATEGORY_PERSONAL'] };
    if (ageMs < EMPTIED_AFTER_MS && this.#chance(0.05)) return this.#received(SPAM, ['SPAM', 'UNREAD']);
    if (this.#chance(0.004)) return { ...this.#sent(this.#pick(PEOPLE)), labels: ['DRAFT'] };

    const kind = this.#pickKind();
    if (kind === CONVERSATION) return this.#converse(dateMs, ageMs);
    return this.#received(kind, this.#receivedLabels(kind, ageMs));
  }

  #converse(dateMs: number, ageMs: number): Sketch {
    this.#threads = this.#threads.filter(({ lastMs }) => dateMs - lastMs < 21 * DAY_MS).slice(-8);
    if (this.#threads.length > 0 && this.#chance(0.55)) {
      const thread = this.#pick(this.#threads);
      const subject = `Re: ${thread.subject}`;
      const sketch = this.#chance(0.5)
        ? this.#sent(thread.person)
        : this.#received(CONVERSATION, this.#receivedLabels(CONVERSATION, ageMs), thread.person);
      return { ...sketch, subject, thread };
    }
    if (this.#chance(0.25)) return this.#sent(this.#pick(PEOPLE));
    return this.#received(CONVERSATION, this.#receivedLabels(CONVERSATION, ageMs));
  }

  #received(kind: Kind, labels: string[], from = this.#pick(kind.senders)): Sketch {
    if (from.endsWith('@nord-sued.example>') && this.#chance(0.5)) labels.push(labelId('Clients/Nord & Süd'));
    return { kind, from, to: this.#me(), subject: this.#fill(this.#pick(kind.subjects)), labels };
  }

  #sent(to: string): Sketch {
    const subject = this.#fill(this.#pick(CONVERSATION.subjects));
    return { kind: CONVERSATION, from: this.#me(), to, subject, labels: ['SENT'] };
  }

  #receivedLabels(kind: Kind, ageMs: number): string[] {
    const labels: string[] = [];
    if (ageMs < EMPTIED_AFTER_MS && this.#chance(0.06)) {
      labels.push('TRASH');
    } else if (this.#chance(kind.keptShare + (1 - kind.keptShare) * Math.exp(-ageMs / (60 * DAY_MS)))) {
      labels.push('INBOX');
    }
    if (this.#chance(kind.unreadShare + (ageMs < DAY_MS ? 0.3 : 0))) labels.push('UNREAD');
    if (this.#chance(0.02)) labels.push('STARRED');
    if (this.#chance(kind.importantShare)) labels.push('IMPORTANT');
    if (kind.category) labels.push(`CATEGORY_${kind.category}`);
    if (kind.userLabel && this.#chance(kind.userLabel.share)) labels.push(labelId(kind.userLabel.name));
    return labels;
  }

  /** Returns the id of the thread that the message belongs to, and remembers a conversation that may be answered. */
  #follow({ kind, from, to, subject, labels, thread }: Sketch, id: string, dateMs: number): string {
    if (thread) {
      thread.lastMs = dateMs;
      return thread.threadId;
    }
    const person = from === this.#me() ? to : from;
    if (kind === CONVERSATION && PEOPLE.includes(person) && !labels.includes('DRAFT')) {
      this.#threads.push({ threadId: id, person, subject, lastMs: dateMs });
    }
    return id;
  }

  #attachments({ attachment }: Kind): StoredMessage['attachments'] {
    if (!attachment || !this.#chance(attachment.share)) return [];
    const sizeBytes = Math.floor(20_000 + this.#random() ** 4 * 12_000_000);
    return [{ filename: this.#fill(attachment.filename), mimeType: attachment.mimeType, sizeBytes }];
  }

  #me(): string {
    return `Alice Example <${this.#email}>`;
  }

  #pickKind(): Kind {
    let left = this.#random() * TOTAL_WEIGHT;
    for (const kind of KINDS) {
      left -= kind.weight;
      if (left < 0) return kind;
    }
    return CONVERSATION;
  }

  #pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)] as T;
  }

  #chance(share: number): boolean {
    return this.#random() < share;
  }

  #fill(template: string): string {
    return template.replace(/\{(\w+)\}/g, (all, name: string) => FILLINGS.get(name)?.(this.#random) ?? all);
  }
}

const TOTAL_WEIGHT = KINDS.reduce((sum, { weight }) => sum + weight, 0);

const FILLINGS = new Map<string, (random: () => number) => string>([
  ['digit', (random) => String(Math.floor(random() * 10))],
  ['percent', (random) => String(5 + 5 * Math.floor(random() * 14))],
  ['number', (random) => String(10_000 + Math.floor(random() * 90_000))],
  ['code', (random) => String(100_000 + Math.floor(random() * 900_000))],
  ['amount', (random) => `€${(1 + random() ** 3 * 2000).toFixed(2)}`],
  ['weekday', oneOf('Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday')],
  ['month', oneOf('January', 'March', 'May', 'July', 'September', 'December')],
  ['city', oneOf('Lisbon', 'Kraków', 'München', 'Kyoto', 'Århus', 'Montréal', 'Izmir', 'Haifa')],
]);

function oneOf(...choices: readonly string[]): (random: () => number) => string {
  return (random) => choices[Math.floor(random() * choices.length)] ?? '';
}

function labelId(name: string): string {
  return `Label_${SANDBOX_LABELS.indexOf(name) + 1}`;
}

/** Returns a generator of numbers from 0 up to 1 that depends on the seed alone (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
