/**
 * Keeps protected messages out of a plan while it runs, since a person may star a message after planning. Searches for
 * them again before a change is sent, when the last such search began more than 30 seconds ago.
 */
import { ConfigError, UnavailableError } from '../errors.ts';
import type { Log } from '../screen/log.ts';
import type { PlanProtection } from './change-plan.ts';
import type { GmailClient, PreSendCheck } from './client.ts';
import { IdSet } from './ids.ts';
import type { LabelDirectory } from './labels.ts';
import type { CheckedSearch } from './query/label-terms.ts';
import { GmailRefusal } from './responses.ts';
import { type FindOptions, SearchRefusal } from './searcher.ts';
import type { FoundIds } from './windows.ts';

const FRESH_MS = 30_000;

/** A costly search is repeated so rarely that it takes at most this share of the quota. */
const LARGEST_QUOTA_SHARE = 0.05;

export interface ProtectionOptions {
  readonly client: Pick<GmailClient, 'clock' | 'unitsPerMinute' | 'statistics'>;
  readonly mailbox: {
    find(search: CheckedSearch, options: FindOptions): Promise<FoundIds>;
    knownLabels(): Promise<LabelDirectory>;
  };
  readonly log: Log;
}

export class Protection {
  readonly #plan: PlanProtection;
  readonly #options: ProtectionOptions;
  #searchedAtMs: number;
  #freshMs = FRESH_MS;
  #searching: Promise<void> | undefined;
  /** Messages that searches found since the plan was made. */
  found = IdSet.empty;
  /** Grows with each search. */
  version = 0;

  constructor(plan: PlanProtection, options: ProtectionOptions) {
    this.#plan = plan;
    this.#options = options;
    this.#searchedAtMs = plan.searchedAtMs;
  }

  /** Whether `search` must be called before the next change. */
  get isDue(): boolean {
    return this.#options.client.clock.now() - this.#searchedAtMs > this.#freshMs;
  }

  /**
   * Searches for protected messages that the sets of these indices may change, or waits for the search under way.
   * 5 quota units for each 500 messages found.
   */
  search(sets: readonly number[]): Promise<void> {
    this.#searching ??= this.#searchNow(sets).finally(() => {
      this.#searching = undefined;
    });
    return this.#searching;
  }

  async #searchNow(sets: readonly number[]): Promise<void> {
    const { client, mailbox, log } = this.#options;
    const startedAtMs = client.clock.now();
    const unitsBefore = client.statistics.quotaUnits;
    const search = this.#plan.search(sets, await mailbox.knownLabels());
    try {
      const { windows, unplaced } = await mailbox.find(search, { isBackground: true });
      this.found = IdSet.union([this.found, ...windows.values(), unplaced]);
    } catch (error) {
      if (error instanceof SearchRefusal) {
        throw new ConfigError(
          `Gmail does not accept the search of protect: ${error.message}`,
          "Correct protect in the rules file; try it in Gmail's search box.",
          { cause: error },
        );
      }
      // Otherwise the change that waits for the search would count as refused.
      if (!(error instanceof GmailRefusal)) throw error;
      throw new UnavailableError(`The search for protected messages failed: ${error.message}`, error.remedy, {
        cause: error,
      });
    }
    const units = client.statistics.quotaUnits - unitsBefore;
    this.version += 1;
    this.#searchedAtMs = startedAtMs;
    this.#freshMs = Math.max(FRESH_MS, (units / (client.unitsPerMinute * LARGEST_QUOTA_SHARE)) * 60_000);
    log.info('protect.looked_up', { found: this.found.size, units, againAfterMs: Math.round(this.#freshMs) });
  }
}

/** The messages of one batch, without those that `protection` finds before the batch is sent. */
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

  async run(): Promise<boolean> {
    if (this.#protection?.isDue) await this.#protection.search(this.#remaining());
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
