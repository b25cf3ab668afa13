/**
 * Chooses the mailbox that a process works on next: from its list, or from the queue that it shares with other processes.
 * fleet.ts does the runs.
 */
import { systemClock } from '../../base/clock.ts';
import type { FleetMailbox } from './mailboxes.ts';
import type { FleetQueue, MailboxEnd, Settled, TakenMailbox } from './queue.ts';

export interface WorkItem {
  readonly mailbox: FleetMailbox;
  /** Aborted with a StoppedError when another process may work on the mailbox. */
  readonly lost?: AbortSignal;
}

export interface Work {
  /**
   * The mailbox to begin now; undefined when none is left. `free` is the number of mailboxes that can be begun at once.
   * Rejects with the signal's reason on abort.
   */
  next(stop: AbortSignal, free: number): Promise<WorkItem | undefined>;
  /** Records how the mailbox's run ended. */
  settle(item: WorkItem, end: MailboxEnd): Promise<Settled>;
  /** Leaves a mailbox whose run was stopped to other processes. */
  giveBack(item: WorkItem): Promise<void>;
  /** Gives back the mailboxes that were taken and not begun. */
  giveBackRest(): Promise<void>;
  /** The mailboxes that this process did not end. `retried` are those that it entered for a retry. */
  rest(retried: readonly string[]): Promise<Rest>;
}

export interface Rest {
  /** Mailboxes of the period that other processes ended, or work on. */
  readonly elsewhere: number;
  /** Those of `retried` that still wait. */
  readonly waiting: readonly string[];
}

/** The mailboxes of a process that works on all of them. */
export function listWork(mailboxes: readonly FleetMailbox[]): Work {
  const rest = mailboxes.values();
  return {
    next: async () => {
      const { value: mailbox } = rest.next();
      return mailbox && { mailbox };
    },
    settle: async () => 'ended',
    giveBack: async () => {},
    giveBackRest: async () => {},
    rest: async () => ({ elsewhere: 0, waiting: [] }),
  };
}

/** Pauses between two looks for mailboxes that may become free: they double from the first to the last. */
const FIRST_LOOK_MS = 250;
const LAST_LOOK_MS = 2_000;

/** When no mailbox is due, a pause is this many times as long as the look before it: many mailboxes make a look slow. */
const PAUSE_PER_LOOK = 10;

interface SharedItem extends WorkItem {
  readonly taken: TakenMailbox;
}

/** The mailboxes of a fleet that several processes share. */
export class SharedWork implements Work {
  readonly #queue: FleetQueue;
  readonly #byName: ReadonlyMap<string, FleetMailbox>;
  /** Small, because a mailbox that this process took ahead waits here while another process may be idle. */
  readonly #mostAhead: number;
  /** Taken and not begun. */
  readonly #ahead: SharedItem[] = [];
  #ended = 0;
  #taking: Promise<void> | undefined;
  #settled = Promise.withResolvers<void>();

  /** Takes as many mailboxes as can be begun, and a quarter of `atOnce` ahead. */
  constructor(queue: FleetQueue, mailboxes: readonly FleetMailbox[], atOnce: number) {
    this.#queue = queue;
    this.#byName = new Map(mailboxes.map((mailbox) => [mailbox.name, mailbox]));
    this.#mostAhead = Math.floor(atOnce / 4);
  }

  /** Waits for mailboxes that are retried, and while other processes work: a killed process leaves its mailboxes to others. */
  async next(stop: AbortSignal, free: number): Promise<WorkItem | undefined> {
    for (let pauseMs = FIRST_LOOK_MS; this.#ahead.length === 0; pauseMs = Math.min(2 * pauseMs, LAST_LOOK_MS)) {
      stop.throwIfAborted();
      if (this.#queue.isOver) return undefined;
      // Before the look: a mailbox that this process settles meanwhile ends the pause.
      this.#settled = Promise.withResolvers();
      const startedMs = performance.now();
      await this.#take(free + this.#mostAhead);
      if (this.#ahead.length > 0) break;
      const { waiting, active, nextInMs = Number.POSITIVE_INFINITY } = await this.#queue.counts();
      if (waiting + active === 0) return undefined;
      const lookMs = performance.now() - startedMs;
      // 0: a mailbox is due but was not taken: two processes took at once, or another run works on the mailbox.
      const restMs = nextInMs === 0 ? pauseMs : Math.max(Math.min(pauseMs, nextInMs), PAUSE_PER_LOOK * lookMs);
      await Promise.race([systemClock.sleep(restMs, stop), this.#settled.promise]);
    }
    const item = this.#ahead.shift();
    // Not awaited: an error that lasts comes again when a later `next` awaits `#take`.
    const most = free - 1 + this.#mostAhead - this.#ahead.length;
    if (this.#ahead.length < this.#mostAhead) this.#take(most).catch(() => {});
    return item;
  }

  /** Calls under way are shared, so that the database gets one request at a time. */
  #take(most: number): Promise<void> {
    this.#taking ??= this.#takeNow(most).finally(() => {
      this.#taking = undefined;
    });
    return this.#taking;
  }

  async #takeNow(most: number): Promise<void> {
    const rows = await this.#queue.take(most);
    const unknown: TakenMailbox[] = [];
    for (const taken of rows) {
      const mailbox = this.#byName.get(taken.mailbox);
      if (mailbox === undefined) unknown.push(taken);
      else this.#ahead.push({ mailbox, taken, lost: taken.lost });
    }
    if (unknown.length === 0) return;
    // A process with another list entered these mailboxes. Two such processes that kept each other's mailboxes would never end.
    this.#queue.restrictTo([...this.#byName.keys()]);
    await this.#queue.giveBack(unknown);
  }

  async settle(item: WorkItem, end: MailboxEnd): Promise<Settled> {
    const settled = await this.#queue.settle((item as SharedItem).taken, end);
    if (settled === 'ended') this.#ended += 1;
    this.#settled.resolve();
    return settled;
  }

  async giveBack(item: WorkItem): Promise<void> {
    await this.#queue.giveBack([(item as SharedItem).taken]);
  }

  async giveBackRest(): Promise<void> {
    await this.#taking?.catch(() => {});
    await this.#queue.giveBack(this.#ahead.splice(0).map(({ taken }) => taken));
  }

  async rest(retried: readonly string[]): Promise<Rest> {
    // Mailboxes of other lists do not count.
    this.#queue.restrictTo([...this.#byName.keys()]);
    const { ended, active } = await this.#queue.counts();
    return {
      elsewhere: ended + active - this.#ended,
      waiting: await this.#queue.waitingAmong(retried),
    };
  }
}
