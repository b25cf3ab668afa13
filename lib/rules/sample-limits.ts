/** How many messages a dry run shows, and what that costs. Apart from samples.ts, which is loaded only when it shows some. */
import { unitsOf } from '../gmail/units.ts';

/** Quota units for each message, in the profile that gives fewer of them. */
export const SAMPLE_UNITS = unitsOf('messages.get', '2026');

/** Messages of a rule, and of all rules: together a third of the quota of a minute. */
export const MOST_PER_RULE = 20;
export const MOST_IN_ALL = 100;
