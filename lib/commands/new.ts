/** `job new`: makes a job's file and its test from one of the starting points, the folders in test/starting-points/. */
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { defineCommand } from '../command.ts';
import { ExitCode, UsageError } from '../errors.ts';
import { choiceOption } from '../options.ts';

export default defineCommand({
  summary: 'Make a job of your own, with its test',
  description:
    'Writes `jobs/<name>.ts` and `test/jobs/<name>.test.ts`, which pass as they are. Overwrites nothing.\n' +
    'labels: search, and change labels\n' +
    'messages: read each message once\n' +
    'host: post something about each message to a host, with a secret',
  argument: {
    name: 'name',
    summary: 'the name of the file and of the command, such as archive-quiet',
    remedy: 'Write `job new archive-quiet`, for instance.',
    parse: (text) => text,
  },
  options: { from: choiceOption(['labels', 'messages', 'host'], 'what the job does') },

  async run({ argument: name, options: { from }, env, registry, terminal }) {
    if (env.DYNO) {
      throw new UsageError('a dyno forgets the files that it writes', 'Run `job new`, commit the new files, and push.');
    }
    registry.requireFree(name);
    const root = new URL('../', registry.folder);
    const source = new URL(`test/starting-points/${from}/`, root);
    if (!existsSync(source)) {
      throw new UsageError('the built program cannot make jobs', 'Run `bin/job new` in your clone of the repository.');
    }
    const files = { [`jobs/${name}.ts`]: 'job.ts', [`test/jobs/${name}.test.ts`]: 'test.ts' };
    const taken = Object.keys(files).find((file) => existsSync(new URL(file, root)));
    if (taken !== undefined) {
      throw new UsageError(`there is a file ${taken} already`, 'Choose another name, or move the file away.');
    }
    for (const [file, part] of Object.entries(files)) {
      const text = await readFile(new URL(part, source), 'utf8');
      await mkdir(new URL('./', new URL(file, root)), { recursive: true });
      await writeFile(new URL(file, root), rename(text, from, name), { flag: 'wx' });
    }
    terminal.print(`Made ${Object.keys(files).join(' and ')}. Next:\n`);
    for (const [index, step] of nextSteps(name).entries()) terminal.print(`${index + 1}. ${step}`, 3);
    return ExitCode.ok;
  },
});

/** The starting point's text for the folders jobs/ and test/jobs/, with the new name in place of its own. */
function rename(text: string, from: string, name: string): string {
  return text.replaceAll(/'(?:\.\.\/)+/g, "'../").replaceAll(`'${from}'`, `'${name}'`);
}

function nextSteps(name: string): string[] {
  return [
    'Edit both files; `npm run test:jobs` tests your jobs.',
    `\`npm run sandbox\` starts a made-up mailbox; in a second terminal, \`job ${name} --dry-run\` works on it.`,
    `Commit, push, and give the token the job's scopes: \`job rotate --jobs\` with all jobs that you run.`,
  ];
}
