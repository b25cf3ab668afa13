/**
 * `npm run reference`: writes the signatures of everything that a job can use into jobs/README.md, from the declarations and
 * their comments. Members that are marked @internal are left out.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './run.ts';

const PAGE = join(ROOT, 'jobs/README.md');

/** The place in the page; `npm run reference` fails without it. */
const PLACE = /(?<=<!-- signatures: begin -->\n)[\s\S]*?(?=<!-- signatures: end -->)/;

/** Title → file in lib/ and its declarations. */
const PARTS: Readonly<Record<string, readonly (readonly [file: string, names: readonly string[]])[]>> = {
  'What defineJob takes': [['job', ['Job', 'PrepareContext', 'MaxChanges', 'JobHosts']]],
  'The context of run': [['job', ['RunContext', 'JobLog', 'PostJson', 'PostJsonOptions', 'PostAnswer']]],
  'The mailbox': [
    ['gmail/mailbox', ['Mailbox']],
    ['gmail/list-page', ['MessageRef']],
    ['gmail/searcher', ['SearchOptions']],
    ['gmail/change-plan', ['ChangeSet']],
    ['gmail/hand-over', ['MessagesOptions']],
    ['gmail/message', ['Message']],
    ['gmail/mime', ['MessageContent', 'Attachment', 'MailAddress', 'MessageHeader']],
    ['gmail/messages', ['ReadMessage', 'MessageSource']],
    ['gmail/labels', ['Label', 'LabelDirectory']],
  ],
  Options: [
    [
      'options',
      ['textOption', 'textsOption', 'countOption', 'choiceOption', 'switchOption', 'timeZoneOption', 'yesOption'],
    ],
    ['gmail/query/search-option', ['searchOption']],
  ],
};

/** The reference as Markdown. Takes the compiler some seconds. */
export async function renderReference(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'gmail-jobs-reference-'));
  try {
    await declare(folder);
    const sections: string[] = [];
    for (const [title, files] of Object.entries(PARTS)) {
      const code: string[] = [];
      for (const [file, names] of files) {
        const declarations = await readFile(join(folder, `lib/${file}.d.ts`), 'utf8');
        for (const name of names) code.push(readable(declarationOf(name, declarations)));
      }
      const body = `\`\`\`ts\n${code.join('\n\n')}\n\`\`\``;
      sections.push(`<details>\n<summary>${title}</summary>\n\n${body}\n\n</details>\n`);
    }
    return `\n${sections.join('\n')}\n`;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** The reference as it stands in the page. */
export async function writtenReference(): Promise<string | undefined> {
  return PLACE.exec(await readFile(PAGE, 'utf8'))?.[0];
}

/** Writes the declarations of job.ts and of what it imports into `folder`. */
async function declare(folder: string): Promise<void> {
  const compilerOptions = {
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    stripInternal: true,
    outDir: folder,
    rootDir: ROOT,
    typeRoots: [join(ROOT, 'node_modules/@types')],
  };
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions,
    include: [],
    files: [join(ROOT, 'lib/job.ts')],
  };
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
  await promisify(execFile)(join(ROOT, 'node_modules/.bin/tsc'), ['--project', folder]);
}

/** The exported declaration called `name`, with its comment. */
function declarationOf(name: string, declarations: string): string {
  const lines = declarations.split('\n');
  const start = lines.findIndex((line) =>
    new RegExp(`^export (declare )?(class|const|function|interface|type) ${name}\\b`).test(line),
  );
  if (start === -1) throw new Error(`no declaration of ${name}`);
  const end = lines.findIndex((line, index) => index >= start && /^}|;$/.test(line) && !line.startsWith(' '));
  let first = start;
  if (lines[start - 1]?.endsWith('*/'))
    do first -= 1;
    while (!lines[first]?.startsWith('/**'));
  return lines.slice(first, end + 1).join('\n');
}

/** The declaration without what its reader does not need. */
function readable(declaration: string): string {
  return declaration
    .replace(/^ {4}(#private;|constructor\(.*\);)\n/gm, '')
    .replace(/^( *)readonly /gm, '$1')
    .replace(/^export (declare )?/m, '')
    .replace(/^( {4})+/gm, (indent) => ' '.repeat(indent.length / 2));
}

if (import.meta.main) {
  const page = await readFile(PAGE, 'utf8');
  if (!PLACE.test(page)) throw new Error(`${PAGE} has no place for the reference`);
  const reference = await renderReference();
  await writeFile(
    PAGE,
    page.replace(PLACE, () => reference),
  );
}
