/** Guards: limits on how many messages a run, or one of its sets, may change. A run beyond a limit changes none. */
import { counted, formatCount, formatShare } from '../base/count.ts';
import { GuardError, UsageError } from '../errors.ts';
import type { OptionSpec } from '../options.ts';
import { type ChangePlan, setSizes } from './change-plan.ts';

export interface Guard {
  /** The name of the limited set; all sets together when left out. */
  readonly set?: string;
  readonly atMost: number;
  /** How the limit was computed: `50% of the 9,000 in the mailbox`. */
  readonly meaning?: string;
  /** Where the limit is written: `rules.yaml: maxChanges`. */
  readonly from?: string;
  /** How to raise the limit. */
  readonly remedy: string;
  /** The share of the mailbox from which the limit was computed, between 0 and 1. */
  readonly share?: number;
}

/** The most changes of a run when nothing else is given. */
const DEFAULT_MAX_CHANGES = 5_000;

/** The share of a mailbox that one set may change in a backfill when nothing else is given. */
const DEFAULT_MAX_SHARE = 0.5;

/** In a smaller mailbox a set may rightly hold most messages: there only a share from the command line is a limit. */
const SMALL_MAILBOX = 1_000;

export interface GuardSettings {
  /** The values of --max-changes and --max-share, which replace the limits of the job. */
  readonly maxChanges: number | undefined;
  readonly maxShare: number | undefined;
  /** The number of messages in the mailbox; undefined when shares are no limit: outside a backfill without --max-share. */
  readonly mailboxSize: number | undefined;
}

/** The limits of a job, and of the sets of messages that it changes. */
export interface ChangeLimits {
  /** The file in which the limits are written. */
  readonly file: string;
  /** The most changes of a whole run. */
  readonly maxChanges: number | undefined;
  /** The largest share of the mailbox, between 0 and 1, that one set may change in a backfill. */
  readonly maxShare: number | undefined;
  readonly sets: readonly { readonly name: string; readonly maxChanges: number | undefined }[];
}

/** The guards of a run; the guards of single sets first, because their messages say more. */
export function createGuards(limits: ChangeLimits, settings: GuardSettings): Guard[] {
  const { file, sets } = limits;
  const { mailboxSize } = settings;
  const guards: Guard[] = sets.flatMap(({ name, maxChanges }) =>
    maxChanges === undefined
      ? []
      : [{ set: name, atMost: maxChanges, remedy: remedy(`raise maxChanges of the rule ${name} in ${file}`) }],
  );
  const share = settings.maxShare ?? limits.maxShare ?? DEFAULT_MAX_SHARE;
  const isLimit = settings.maxShare !== undefined || (mailboxSize ?? 0) > SMALL_MAILBOX;
  if (mailboxSize !== undefined && isLimit && share < 1) {
    const atMost = Math.floor(mailboxSize * share);
    const meaning = `${formatShare(share)} of the ${formatCount(mailboxSize)} in the mailbox`;
    const raise = remedy(
      settings.maxShare === undefined
        ? `raise maxShare in ${file} (it is ${formatShare(share)}), or run once with --max-share`
        : `raise --max-share (it is ${formatShare(share)})`,
    );
    guards.push(...sets.map(({ name }) => ({ set: name, atMost, meaning, remedy: raise, share })));
  }
  guards.push(guardOfRun(file, settings.maxChanges, limits.maxChanges));
  return guards;
}

function guardOfRun(file: string, typed: number | undefined, written: number | undefined): Guard {
  if (typed !== undefined) {
    const raise = remedy(`raise --max-changes (it is ${formatCount(typed)})`);
    return { atMost: typed, from: '--max-changes', remedy: raise };
  }
  const atMost = written ?? DEFAULT_MAX_CHANGES;
  const [from, raise] =
    written === undefined
      ? [`the default; ${file}: maxChanges`, `set maxChanges in ${file} (without it the limit is`]
      : [`${file}: maxChanges`, `raise maxChanges in ${file} (it is`];
  return { atMost, from, remedy: remedy(`${raise} ${formatCount(atMost)}), or run once with --max-changes`) };
}

/** The guard of a job that changes messages by itself. `written` is its maxChanges. */
export function guardOfJob(job: string, written: number | undefined): Guard {
  const file = `jobs/${job}.ts`;
  const atMost = written ?? DEFAULT_MAX_CHANGES;
  const raise =
    written === undefined
      ? `set maxChanges in ${file} (without it the limit is ${formatCount(atMost)})`
      : `raise maxChanges in ${file} (it is ${formatCount(atMost)})`;
  return {
    atMost,
    from: written === undefined ? `the default; ${file}: maxChanges` : `${file}: maxChanges`,
    remedy: `If the count is right (--dry-run shows it), ${raise}.`,
  };
}

/** The changes of a run before the plan that a guard is about. */
interface BeforePlan {
  /** How many changes plans of other sets had; they count for the limit of the run. */
  readonly earlier?: number;
  /** How many messages were changed. */
  readonly changed?: number;
}

/**
 * The error of the first guard that `plans` of the same sets exceed together; undefined when none is exceeded. All plans
 * except the last are already applied.
 */
export function trippedGuard(
  plans: readonly ChangePlan[],
  guards: readonly Guard[],
  { earlier = 0, changed = 0 }: BeforePlan = {},
): GuardError | undefined {
  const counts = plans.map(setSizes);
  for (const { set, atMost, meaning, remedy } of guards) {
    const own = (sizes: readonly number[]) =>
      sizes.reduce(
        (sum, size, index) => (set === undefined || plans[0]?.sets[index]?.name === set ? sum + size : sum),
        0,
      );
    const before = set === undefined ? earlier : 0;
    const size = counts.reduce((sum, sizes) => sum + own(sizes), before);
    const added = own(counts.at(-1) ?? []);
    if (size <= atMost || added === 0) continue;
    const messages = counted(size, 'message');
    const what = set === undefined ? `${messages} would be changed` : `the rule ${set} would change ${messages}`;
    const limit = meaning === undefined ? formatCount(atMost) : `${formatCount(atMost)} (${meaning})`;
    if (plans.length === 1 && before === 0)
      return new GuardError(`${what}, but the limit is ${limit}: nothing was changed`, remedy);
    return new GuardError(
      `${counted(added, 'more message was', 'more messages were')} found during the run. With ${added === 1 ? 'it' : 'them'} ${what}, but the limit is ${limit}. ${counted(changed, 'message was', 'messages were')} changed; the new ones were not`,
      `The next run continues with the rest. ${remedy}`,
    );
  }
  return undefined;
}

/** The share in `50%`, `2.5 %` or `0.5`; null for 0, for more than 1, and for 1, which may mean 1% or 100%. */
export function parseShare(text: string): number | null {
  const [, percent, fraction] = /^(?:(\d{1,3}(?:\.\d{1,3})?)\s*%|(0\.\d{1,6}))$/.exec(text.trim()) ?? [];
  const share = percent === undefined ? Number(fraction ?? 0) : Number(percent) / 100;
  return share > 0 && share <= 1 ? share : null;
}

/** An option whose value is a share of the mailbox. */
export function shareOption(summary: string): OptionSpec<number | undefined> {
  const parse = (text: string) => {
    const share = parseShare(text);
    if (share !== null) return share;
    throw new UsageError(`"${text}" is not a percentage`, 'Write a percentage, such as 50%.');
  };
  return { placeholder: '<percent>', summary, parse, fallback: undefined };
}

function remedy(what: string): string {
  return `If the counts of the rules are right (--dry-run shows them), ${what}.`;
}
