/**
 * Applies the rules of rules.yaml to the mailbox: archive, trash, mark, star and label what their searches find. The
 * searches find only what still has to be changed, so a second run finds nothing.
 */
import { readFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ConfigError, UsageError } from '../lib/errors.ts';
import type { Guard } from '../lib/gmail/changes.ts';
import { countOption, defineJob, Scope, textOption } from '../lib/job.ts';
import { didYouMean } from '../lib/nearest.ts';
import { planRules } from '../lib/rules/plan.ts';
import { previewRules, surveyLabels } from '../lib/rules/preview.ts';
import { parseRules, type RuleSet } from '../lib/rules/schema.ts';

/** The rules file beside this job; the build copies it. */
const OWN_RULES = fileURLToPath(new URL('./rules.yaml', import.meta.url));

export default defineJob({
  summary: 'Apply the rules in rules.yaml to the mailbox: archive, trash, mark, star, label',
  description:
    'All rules are searched first; their counts are exact, and the guards are held against them before anything ' +
    'changes. The rules come from RULES_FILE, or from the rules.yaml beside the job.',
  scopes: [Scope.modify],
  options: {
    only: textOption('<rule>', 'apply this rule alone'),
    maxChanges: countOption('<n>', "the most changes this run may make, instead of the rules file's maxChanges", 1),
  },

  async prepare({ options, rulesFile }) {
    const file = rulesFile ?? OWN_RULES;
    const name = relative('', file) || file;
    return { ...selectRule(parseRules(await readRules(file, name), name), options.only), file: name };
  },

  async inspect({ mailbox, options, prepared: ruleSet }) {
    return await previewRules(ruleSet, mailbox, guardOf(options.maxChanges ?? ruleSet.maxChanges));
  },

  async run({ mailbox, tally, options, prepared: ruleSet, log }) {
    const { labels, warnings } = await surveyLabels(ruleSet, mailbox);
    for (const warning of warnings) log.warn('rules.warning', { ...warning });

    const plan = await planRules(ruleSet, mailbox, labels);
    for (const { name, matched, skipped, ids } of plan) {
      tally.matched(skipped);
      tally.skipped(skipped);
      log.info('rule.planned', { rule: name, matched, skipped, toChange: ids.length });
    }
    await mailbox.change(plan, guardOf(options.maxChanges ?? ruleSet.maxChanges));
  },
});

function guardOf(atMost = Number.POSITIVE_INFINITY): Guard {
  return {
    atMost,
    remedy:
      'If the counts of the rules are right (--dry-run shows them), raise maxChanges in the rules file, or run once with --max-changes.',
  };
}

async function readRules(file: string, name: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ERR_ACCESS_DENIED') {
      throw new ConfigError(
        `the rules file ${name} is outside the app's folder, where this process may not read`,
        "Put it into the app's folder and set RULES_FILE to its path there, or add --allow-fs-read=<its folder> to the command in the Procfile.",
        { cause: error },
      );
    }
    const why = code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a folder' : `cannot be read (${code})`;
    throw new ConfigError(
      `the rules file ${name} ${why}`,
      'Set RULES_FILE to the path of a rules file, relative to the working folder.',
      { cause: error },
    );
  }
}

function selectRule(ruleSet: RuleSet, only: string | undefined): RuleSet {
  if (only === undefined) return ruleSet;
  const rules = ruleSet.rules.filter(({ name }) => name === only);
  if (rules.length > 0) return { ...ruleSet, rules };
  const names = ruleSet.rules.map(({ name }) => name);
  if (ruleSet.disabled.includes(only)) {
    throw new UsageError(`--only: the rule "${only}" is disabled`, 'Set enabled: true in the rules file.');
  }
  throw new UsageError(
    `--only: there is no rule "${only}"${didYouMean(only, names)}`,
    `The rules are ${names.join(', ')}.`,
  );
}
