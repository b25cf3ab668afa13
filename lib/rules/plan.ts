/**
 * From what the rules' searches find to a plan of changes: all rules are searched first, on the mailbox as the run found
 * it, and what an earlier rule already does is left out of later ones.
 */

import { type ChangePlan, setSizes } from '../gmail/change-plan.ts';
import { IdSet } from '../gmail/ids.ts';
import type { LabelDirectory } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { PAGE_SIZE } from '../gmail/searcher.ts';
import { alignWindows } from '../gmail/windows.ts';
import type { PlannedRule } from '../screen/planned-rule.ts';
import { describeActions } from './actions.ts';
import { messagesToChange } from './earlier-rules.ts';
import { findEffects, findMatches, findPlaces, NO_MATCHES } from './find.ts';
import type { Rule, RuleSet } from './schema.ts';
import { composeProtected } from './search.ts';

export interface PlanOptions {
  /** Whether to look up which of the changes are real ones, message by message, so that they can be taken back. */
  readonly withEffects: boolean;
  /** The plans that this run has carried out: see below. */
  readonly earlierPlans?: readonly RulesPlan[];
}

/** A plan of rules, with all that each of their searches found, and the newest matches that each rule spares. */
export interface RulesPlan extends ChangePlan {
  readonly found: readonly (readonly IdSet[])[];
  readonly spared: readonly IdSet[];
}

/** Each rule's part of the plan. */
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

/**
 * Searches the mailbox for all rules side by side, and works out what each of them changes. Changes nothing.
 *
 * With `earlier` plans of the same run, only rules whose lists had several pages search again. Their matches exclude
 * messages that the rule found before and messages that any rule was to change, because searches now show the changes of
 * this run: a rule that acted on another rule's change would change more than the first plan said. Messages that
 * `keepNewest` spared stay spared.
 */
export async function planRules(
  { protect, rules }: RuleSet,
  mailbox: Mailbox,
  labels: LabelDirectory,
  { withEffects, earlierPlans = [] }: PlanOptions,
): Promise<RulesPlan> {
  const searchedAtMs = mailbox.now();
  const touched = earlierPlans.flatMap(({ windows }) =>
    windows.flatMap(({ changes }) => changes.map(({ ids }) => ids)),
  );
  const last = earlierPlans.at(-1);
  const matches = await Promise.all(
    rules.map((rule, index) =>
      last === undefined || isLong(last, index) ? findMatches(rule, protect, mailbox, labels) : NO_MATCHES,
    ),
  );
  const windows = alignWindows(
    matches.map(({ found }) => found),
    mailbox.span,
  );
  const spared = matches.map(({ newest }, index) =>
    IdSet.union([newest, ...earlierPlans.flatMap((plan) => plan.spared[index] ?? [])]),
  );
  const claimed = windows.map(({ window, ids }) => {
    const found = ids.map((own, index) =>
      own.without(...touched, ...earlierPlans.flatMap((plan) => plan.found[index] ?? [])),
    );
    return { window, found, ids: messagesToChange(rules, found, spared) };
  });
  const lookUp = async (rule: Rule, index: number) => {
    const own = claimed.map(({ ids }) => ids[index] ?? IdSet.empty);
    return withEffects ? findEffects(rule, own, protect, mailbox, labels) : [];
  };
  const effects = await inTurnIfMany(
    rules,
    lookUp,
    claimed.flatMap(({ ids }) => ids),
  );
  const places = withEffects
    ? await findPlaces(
        rules.map((rule, index) => ({ rule, search: matches[index]?.search })),
        claimed.flatMap(({ ids }) => ids),
        protect,
        mailbox,
      )
    : [];
  const plans = claimed.map(({ window, ids }, at) => ({
    window,
    changes: ids.map((own, index) => ({ ids: own, effects: effects[index]?.[at] })),
  }));
  return {
    sets: rules.map(({ name, operations }, index) => ({
      name,
      operations,
      found: claimed.reduce((sum, { found }) => sum + (found[index]?.size ?? 0), 0),
    })),
    windows: mailbox.span?.oldestFirst === true ? plans : plans.reverse(),
    places,
    protection: protect && {
      searchedAtMs,
      search: (sets, now) =>
        composeProtected(
          sets.flatMap((set) => rules[set] ?? []),
          protect,
          now,
        ),
    },
    found: rules.map((_, index) => claimed.map(({ found }) => found[index] ?? IdSet.empty)),
    spared,
  };
}

/**
 * Whether a list of the plan had more than a page, and something is changed: then the pages that followed may have
 * shifted, because somebody else changed what was listed, another run perhaps.
 */
export function mayHaveMissed(plan: RulesPlan): boolean {
  return setSizes(plan).some((size) => size > 0) && plan.sets.some((_, index) => isLong(plan, index));
}

function isLong({ sets }: ChangePlan, index: number): boolean {
  return (sets[index]?.found ?? 0) > PAGE_SIZE;
}

/** More than so many ids are not looked up for several rules at once: that takes as much memory again for each. */
const MANY = 50_000;

async function inTurnIfMany<T>(
  rules: readonly Rule[],
  lookUp: (rule: Rule, index: number) => Promise<T>,
  ids: readonly IdSet[],
): Promise<T[]> {
  if (ids.reduce((sum, { size }) => sum + size, 0) <= MANY) return await Promise.all(rules.map(lookUp));
  const results: T[] = [];
  for (const [index, rule] of rules.entries()) results.push(await lookUp(rule, index));
  return results;
}
