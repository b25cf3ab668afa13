/**
 * Keeps protected messages out of a plan while it runs, since a person may star a message after planning. Before a change
 * is sent, protect is searched again if the last search began more than 30 seconds ago.
 */
import { ConfigError, UnavailableError } from '../errors.ts';
import type { Log } from '../screen/log.ts';
import type { PlanProtection } from './change-plan.ts';
import type { GmailClient, PreSendCheck } from './client.ts';
import { IdSet } from './ids.ts';
import type { LabelDirectory } from './labels.ts';
import { GmailRefusal } from './responses.ts';
import { type FindOptions, SearchRefusal } from './searcher.ts';
import type { FoundIds } from './windows.ts';

/** Changes are sent on the word of a search that began no longer ago. */
const FRESH_MS = 30_000;

/** Where the search is costly, it is repeated as rarely as keeps it under this share of the quota. */
const MOST_OF_QUOTA = 0.05;

export interface ProtectionOptions {
  readonly client: Pick<GmailClient, 'clock' | 'unitsPerMinute' | 'statistics'>;
  readonly mailbox: {
    find(query: string, options: FindOptions): Promise<FoundIds>;
    knownLabels(): Promise<LabelDirectory>;
  };
  readonly log: Log;
}

export class Protection {
  readonly #plan: PlanProtection;
  readonly #options: ProtectionOptions;
  #searchedAtMs: number;
  #freshMs = FRESH_MS;
  #looking: Promise<void> | undefined;
  /** Messages that protect has found since the plan was made. */
  found = IdSet.empty;
  /** Grows with each search. */
  version = 0;

  constructor(plan: PlanProtection, options: ProtectionOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#searchedAtMs = plan.searchedAtMs;
  }

  /** Whether `look` has to come before the next change. */
  get isDue(): boolean {
    return this.#options.client.clock.now() - this.#searchedAtMs > this.#freshMs;
  }

  /**
   * Searches now, or waits for the search that is under way, for what concerns the sets of these indices. 5 quota units
   * for each 500 messages found.
   */
  look(sets: readonly number[]): Promise<void> {
    this.#looking ??= this.#search(sets).finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #search(sets: readonly number[]): Promise<void> {
    const { client, mailbox, log } = this.#options;
    const startedAtMs = client.clock.now();
    const unitsBefore = client.statistics.quotaUnits;
    const { query, ...where } = this.#plan.search(sets, await mailbox.knownLabels());
    try {
      const { windows, unplaced } = await mailbox.find(query, { ...where, isRecheck: true });
      this.found = IdSet.union([this.found, ...windows.values(), unplaced]);
    } catch (error) {
      if (error instanceof SearchRefusal) {
        throw new ConfigError(
          `Gmail does not accept the search of protect: ${error.message}`,
          "Correct protect in the rules file; try it in Gmail's search box.",
          { cause: error },
        );
      }
      // It says nothing about the change that waits for the search, and must not count as its refusal.
      if (!(error instanceof GmailRefusal)) throw error;
      throw new UnavailableError(`The search for protected messages failed: ${error.message}`, error.remedy, {
        cause: error,
      });
    }
    const units = client.statistics.quotaUnits - unitsBefore;
    this.version += 1;
    this.#searchedAtMs = startedAtMs;
    this.#freshMs = Math.max(FRESH_MS, (units / (client.unitsPerMinute * MOST_OF_QUOTA)) * 60_000);
    log.info('protect.looked_up', { found: this.found.size, units, againAfterMs: Math.round(this.#freshMs) });
  }
}

/** The messages of one change: those of `ids` that protect has not found by the time it is sent. */
export class ProtectedBatch implements PreSendCheck {
  readonly #protection: Protection | undefined;
  readonly #remaining: () => readonly number[];
  readonly #onLeftOut: (leftOut: readonly string[]) => void;
  #version = 0;
  ids: readonly string[];

  constructor(
    ids: readonly string[],
    protection: Protection | undefined,
    /** The sets of the plan, by index, that have something left to change. */
    remaining: () => readonly number[],
    onLeftOut: (leftOut: readonly string[]) => void,
  ) {
    this.ids = ids;
    this.#protection = protection;
    this.#remaining = remaining;
    this.#onLeftOut = onLeftOut;
    this.#leaveOut();
  }

  get isDue(): boolean {
    const protection = this.#protection;
    return protection !== undefined && (protection.isDue || protection.version > this.#version);
  }

  /** Returns whether there is something left to be changed. */
  async run(): Promise<boolean> {
    if (this.#protection?.isDue) await this.#protection.look(this.#remaining());
    this.#leaveOut();
    return this.ids.length > 0;
  }

  #leaveOut(): void {
    if (this.#protection === undefined || this.#protection.version === this.#version) return;
    const { found, version } = this.#protection;
    this.#version = version;
    const leftOut = this.ids.filter((id) => found.has(id));
    if (leftOut.length === 0) return;
    this.ids = this.ids.filter((id) => !found.has(id));
    this.#onLeftOut(leftOut);
  }
}
