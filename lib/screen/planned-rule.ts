/** The plan of one rule: its counts, and their description for people. */
import { formatCount } from '../base/count.ts';

export interface PlannedRule {
  readonly rule: string;
  readonly matched: number;
  /** Spared by keepNewest, or handled by earlier rules. */
  readonly skipped: number;
  readonly spared: number;
  readonly toChange: number;
  /** The changes to these messages, in words. */
  readonly actions: readonly string[];
}

/** `1,172 found, 1,162 to change (archive), 10 spared by keepNewest` */
export function describePlan({ matched, skipped, spared, toChange, actions }: Omit<PlannedRule, 'rule'>): string {
  if (matched === 0) return 'nothing found';
  const what = actions.length > 0 && toChange > 0 ? ` (${actions.join(', ')})` : '';
  // After the changes of earlier rules, these messages need none.
  const others = skipped - spared;
  return [
    `${formatCount(matched)} found`,
    `${toChange === 0 ? 'nothing' : formatCount(toChange)} to change${what}`,
    ...(spared > 0 ? [`${formatCount(spared)} spared by keepNewest`] : []),
    ...(others > 0 ? [`${formatCount(others)} handled by earlier rules`] : []),
  ].join(', ');
}
