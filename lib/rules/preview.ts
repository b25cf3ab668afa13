/** Shows what the rules would change in the mailbox now, for `job check`. Changes nothing. */
import { counted, formatCount } from '../base/count.ts';
import { type Guard, trippedGuard } from '../gmail/guards.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { describePlan } from '../screen/planned-rule.ts';
import { fitToMailbox } from './labels.ts';
import { describeRules, planRules } from './plan.ts';
import type { RuleSet } from './schema.ts';
import { composeSearch } from './search.ts';

/** The Inspection (job.ts) of apply-rules: the counts of each rule, and the guard that would stop the run. */
export async function previewRules(given: RuleSet, mailbox: Mailbox, guards: readonly Guard[]) {
  const { ruleSet, labels, warnings } = await fitToMailbox(given, mailbox);
  const { file, rules, disabled, protect } = ruleSet;
  const plan = await planRules(ruleSet, mailbox, labels, { withEffects: false });
  const planned = describeRules(plan, rules);
  const total = planned.reduce((sum, { toChange }) => sum + toChange, 0);
  const maxChanges = guards.find(({ set }) => set === undefined)?.atMost ?? null;
  const limit = maxChanges === null ? '' : ` (at most ${formatCount(maxChanges)} allowed)`;
  const off = disabled.length === 0 ? '' : `, ${formatCount(disabled.length)} disabled`;
  return {
    detail: `${file}: ${counted(rules.length, 'rule')}${off}; ${counted(total, 'message')} to change${limit}`,
    rows: planned.map((rule, index) => [
      rule.rule,
      describePlan({ ...rule, actions: [] }),
      rules[index]?.search.query ?? '',
    ]),
    warnings: warnings.map(({ rule, warning }) => `${rule}: ${warning}`),
    problem: trippedGuard([plan], guards),
    data: {
      file,
      toChange: total,
      maxChanges,
      disabled,
      rules: planned.map(({ rule: name, ...rest }, index) => {
        const own = rules[index];
        const search = own === undefined ? null : (composeSearch(own, protect, labels)?.query ?? null);
        return { name, search, ...rest };
      }),
    },
  };
}
