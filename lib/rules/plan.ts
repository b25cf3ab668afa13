/**
 * Plans the changes of rules: searches for all rules first, on the mailbox as the run found it, and leaves out of each rule
 * what an earlier rule already does. The searches are sent by find.ts; gmail/ applies the plan.
 */

import { mapAtOnce } from '../base/pool.ts';
import { type ChangePlan, setSizes } from '../gmail/change-plan.ts';
import { IdSet } from '../gmail/ids.ts';
import type { LabelDirectory } from '../gmail/labels.ts';
import { PAGE_SIZE } from '../gmail/list-page.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { alignWindows } from '../gmail/windows.ts';
import type { PlannedRule } from '../screen/planned-rule.ts';
import { describeActions } from './actions.ts';
import { messagesToChange } from './earlier-rules.ts';
import { findEffects, findMatches, findPlaces, NO_MATCHES } from './find.ts';
import type { Rule, RuleSet } from './schema.ts';
import { composeProtected } from './search.ts';

export interface PlanOptions {
  /** Whether to find out which messages each operation really changes, so that the run can be undone. */
  readonly withEffects: boolean;
  /** The plans that this run has already applied. */
  readonly earlierPlans?: readonly RulesPlan[];
}

export interface RulesPlan extends ChangePlan {
  /** The messages that the search of each rule found, by index of the rule, then by window. */
  readonly found: readonly (readonly IdSet[])[];
  /** The newest matches that each rule spares. */
  readonly spared: readonly IdSet[];
}

/**
 * Searches the mailbox for all rules at once, and returns what each of them changes. Changes nothing.
 *
 * With `earlierPlans`, searches only for rules that had more than one page of matches. Leaves out messages that the rule
 * found before and messages that any rule was to change: searches now show the changes of this run, and a rule that acted
 * on the change of another rule would change more than the first plan said.
 */
export async function planRules(
  { protect, rules }: RuleSet,
  mailbox: Mailbox,
  labels: LabelDirectory,
  { withEffects, earlierPlans = [] }: PlanOptions,
): Promise<RulesPlan> {
  const context = { mailbox, labels, protect };
  const searchedAtMs = mailbox.now();
  const last = earlierPlans.at(-1);
  const matches = await Promise.all(
    rules.map((rule, index) => (last === undefined || isLong(last, index) ? findMatches(rule, context) : NO_MATCHES)),
  );
  const spared = matches.map(({ newest }, index) =>
    IdSet.union([newest, ...earlierPlans.flatMap((plan) => plan.spared[index] ?? [])]),
  );
  const planned = earlierPlans.flatMap(({ windows }) =>
    windows.flatMap(({ changes }) => changes.map(({ ids }) => ids)),
  );
  const windows = alignWindows(
    matches.map(({ found }) => found),
    mailbox.span,
  ).map(({ window, ids }) => {
    const found = ids.map((own, index) =>
      own.without(...planned, ...earlierPlans.flatMap((plan) => plan.found[index] ?? [])),
    );
    return { window, found, toChange: messagesToChange(rules, found, spared) };
  });
  const changing = windows.flatMap(({ toChange }) => toChange);
  const rulesToChange = rules.map((rule, index) => ({
    rule,
    search: matches[index]?.search ?? null,
    windows: windows.map(({ toChange }) => toChange[index] ?? IdSet.empty),
  }));
  const effects = withEffects
    ? await mapAtOnce(rulesToChange, sizeOfAll(changing) > MANY ? 1 : rules.length, (one) => findEffects(one, context))
    : [];
  const places = withEffects && sizeOfAll(changing) > 0 ? await findPlaces(rulesToChange, context) : [];
  const plans = windows.map(({ window, toChange }, at) => ({
    window,
    changes: toChange.map((ids, index) => ({ ids, effects: effects[index]?.[at] })),
  }));
  const found = rules.map((_, index) => windows.map((window) => window.found[index] ?? IdSet.empty));
  return {
    sets: rules.map(({ name, operations }, index) => ({ name, operations, found: sizeOfAll(found[index] ?? []) })),
    windows: mailbox.span?.oldestFirst === true ? plans : plans.reverse(),
    places,
    protection: protect && {
      searchedAtMs,
      search: (sets, currentLabels) =>
        composeProtected(
          sets.flatMap((set) => rules[set] ?? []),
          protect,
          currentLabels,
        ),
    },
    found,
    spared,
  };
}

/** Above this many messages, findEffects runs for one rule after another: each search takes memory for its ids. */
const MANY = 50_000;

/**
 * Whether the searches may have missed messages: a list had more than one page, and the pages after the first shift when
 * another run changes what they list.
 */
export function mayHaveMissed(plan: RulesPlan): boolean {
  return setSizes(plan).some((size) => size > 0) && plan.sets.some((_, index) => isLong(plan, index));
}

function isLong({ sets }: ChangePlan, index: number): boolean {
  return (sets[index]?.found ?? 0) > PAGE_SIZE;
}

/** The plan of each rule in numbers and words, for a person. */
export function describeRules(plan: RulesPlan, rules: readonly Rule[]): PlannedRule[] {
  return setSizes(plan).map((toChange, index) => {
    const [rule, found = []] = [rules[index], plan.found[index]];
    const matched = sizeOfAll(found);
    const newest = plan.spared[index] ?? IdSet.empty;
    const spared = newest.size === 0 ? 0 : matched - sizeOfAll(found.map((ids) => ids.without(newest)));
    const actions = rule === undefined ? [] : describeActions(rule);
    return { rule: rule?.name ?? '', matched, skipped: matched - toChange, spared, toChange, actions };
  });
}

function sizeOfAll(sets: readonly IdSet[]): number {
  return sets.reduce((sum, { size }) => sum + size, 0);
}
