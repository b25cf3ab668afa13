/** `job check`: would the next run work? Reads the secret, gets a token, searches the mailbox, and changes nothing. */
import { styleText } from 'node:util';
import { asTyped, type Finding, worstExitCode } from '../check/finding.ts';
import { createScreen, verdictOf } from '../check/screen.ts';
import { defineCommand } from '../command.ts';
import { ExitCode } from '../errors.ts';
import { choiceOption, listOption, switchOption } from '../options.ts';
import { commandSpelling } from '../screen/command-spelling.ts';

export default defineCommand({
  summary: 'Say whether the next run would work, and what to do if not; changes nothing',
  description:
    'Goes through configuration, AWS, secret, token, scopes, mailbox, rules, quota, monitor and clock, and on past what ' +
    'fails. The exit code is that of the worst line; warnings alone are 0.',
  options: {
    jobs: listOption('<a,b>', 'look at these jobs alone (default all that are installed)'),
    stage: choiceOption(['AWSCURRENT', 'AWSPENDING', 'AWSPREVIOUS'], 'the version of the secret to look at'),
    json: switchOption('print one JSON object, for machines'),
  },

  async run({ options: { jobs: names, stage, json }, env, registry, terminal, hide, allowHosts, signal }) {
    // Gmail's library is loaded when it is needed, and not for the help.
    const { lineIds, runChecks } = await import('../check/index.ts');
    const chosen = names ?? registry.names;
    const jobs = await Promise.all(chosen.map(async (name) => ({ name, job: await registry.load(name) })));
    const installed = await registry.scopes();
    const show = createScreen({ ids: lineIds(jobs), columns: terminal.columns });
    if (!json) {
      const which = stage === 'AWSCURRENT' ? '' : ` with ${stage}`;
      terminal.print(`${styleText('bold', `Would the next run work${which}?`)}\n`);
    }
    const findings: Finding[] = [];
    const spelling = commandSpelling(env);
    for await (const found of runChecks({ env, stage, jobs, installed, hide, allowHosts, signal })) {
      // Before it is wrapped.
      const finding = asTyped(found, spelling);
      findings.push(finding);
      if (!json) terminal.print(show(finding));
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
