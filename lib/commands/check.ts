/** `job check` on the command line; check/index.ts does the work. */
import { styleText } from 'node:util';
import { type Finding, spellFinding, worstExitCode } from '../check/finding.ts';
import { createFindingRenderer, verdictOf } from '../check/screen.ts';
import { defineCommand } from '../command.ts';
import { ExitCode } from '../errors.ts';
import { choiceOption, jobsOption, jsonOption } from '../options.ts';
import { commandSpelling } from '../screen/command-spelling.ts';

export default defineCommand({
  summary: 'Check whether the next run would work, and say what to do if not; changes nothing',
  description:
    'Checks configuration, AWS, secret, key, token, scopes, mailbox, the place of files, rules, quota, monitor and clock, ' +
    'and continues after failures. The exit code is that of the worst line; warnings alone are 0.',
  options: {
    jobs: jobsOption(),
    stage: choiceOption(['AWSCURRENT', 'AWSPENDING', 'AWSPREVIOUS'], 'the version of the secret to check'),
    json: jsonOption,
  },

  async run({ options: { jobs: names, stage, json }, env, registry, terminal, hide, allowHosts, signal }) {
    // Loaded here, so that `job --help` does not load Gmail's library.
    const { lineIds, runChecks } = await import('../check/index.ts');
    const chosen = names ?? registry.names;
    const jobs = await Promise.all(chosen.map((name) => registry.examine(name)));
    const installed = await registry.scopes();
    const show = createFindingRenderer({ ids: lineIds(jobs), columns: terminal.columns });
    if (!json) {
      const which = stage === 'AWSCURRENT' ? '' : ` with ${stage}`;
      terminal.print(`${styleText('bold', `Would the next run work${which}?`)}\n`);
    }
    const findings: Finding[] = [];
    const spelling = commandSpelling(env);
    for await (const found of runChecks({ env, stage, jobs, installed, hide, allowHosts, signal })) {
      const finding = spellFinding(found, spelling);
      findings.push(finding);
      if (!json) terminal.printExactly(show(finding));
    }
    const exitCode = worstExitCode(findings);
    const verdict = verdictOf(findings, chosen);
    if (json) {
      const lines = findings.map(({ rows, notes, stops, ...line }) => line);
      terminal.printExactly(JSON.stringify({ ok: exitCode === ExitCode.ok, exitCode, verdict, stage, lines }));
    } else {
      terminal.print(`\n${styleText('bold', verdict)}`);
    }
    return exitCode;
  },
});
