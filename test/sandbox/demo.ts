/**
 * `npm run demo`: the built program, started as Heroku Scheduler starts it, on a made-up mailbox behind real HTTP on
 * this machine. Shows what each run did, and what the mailbox looks like before and after; then a fleet of ten mailboxes.
 */
import PostalMime from 'postal-mime';
import type { PlannedRule } from '../../lib/screen/planned-rule.ts';
import { describePlan } from '../../lib/screen/planned-rule.ts';
import { type Finished, type LogEvent, type RunOptions, runOwnJob } from '../run.ts';
import { bold, count, dim, headline, out, outFinal, outInStep } from './demo-screen.ts';
import { type Sandbox, startSandbox } from './index.ts';
import { addMadeUpFleet, FLEET_LIST, FLEET_NAMES } from './made-up-fleet.ts';
import type { SandboxMailbox } from './mailbox.ts';
import type { S3Bucket } from './s3.ts';

const MESSAGES = 5_000;
const LATENCY_MS = 40;

/** Each costs 20 quota units to copy, of 6,000 a minute. */
const COPIED_MESSAGES = 100;

/** The folder of the copy in the bucket. */
const PREFIX = 'alice';

const NAME_WIDTH = 'old-newsletters'.length;

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

  await backupSteps(6);
  await fleetStep(sandbox, 8);

  const { totalUnits, refusals } = sandbox.gmail.quota;
  out();
  out(
    `${bold(`Spent in alice's mailbox:`)} ${count(totalUnits)} of the 6,000 quota units that Gmail gives a mailbox each minute, ${refusals} refusals.`,
  );
  out(dim('Next: the rules are in jobs/rules.yaml; `npm run sandbox` keeps a mailbox like this one to try things on.'));
  out();
}

async function step(sandbox: Sandbox, number: number, args: readonly string[], what: string): Promise<Finished> {
  headline(number, `job ${args.join(' ')}`, what);
  const finished = await run(sandbox, number, args, 0);
  for (const line of describeRules(finished)) outInStep(line, NAME_WIDTH + 2);
  outFinal(finished.final);
  return finished;
}

/** A backup, a mail that is deleted for good, and its restore, in a mailbox of its own that is copied within a minute. */
async function backupSteps(number: number): Promise<void> {
  await using sandbox = await startSandbox({ messages: COPIED_MESSAGES, latencyMs: LATENCY_MS });
  const { mailbox, s3 } = sandbox;
  const env = { EXPORT_URL: s3.url(PREFIX) };
  headline(number, 'job export', 'a backup: copies all mail of another, smaller mailbox to S3');
  outFinal((await run(sandbox, number, ['export'], 0, { env })).final);
  for (const line of describeBucket(s3.bucket, PREFIX)) outInStep(dim(`│ ${line}`));

  const lost = mailbox.search('has:userlabels is:read').find(({ subject }) => /^[ -~]+$/.test(subject));
  if (lost === undefined) throw new Error('the mailbox has no message to delete');
  const { messageId } = lost;
  out();
  outInStep(`a mail is deleted for good:  ${describeMail(mailbox, messageId)}`);
  mailbox.delete([lost.id]);
  headline(number + 1, 'job restore --yes', 'puts back what the mailbox no longer has, and nothing else');
  outFinal((await run(sandbox, number + 1, ['restore', '--yes'], 0, { env })).final);
  outInStep(`the same mail is back:       ${describeMail(mailbox, messageId)}`);
}

/** The objects that an export made below `prefix`, with a word about each kind. */
function describeBucket(bucket: S3Bucket, prefix: string): string[] {
  const keys = bucket.keys().map((key) => key.slice(prefix.length + 1));
  const messages = keys.filter((key) => key.endsWith('.eml.gz'));
  const shown: readonly (readonly [string | undefined, string])[] = [
    [messages.at(-1), `a message; ${count(messages.length - 1)} more`],
    [keys.find((key) => key.endsWith('.jsonl')), 'their labels'],
    [keys.find((key) => key === 'state.json'), 'where the next run goes on'],
  ];
  const width = Math.max(...shown.map(([key = '']) => key.length));
  return [bucket.url(prefix), ...shown.map(([key = '', what]) => `  ${key.padEnd(width)}  ${what}`)];
}

/** Subject, day and labels of the mail; a message that was put back has another id. */
function describeMail(mailbox: SandboxMailbox, messageId: string): string {
  const found = mailbox.messages().find((message) => message.messageId === messageId);
  if (found === undefined) throw new Error(`the mailbox has no message ${messageId}`);
  const names = new Map(mailbox.labels().map(({ id, name }) => [id, name]));
  // Gmail's own labels have names in capitals.
  const labels = [...found.labelIds].map((id) => names.get(id) ?? id).filter((name) => /[a-z]/.test(name));
  const day = new Date(found.internalDateMs).toISOString().slice(0, 10);
  return `${bold(found.subject)}  ${dim(`${day}, label ${labels.sort().join(', ')}`)}`;
}

async function fleetStep(sandbox: Sandbox, number: number): Promise<void> {
  headline(
    number,
    'job fleet apply-rules',
    'ten mailboxes in one process, without a database; one of them has withdrawn its consent',
  );
  addMadeUpFleet(sandbox);
  for (const line of FLEET_LIST.trimEnd().split('\n')) outInStep(dim(`│ ${line}`));
  const { events, final } = await run(sandbox, number, ['fleet', 'apply-rules'], 65, { mailboxes: FLEET_LIST });
  out();
  outInStep(`${'mailbox'.padEnd(22)} ${'outcome'.padEnd(21)} changed`);
  for (const { mailbox, outcome, exitCode, changed } of inOrder(events)) {
    const ending = `${outcome}`.replaceAll('-', ' ') + (exitCode === 0 ? '' : `, exit code ${exitCode}`);
    const row = `${String(mailbox).padEnd(22)} ${ending.padEnd(21)} ${count(changed).padStart(7)}`;
    outInStep(exitCode === 0 ? row : bold(row));
  }
  out();
  outFinal(final);
  outInStep(dim('The failure held up no other mailbox. With 65, a monitor alerts somebody.'));
}

/** The final lines of the runs, in the order of FLEET_LIST. */
function inOrder(events: Finished['events']): Finished['events'] {
  const rank = ({ mailbox }: LogEvent) => FLEET_NAMES.findIndex((name) => String(mailbox).includes(name));
  return events.filter(({ event }) => event === 'run.finished').toSorted((a, b) => rank(a) - rank(b));
}

/** Runs the job as Heroku Scheduler does. Fails, and shows the output, when the exit code is not `code`. */
async function run(
  sandbox: Sandbox,
  number: number,
  args: readonly string[],
  code: number,
  options: Omit<RunOptions, 'jobs'> = {},
) {
  const env = { ...options.env, DYNO: `scheduler.${1_000 + number}`, LOG_FORMAT: 'json' };
  const finished = await runOwnJob(sandbox, args, { ...options, env });
  const { final } = finished;
  if (finished.code === code && final !== undefined) return { ...finished, final };
  out(finished.stdout + finished.stderr);
  throw new Error(`job ${args.join(' ')} exited with ${finished.code}`);
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
