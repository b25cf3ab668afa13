// Gmail's quota, as the server counts it: units per method in a sliding minute per user, and a limit of requests at once.
import { wallClock } from '../http.ts';

export type QuotaProfile = '2026' | 'legacy';

/**
 * Units per method in both profiles, [2026, legacy].
 * See developers.google.com/workspace/gmail/api/reference/quota.
 */
const UNITS = {
  'users.getProfile': [1, 1],
  'messages.list': [5, 5],
  'messages.get': [20, 5],
  'messages.attachments.get': [20, 5],
  'messages.modify': [5, 5],
  'messages.batchModify': [50, 50],
  'messages.insert': [25, 25],
  'messages.import': [25, 25],
  'messages.trash': [20, 5],
  'threads.list': [10, 10],
  'threads.get': [40, 10],
  'history.list': [2, 2],
  'labels.list': [1, 1],
  'labels.get': [1, 1],
  'labels.create': [5, 5],
  'labels.update': [5, 5],
  'labels.delete': [5, 5],
} as const;

/** The methods of the Gmail API that the stand-in has. */
export type GmailVerb = keyof typeof UNITS;

const UNITS_PER_MINUTE: Record<QuotaProfile, number> = { '2026': 6_000, legacy: 15_000 };
const WINDOW_MS = 60_000;

export interface QuotaOptions {
  profile?: QuotaProfile;
  /** In place of the profile's limit. */
  unitsPerMinute?: number;
  /** false: counts, and never refuses. */
  enforce?: boolean;
  /** How a refusal is answered: 429 rateLimitExceeded (default) or 403 userRateLimitExceeded. */
  refuseWith?: 429 | 403;
}

/** Counts the units of one user. Refused requests cost nothing. */
export class QuotaMeter {
  readonly profile: QuotaProfile;
  readonly refuseWith: 429 | 403;
  unitsPerMinute: number;
  enforce: boolean;
  totalUnits = 0;
  refusals = 0;
  /** The most that was charged within any 60 seconds so far. */
  maxUnitsInAnyMinute = 0;

  readonly #now: () => number;
  #charges: { at: number; units: number }[] = [];
  #unitsInWindow = 0;

  constructor(options: QuotaOptions = {}, now: () => number = wallClock) {
    this.profile = options.profile ?? '2026';
    this.unitsPerMinute = options.unitsPerMinute ?? UNITS_PER_MINUTE[this.profile];
    this.enforce = options.enforce ?? true;
    this.refuseWith = options.refuseWith ?? 429;
    this.#now = now;
  }

  /** Returns the cost of a method in units. */
  cost(verb: GmailVerb): number {
    return UNITS[verb][this.profile === '2026' ? 0 : 1];
  }

  /** Charges a request that arrives now. Returns its units, or undefined when the minute's units do not suffice. */
  charge(verb: GmailVerb): number | undefined {
    const now = this.#now();
    const units = this.cost(verb);
    const firstInWindow = this.#charges.findIndex(({ at }) => at > now - WINDOW_MS);
    const expired = this.#charges.splice(0, firstInWindow === -1 ? this.#charges.length : firstInWindow);
    for (const charge of expired) this.#unitsInWindow -= charge.units;
    if (this.enforce && this.#unitsInWindow + units > this.unitsPerMinute) {
      this.refusals += 1;
      return undefined;
    }
    this.#charges.push({ at: now, units });
    this.#unitsInWindow += units;
    this.totalUnits += units;
    this.maxUnitsInAnyMinute = Math.max(this.maxUnitsInAnyMinute, this.#unitsInWindow);
    return units;
  }
}

/** Counts the requests of one user that are under way. */
export class ConcurrencyLimit {
  limit: number;
  refusals = 0;
  /** The most that were under way at once. */
  peak = 0;
  readonly #underWay = new Set<object>();

  constructor(limit = Number.POSITIVE_INFINITY) {
    this.limit = limit;
  }

  /** Returns whether the request may go on; each that may must be released. */
  enter(request: object): boolean {
    if (this.#underWay.size >= this.limit) {
      this.refusals += 1;
      return false;
    }
    this.#underWay.add(request);
    this.peak = Math.max(this.peak, this.#underWay.size);
    return true;
  }

  release(request: object): void {
    this.#underWay.delete(request);
  }
}
