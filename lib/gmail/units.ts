/**
 * The cost of each Gmail method in quota units, under both of Google's profiles.
 * Source: developers.google.com/workspace/gmail/api/reference/quota (profiles since 2026-05-01).
 */

import type { QuotaProfile } from '../config.ts';

/** Units that one user may spend in any 60 seconds, unless Google set another limit for the project. */
export const UNITS_PER_MINUTE: Readonly<Record<QuotaProfile, number>> = { '2026': 6_000, legacy: 15_000 };

/** Method → units under the profile `2026` and under `legacy`. */
const UNITS = {
  'users.getProfile': [1, 1],
  'history.list': [2, 2],
  'labels.list': [1, 1],
  'labels.get': [1, 1],
  'labels.create': [5, 5],
  'labels.delete': [5, 5],
  'messages.list': [5, 5],
  'messages.get': [20, 5],
  'messages.attachments.get': [20, 5],
  'messages.insert': [25, 25],
  'messages.import': [25, 25],
  'messages.modify': [5, 5],
  'messages.batchModify': [50, 50],
} as const satisfies Record<string, readonly [number, number]>;

export type GmailMethod = keyof typeof UNITS;

/** The quota units of one call of `method`. */
export function unitsOf(method: GmailMethod, profile: QuotaProfile): number {
  return UNITS[method][profile === '2026' ? 0 : 1];
}

export interface ClientStatistics {
  requests: number;
  retries: number;
  quotaUnits: number;
}

export function countRequest(statistics: ClientStatistics, units: number): void {
  statistics.requests += 1;
  statistics.quotaUnits += units;
}
