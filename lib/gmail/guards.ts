/** The guards against a rule that is wrong: limits on the changes of a run, and on those of each rule. */
import { formatCount, formatShare } from '../base/count.ts';
import type { Guard } from './changes.ts';

/** A rule may change this share of a mailbox in a backfill, unless the rules say otherwise. */
export const DEFAULT_MAX_SHARE = 0.5;

/** In a mailbox with fewer messages a rule may well be about most of them: only a share that was typed is held there. */
const SMALL_MAILBOX = 1_000;

export interface GuardSettings {
  /** What --max-changes and --max-share say, in place of the rules file. */
  readonly maxChanges: number | undefined;
  readonly maxShare: number | undefined;
  /** How many messages the mailbox holds; undefined where no share is held: outside a backfill without --max-share. */
  readonly mailboxSize: number | undefined;
}

/** The limits that a file of rules sets. */
export interface GuardedRules {
  readonly file: string;
  /** Changes of a whole run. */
  readonly maxChanges: number | undefined;
  /** The share of the mailbox, between 0 and 1, that a rule may change in a backfill. */
  readonly maxShare: number | undefined;
  readonly rules: readonly { readonly name: string; readonly maxChanges: number | undefined }[];
}

/** The guards that hold for a run of `ruleSet`; those of single rules first, since they say more. */
export function guardsOf(ruleSet: GuardedRules, settings: GuardSettings): Guard[] {
  const { file, rules } = ruleSet;
  const { mailboxSize } = settings;
  const guards: Guard[] = rules.flatMap(({ name, maxChanges }) =>
    maxChanges === undefined
      ? []
      : [{ set: name, atMost: maxChanges, remedy: remedy(`raise maxChanges of the rule ${name} in ${file}`) }],
  );
  const share = settings.maxShare ?? ruleSet.maxShare ?? DEFAULT_MAX_SHARE;
  const isHeld = settings.maxShare !== undefined || (mailboxSize ?? 0) > SMALL_MAILBOX;
  if (mailboxSize !== undefined && isHeld && share < 1) {
    const atMost = Math.floor(mailboxSize * share);
    const meaning = `${formatShare(share)} of the ${formatCount(mailboxSize)} in the mailbox`;
    const raise = remedy(
      settings.maxShare === undefined
        ? `raise maxShare in ${file} (it is ${formatShare(share)}), or run once with --max-share`
        : `raise --max-share (it is ${formatShare(share)})`,
    );
    guards.push(...rules.map(({ name }) => ({ set: name, atMost, meaning, remedy: raise, share })));
  }
  const atMost = settings.maxChanges ?? ruleSet.maxChanges;
  if (atMost !== undefined) {
    const from = settings.maxChanges === undefined ? `${file}: maxChanges` : '--max-changes';
    const raise = remedy(
      settings.maxChanges === undefined
        ? `raise maxChanges in ${file} (it is ${formatCount(atMost)}), or run once with --max-changes`
        : `raise --max-changes (it is ${formatCount(atMost)})`,
    );
    guards.push({ atMost, from, remedy: raise });
  }
  return guards;
}

function remedy(what: string): string {
  return `If the counts of the rules are right (--dry-run shows them), ${what}.`;
}
