/**
 * Applies the rules of rules.yaml to the mailbox: archives, trashes, marks, stars and labels the messages that their
 * searches find. The searches find only messages that still need the change, so a second run finds nothing.
 */
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import { didYouMean } from '../base/nearest.ts';
import { UsageError } from '../errors.ts';
import { createGuards, shareOption } from '../gmail/guards.ts';
import { unitsOf } from '../gmail/units.ts';
import { countOption, defineJob, Scope, textsOption } from '../job.ts';
import { fitToMailbox } from '../rules/labels.ts';
import { describeRules, mayHaveMissed, planRules, type RulesPlan } from '../rules/plan.ts';
import { previewRules } from '../rules/preview.ts';
import { type RuleSet, readRulesFile } from '../rules/schema.ts';

/** The most samples of one rule, and of all rules together, which cost a third of a minute's quota. */
const MOST_PER_RULE = 20;
const MOST_SAMPLES = 100;

/** Returns the job. Its rules come from RULES_FILE or, when RULES_FILE is not set, from `ownRules`, a file in jobs/. */
export function applyRules(ownRules: URL) {
  return defineJob({
    summary: 'Apply the rules in rules.yaml to the mailbox: archive, trash, mark, star, label',
    description:
      'Searches for all rules first, so that their counts are exact, and checks the limits before it changes anything. ' +
      'The rules come from RULES_FILE, or from the rules.yaml beside the job.',
    scopes: [Scope.modify],
    options: {
      rule: textsOption('<name>', 'apply this rule alone'),
      maxChanges: countOption('<n>', "the most changes this run may make, instead of the rules file's maxChanges", 1),
      maxShare: shareOption(
        "the largest share of the mailbox a rule may change (default in a backfill: the rules file's, or 50%)",
      ),
      samples: countOption(
        '<n>',
        `in a dry run at a terminal, show up to n messages of each rule (${unitsOf('messages.get', '2026')} quota units per message, ${MOST_SAMPLES} messages in all)`,
        1,
        MOST_PER_RULE,
      ),
    },
    backfill: true,

    async prepare({ options, rulesFile, dryRun, canShowMail }) {
      if (options.samples !== undefined && !(dryRun && canShowMail)) {
        throw new UsageError(
          '--samples works only in a dry run at a terminal, because it shows mail',
          'Add --dry-run, and run it at a terminal, without LOG_FORMAT=json; or leave --samples out.',
        );
      }
      if (rulesFile !== undefined) return selectRules(await readRulesFile(rulesFile), options.rule);
      const own = fileURLToPath(ownRules);
      // Messages name the file in jobs/, because nobody edits the copy that the build makes.
      return selectRules(await readRulesFile(own, `jobs/${basename(own)}`), options.rule);
    },

    async inspect({ mailbox, options, prepared: ruleSet }) {
      return await previewRules(
        ruleSet,
        mailbox,
        createGuards(limitsOf(ruleSet), { ...options, mailboxSize: undefined }),
      );
    },

    async run({ mailbox, tally, options, prepared, log, show }) {
      const { ruleSet, labels, warnings } = await fitToMailbox(prepared, mailbox);
      for (const warning of warnings) log.warn('rules.warning', { ...warning });

      const isBackfill = mailbox.span !== undefined;
      // The forecast of a backfill includes the cost of these searches, also in a dry run.
      const withEffects = ruleSet.undo && (mailbox.live || isBackfill);
      const limitsShare = isBackfill || options.maxShare !== undefined;
      const mailboxSize = limitsShare ? await mailbox.size() : undefined;
      const guards = createGuards(limitsOf(ruleSet), { ...options, mailboxSize });
      const earlierPlans: RulesPlan[] = [];
      for (;;) {
        const isFirst = earlierPlans.length === 0;
        // Later plans know the labels that this run created.
        const known = isFirst ? labels : await mailbox.knownLabels();
        if (isFirst) mailbox.beginPlan(ruleSet.rules.length);
        const plan = await planRules(ruleSet, mailbox, known, { withEffects, earlierPlans });
        for (const planned of describeRules(plan, ruleSet.rules)) {
          tally.matched(planned.skipped);
          tally.skipped(planned.skipped);
          if (isFirst || planned.matched > 0) {
            log.info('rule.planned', { ...planned, ...(!isFirst && { look: earlierPlans.length + 1 }) });
          }
        }
        if (options.samples !== undefined) {
          const { readSamples, renderSamples } = await import('../rules/samples.ts');
          const samples = await readSamples(plan, { perRule: options.samples, inAll: MOST_SAMPLES }, { mailbox, log });
          show((columns) => renderSamples(samples, columns));
        }
        await mailbox.applyPlan(plan, { guards, earlierPlans, keepsJournal: ruleSet.undo });
        earlierPlans.push(plan);
        if (!mailbox.live || !mayHaveMissed(plan) || earlierPlans.length === MOST_PLANS) break;
      }
    },
  });
}

/** Limits how often a run searches again for missed messages while others change the mailbox. */
const MOST_PLANS = 5;

function limitsOf(ruleSet: RuleSet) {
  return { ...ruleSet, sets: ruleSet.rules };
}

/** The rules with the chosen names, in the order of the file. */
function selectRules(ruleSet: RuleSet, chosen: readonly string[] | undefined): RuleSet {
  if (chosen === undefined) return ruleSet;
  const names = ruleSet.rules.map(({ name }) => name);
  for (const name of chosen) {
    if (names.includes(name)) continue;
    if (ruleSet.disabled.includes(name)) {
      throw new UsageError(`--rule: the rule "${name}" is disabled`, 'Set enabled: true in the rules file.');
    }
    throw new UsageError(
      `--rule: there is no rule "${name}"${didYouMean(name, [...names, ...ruleSet.disabled])}`,
      `The rules are ${names.join(', ')}.`,
    );
  }
  return { ...ruleSet, rules: ruleSet.rules.filter(({ name }) => chosen.includes(name)) };
}
