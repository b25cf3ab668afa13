/** What the rules would do to the mailbox as it is now, for a person who has not run them yet. Changes nothing. */
import { formatCount } from '../count.ts';
import { type Guard, tooManyChanges } from '../gmail/changes.ts';
import { LabelDirectory } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { composeSearch, namesUserLabels, type PlannedRule, planRules, requireProtectLabels } from './plan.ts';
import type { RuleSet } from './schema.ts';
import { findLabelWarnings, findWarnings, type RuleWarning } from './warnings.ts';

/**
 * The mailbox's labels, as far as the rules need them, and every warning about the rules on this mailbox.
 * @throws ConfigError when `protect` names a label that does not exist.
 */
export async function surveyLabels(
  ruleSet: RuleSet,
  mailbox: Mailbox,
): Promise<{ readonly labels: LabelDirectory; readonly warnings: readonly RuleWarning[] }> {
  const labels = namesUserLabels(ruleSet) ? await mailbox.labels() : new LabelDirectory([]);
  requireProtectLabels(ruleSet, labels);
  return { labels, warnings: [...findWarnings(ruleSet), ...findLabelWarnings(ruleSet, labels)] };
}

/**
 * How many messages each rule's search finds and how many it would change, and whether the guard would stop the run; in
 * the form of an Inspection.
 */
export async function previewRules(ruleSet: RuleSet & { readonly file: string }, mailbox: Mailbox, guard: Guard) {
  const { file, rules, disabled, protect } = ruleSet;
  const { labels, warnings } = await surveyLabels(ruleSet, mailbox);
  const plan = await planRules(ruleSet, mailbox, labels);
  const total = plan.reduce((sum, { ids }) => sum + ids.length, 0);
  const limit = Number.isFinite(guard.atMost) ? ` (at most ${formatCount(guard.atMost)} allowed)` : '';
  const off = disabled.length === 0 ? '' : `, ${disabled.length} disabled`;
  return {
    detail: `${file}: ${rules.length} ${rules.length === 1 ? 'rule' : 'rules'}${off}; ${messages(total)} to change${limit}`,
    rows: plan.map((planned, index) => [planned.name, counts(planned), rules[index]?.search.query ?? '']),
    warnings: warnings.map(({ rule, warning }) => `${rule}: ${warning}`),
    problem: total > guard.atMost ? tooManyChanges(total, guard) : undefined,
    data: {
      file,
      toChange: total,
      maxChanges: Number.isFinite(guard.atMost) ? guard.atMost : null,
      disabled,
      rules: plan.map(({ name, matched, skipped, ids }, index) => {
        const rule = rules[index];
        const search = rule === undefined ? null : (composeSearch(rule, protect, labels)?.query ?? null);
        return { name, search, matched, skipped, toChange: ids.length };
      }),
    },
  };
}

function counts({ matched, skipped, ids }: PlannedRule): string {
  if (matched === 0) return 'no match';
  const left = skipped === 0 ? '' : `, ${formatCount(skipped)} left alone`;
  return `${formatCount(matched)} found${left}${ids.length === 0 ? ', nothing to change' : ''}`;
}

function messages(count: number): string {
  return `${formatCount(count)} ${count === 1 ? 'message' : 'messages'}`;
}
