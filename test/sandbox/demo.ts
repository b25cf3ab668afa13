/**
 * `npm run demo`: the built program, started as Heroku Scheduler starts it, on a made-up mailbox behind real HTTP on
 * this machine. Shows what each run did, and what the mailbox looks like before and after.
 */
import { styleText } from 'node:util';
import PostalMime from 'postal-mime';
import { formatCount } from '../../lib/base/count.ts';
import type { PlannedRule } from '../../lib/screen/planned-rule.ts';
import { describePlan } from '../../lib/screen/planned-rule.ts';
import { prettyLine } from '../../lib/screen/pretty.ts';
import { columnsOf, wrap } from '../../lib/screen/wrap.ts';
import { type Finished, runOwnJob } from '../run.ts';
import { type Sandbox, startSandbox } from './index.ts';
import type { SandboxMailbox } from './mailbox.ts';

const MESSAGES = 5_000;
const LATENCY_MS = 40;

const NAME_WIDTH = 'old-newsletters'.length;

const COLUMNS = columnsOf(process.stdout);

/** The rows of the mailbox's table: a name, and the Gmail search that counts its messages. */
const SHOWN: readonly (readonly [string, string])[] = [
  ['in the inbox', 'in:inbox'],
  ['unread', 'is:unread'],
  ['promotions in the inbox', 'in:inbox category:promotions'],
  ['social notices in the inbox', 'in:inbox category:social'],
  ['starred, which are protected', 'is:starred'],
  ['label Auto/Archived', 'label:"Auto/Archived"'],
  ['label Auto/Large', 'label:"Auto/Large"'],
];

const out = (text = '', hang = 0) => process.stdout.write(`${wrap(text, COLUMNS, hang)}\n`);
const bold = (text: string) => styleText('bold', text);
const dim = (text: string) => styleText('dim', text);
const count = (value: unknown) => formatCount(Number(value));

await demo();

async function demo(): Promise<void> {
  await using sandbox = await startSandbox({ messages: MESSAGES, latencyMs: LATENCY_MS });
  const { host } = new URL(sandbox.env.GMAIL_API_URL ?? '');
  out();
  out(bold('gmail-jobs: the real program on a made-up mailbox'));
  const standIns = "Gmail, Google's token endpoint and AWS Secrets Manager are stand-ins on this machine";
  out(
    dim(
      `${count(MESSAGES)} messages of ${sandbox.mailbox.email}; ${standIns} (Gmail: http://${host}, ${LATENCY_MS} ms away). Nothing leaves it.`,
    ),
  );

  const before = look(sandbox.mailbox);
  await step(sandbox, 1, ['apply-rules', '--dry-run'], 'says what would change; nothing is sent');
  const run = await step(sandbox, 2, ['apply-rules'], 'does it');
  showMailbox(before, look(sandbox.mailbox));
  await step(
    sandbox,
    3,
    ['apply-rules'],
    'the next hour: the searches find only what is left, so there is nothing to do',
  );
  const runId = String(run.final?.runId);
  await step(sandbox, 4, ['undo', runId, '--yes'], 'takes the second run back: every label is as it was before');
  showMailbox(before, look(sandbox.mailbox));
  await step(
    sandbox,
    5,
    ['digest', '--period', 'week'],
    'puts one mail into the inbox, which says what came in last week',
  );
  await showDigest(sandbox.mailbox);

  const { totalUnits, refusals } = sandbox.gmail.quota;
  out();
  out(
    `${bold('Spent in all:')} ${count(totalUnits)} of the 6,000 quota units that Gmail gives each minute, ${refusals} refusals.`,
  );
  out(dim('Next: the rules are in jobs/rules.yaml; `npm run sandbox` keeps a mailbox like this one to try things on.'));
  out();
}

async function step(sandbox: Sandbox, number: number, args: readonly string[], what: string): Promise<Finished> {
  const finished = await runOwnJob(sandbox, args, { env: { DYNO: `scheduler.${1_000 + number}`, LOG_FORMAT: 'json' } });
  out();
  out(`${bold(`${number}  job ${args.join(' ')}`)}  ${dim(what)}`, 3);
  if (finished.code !== 0 || finished.final === undefined) {
    out(finished.stdout + finished.stderr);
    throw new Error(`job ${args.join(' ')} exited with ${finished.code}`);
  }
  for (const line of describeRules(finished)) out(`   ${line}`, NAME_WIDTH + 2);
  out(`   ${prettyLine(finished.final).trimEnd()}`, 2);
  return finished;
}

/** A line for each rule that the run searched for, in the words of the program. */
function describeRules({ events }: Finished): string[] {
  const planned = events.filter(({ event }) => event === 'rule.planned');
  return planned.map(
    (event) => `${String(event.rule).padEnd(NAME_WIDTH)}  ${describePlan(event as unknown as PlannedRule)}`,
  );
}

function look(mailbox: SandboxMailbox): number[] {
  return SHOWN.map(([, query]) => mailbox.search(query).length);
}

function showMailbox(before: readonly number[], after: readonly number[]): void {
  out();
  out(`   ${'the mailbox'.padEnd(30)} ${'before'.padStart(7)} ${'after'.padStart(7)}`);
  for (const [index, [name]] of SHOWN.entries()) {
    const [was, is] = [before[index] ?? 0, after[index] ?? 0];
    const row = `   ${name.padEnd(30)} ${count(was).padStart(7)} ${count(is).padStart(7)}`;
    out(was === is ? dim(row) : row);
  }
}

/** The digest as its reader would see it in a plain mail program. */
async function showDigest(mailbox: SandboxMailbox): Promise<void> {
  const [message] = mailbox.search('rfc822msgid:gmail-jobs.invalid OR subject:"in mail"');
  if (message?.raw === undefined) throw new Error('the digest is not in the mailbox');
  const { subject = '', text = '' } = await PostalMime.parse(message.raw);
  out();
  out(`   ${bold(subject)}`);
  for (const line of text.trim().split('\n')) out(`   ${dim('│')} ${line}`);
}
