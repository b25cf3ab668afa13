/** Renders log events as readable lines for a terminal. A new event gets its sentence in SENTENCES. */
import { styleText } from 'node:util';
import { counted, formatBytes, formatCount } from '../base/count.ts';
import { formatDuration, roundUpDuration } from '../base/duration.ts';
import { withoutControls } from './controls.ts';
import { describePlan } from './planned-rule.ts';
import { splitProblems, wrap, wrapCommand } from './wrap.ts';

export type LogEvent = Readonly<Record<string, unknown>>;

/** Additions to the final line that only a terminal shows. */
export interface FinalNotes {
  /** The person answered no. */
  readonly declined?: boolean;
  /** The run only verified files. */
  readonly verifies?: boolean;
  /** The command that undoes the run; undefined when there is nothing to undo. */
  readonly undo?: string | undefined;
}

/** The sentence of each event. An event without a sentence is shown with its fields. */
const SENTENCES: Readonly<Record<string, (event: LogEvent) => string>> = {
  'run.started': (e) => `${bold(String(e.job))}${e.dryRun === true ? ' · dry run, nothing will be changed' : ''}`,
  'fleet.started': (e) =>
    `${bold(String(e.job))} in ${mailboxes(e.mailboxes)}, ${number(e.atOnce)} at a time${e.dryRun === true ? ' · dry run, nothing will be changed' : ''}`,
  'fleet.repeated': (e) => `named twice, and worked once by ${e.firstSource}: also in ${e.source}`,
  'fleet.source_failed': (e) => `${e.source}: no mailboxes`,
  'fleet.refused': () => 'the job refuses its options in this mailbox',
  'fleet.lost': () => 'another process may work on this mailbox, so its end counts there',
  'secret.fetched': (e) => dim(`secret fetched (${e.stage})`),
  'secret.keys_read': (e) => dim(`secrets of the job read from ${e.secret}: ${[e.keys].flat().join(', ')}`),
  'token.issued': (e) => dim(`access token issued, good for ${formatDuration(Number(e.lifetimeS) * 1_000)}`),
  'label.matched': (e) => dim(`the label ${e.label} is used for "${e.written}": Gmail treats them as the same`),
  'label.created': (e) => `label ${bold(String(e.label))} created`,
  'rules.warning': (e) => `${bold(String(e.rule))}: ${e.warning}`,
  'backfill.look': (e) =>
    `looking in ${counted(Number(e.windows), 'window')} of one ${e.windowUnit} with ${counted(Number(e.searches), 'search', 'searches')} each: about ${number(e.units)} quota units, ${Number(e.durationMs) < 10_000 ? 'a few seconds' : `about ${formatDuration(Number(e.durationMs))}`} (at ${number(e.unitsPerMinute)} units a minute)`,
  'rule.planned': (e) => `${bold(String(e.rule))}: ${describePlan(planIn(e))}`,
  'rules.samples': (e) =>
    dim(`reading ${counted(Number(e.messages), 'message')} as samples, ${number(e.unitsEach)} quota units each`),
  'rule.applied': (e) => `${bold(String(e.rule))}: ${countsOf(e, WORDS).join(', ') || 'nothing was changed'}`,
  'message.planned': (e) =>
    `${counted(Number(e.messages), 'message')} not marked "${e.done}" yet, ${number(e.units)} quota units`,
  'attachments.saved': (e) =>
    `${bold(String(e.rule))}: ${counted(Number(e.files), 'file')} saved from ${counted(Number(e.messages), 'message')}${Number(e.there) > 0 ? `, ${number(e.there)} saved before` : ''}`,
  'attachments.nothing_fits': (e) =>
    `no file fits the rule ${bold(String(e.rule))}; seen: ${Object.entries((e.seen ?? {}) as object)
      .map(([glob, count]) => `${glob} ${count}`)
      .join(', ')}. To have these messages read again, correct the rule and delete the label ${e.done} in Gmail`,
  'attachments.message_saved': (e) =>
    dim(`${e.rule}: ${counted(Number(e.files), 'file')} of the message ${e.id} saved`),
  'message.failed': (e) => `the job failed on the message ${bold(String(e.id))}`,
  'undo.planned': (e) => `${bold(String(e.rule))}: ${number(e.toRestore)} to restore (${restoring(e)})`,
  'undo.found': (e) =>
    `${number(e.messages)} changed by the run, ${number(e.toRestore)} to restore, ${number(e.skipped)} changed since`,
  'undo.done_before': (e) => `the run ${bold(String(e.undo))} is already undone: nothing to do`,
  'undo.not_for_good': (e) =>
    `The next run of ${e.of} will do the same again unless you change the rule or the job first.`,
  'undo.last': (e) =>
    `the newest run that was not undone is ${bold(String(e.undo))}: ${e.of}, ${counted(Number(e.messages), 'change')}`,
  'undo.waiting': (e) => `${WAITING[String(e.for)]}: looking again for up to ${formatDuration(Number(e.atMostMs))}`,
  'undo.label_gone': (e) => `the label ${bold(String(e.label))} no longer exists, and is not restored`,
  'undo.parts_missing': (e) =>
    `${number(e.parts)} of the run's journals are missing: the run was killed before it wrote them, or they were deleted`,
  'restore.opened': (e) =>
    `${counted(Number(e.messages), 'message')} in the copy${e.asOf === undefined ? '' : `, as of ${e.asOf}`}`,
  'restore.copy_incomplete': () => 'the copy is not complete yet: it lacks messages of the mailbox',
  'restore.index_damaged': (e) => `the index of the copy is damaged: ${e.problem}`,
  'restore.label_renamed': (e) => `the label "${e.label}" of the copy is ${bold(String(e.as))} in this mailbox`,
  'restore.label_left_out': (e) => `the label "${e.label}" cannot be created, and is left out: ${e.reason}`,
  'restore.sent_refused': () => 'Gmail refuses the label SENT: sent messages are restored without it',
  'restore.in_trash': (e) =>
    `${counted(Number(e.messages), 'message')} of the copy ${e.messages === 1 ? 'lies' : 'lie'} in Trash or Spam, which Gmail empties after 30 days: move ${e.messages === 1 ? 'it' : 'them'} in Gmail (search for in:trash)`,
  'restore.message_failed': (e) => `the message ${bold(String(e.id))} is not restored: ${e.reason}`,
  'restore.finished': (e) =>
    `${counted(Number(e.imported), 'message')} imported, ${number(e.there)} there already, ${number(e.leftOut)} left out as drafts or chats`,
  'quota.wait': (e) => dim(`waiting ${formatDuration(Number(e.waitMs))} for Gmail's quota`),
  'post.retry': (e) => dim(`${e.host}: ${e.reason}: retry in ${formatDuration(Number(e.delayMs))}`),
  'post.skipped': (e) => dim(`a post to ${e.host} was left out: a dry run sends nothing`),
  'gmail.retry': (e) => dim(`${e.reason}: retry in ${formatDuration(Number(e.delayMs))}`),
  'window.finished': (e) => `${bold(String(e.window))}: ${windowCounts(e)}${dim(windowsLeft(e))}`,
  'protect.looked_up': () => dim('protected messages were searched again'),
  'journal.written': (e) => dim(`journal written: ${counted(Number(e.messages), 'message')}${part(e)}`),
  'journal.closed': (e) => dim(`journal revised: ${counted(Number(e.messages), 'message')} changed`),
  'run.bug': (e) => String(e.stack),
  'gmail.refused': (e) => `${bold(String(e.rule))}: Gmail refused to change ${counted(Number(e.count), 'message')}`,
  'gmail.unauthorized': () => dim('Gmail does not accept the access token any more: a new one is fetched'),
  'secret.fallback': () => 'the current version of the secret does not work; the run uses AWSPREVIOUS',
  'token.scope_wide': (e) => `${e.reason}: the token allows more than the job needs`,
  'token.refresh_token_kept': () => 'Google replaced the refresh token: the new one was stored',
  'token.refresh_token_replaced': () => 'Google replaced the refresh token',
  'heartbeat.failed': (e) => `the ping to the monitor failed: ${e.reason}`,
  'digest.inserted': (e) => `the digest of ${bold(String(e.title))} is in the inbox`,
  'digest.planned': (e) => `the digest of ${bold(String(e.title))} would be put into the inbox`,
  'digest.there': (e) => `the digest of ${bold(String(e.title))} was made before: each period has one digest`,
  'digest.insert_unanswered': (e) => `Gmail did not confirm the digest (${e.reason}): searching for the digest`,
  'digest.claim_taken_over': () => 'an attempt at the digest was not finished: this run makes the digest',
  'journal.corrected': (e) => dim(`journal corrected: ${counted(Number(e.leftOut), 'message')} left out`),
  'journal.not_corrected': () => 'the journal could not be corrected and still lists messages that were not changed',
  'journal.trashed': (e) => dim(`${counted(Number(e.count), 'old journal')} put into the trash`),
  'journal.not_closed': () => 'the journal could not record how far the run got',
  'journal.not_tidied': () => 'old journals were not put into the trash',
  'journal.unfinished': () => 'the journal could not record that the run is complete',
  'export.damaged': (e) => `damaged: ${e.path ?? `message ${e.id}`}: ${e.problem}`,
  'export.converted': (e) => `${converted(e)}${e.complete === true ? '' : dim(' (the copy is not complete yet)')}`,
  'export.opened': (e) =>
    e.isNew === true ? `a new copy in ${bold(String(e.place))}` : `the copy in ${bold(String(e.place))}${copyOf(e)}`,
  'export.index_damaged': (e) =>
    `the index of the copy has ${counted(Number(e.problems), 'problem')}, the first: ${e.first}; an export with --verify names all`,
  'export.history_gone': (e) => `${e.reason}: the mailbox is listed and compared with the copy`,
  'export.labels_ambiguous': () =>
    'labels took the names of other labels: the mailbox is listed and compared with the copy',
  'export.listed': (e) => `${counted(Number(e.messages), 'message')} listed, ${number(e.missing)} not copied yet`,
  'export.forecast': (e) =>
    `${counted(Number(e.messages), 'message')} to copy, ${number(e.units)} quota units, about ${formatDuration(roundUpDuration(Number(e.durationMs)))}`,
  'export.message_failed': (e) => `the message ${bold(String(e.id))} was not copied: ${e.reason}`,
  'export.state_moved': () => 'another run has moved the state of the copy, which stays as that run wrote it',
  'export.finished': (e) =>
    `${counted(Number(e.copied), 'message')} copied (${formatBytes(Number(e.bytes))}), ${number(e.relabelled)} with new labels, ${number(e.deleted)} gone from the mailbox`,
  'export.verified': verified,
  'export.unclaimed': (e) => dim(`${e.path}: no line of the index names this file`),
  'export.history_expired': () =>
    'Gmail no longer knows the history since the last export, so the verification cannot tell what changed since',
  'egress.refused': (e) => `a connection was refused: ${e.host}${e.port === undefined ? '' : `:${e.port}`} (${e.how})`,
  'process.unlocked': () => 'the process is not locked down',
  'process.warning': (e) => String(e.warning),
};

function converted({ path, messages, flagged, damaged }: LogEvent): string {
  const counts = [
    `${counted(Number(messages), 'message')} written to ${bold(String(path))}`,
    ...(Number(flagged) > 0 ? [`flags changed of ${number(flagged)}`] : []),
    ...(Number(damaged) > 0 ? [`${number(damaged)} left out`] : []),
  ];
  return counts.join(', ');
}

/** The messages that the mailbox has and the copy lacks count as missing, although they are not in `messages`. */
function verified({ sound, damaged, missing, aged, problems, bytes }: LogEvent): string {
  const all = counted(Number(sound) + Number(damaged) + Number(missing), 'message');
  const counts = `${number(sound)} sound, ${number(damaged)} damaged, ${number(missing)} missing, ${number(aged)} changed in the mailbox since`;
  const more = Number(problems) > 0 ? `; ${counted(Number(problems), 'problem')} of the index or state.json` : '';
  return `${all} verified: ${counts}${more} (${formatBytes(Number(bytes))} read)`;
}

const WAITING: Readonly<Record<string, string>> = {
  journal: "not all journals of this run are found yet, because Gmail's search may lag",
  searches: "Gmail's search may not show all changes yet",
};

/** Events whose counts a person need not read when all are 0: the last line says `nothing to do`, or what a dry run found. */
const COUNTS: ReadonlyMap<string, readonly string[]> = new Map([
  ['export.finished', ['copied', 'relabelled', 'deleted']],
  ['restore.finished', ['imported', 'there', 'leftOut']],
]);

function isEmpty(name: string, event: LogEvent): boolean {
  return COUNTS.get(name)?.every((count) => event[count] === 0) === true;
}

/** Events without a line: a table at the terminal shows the forecast. */
const NO_LINE = new Set(['backfill.forecast', 'restore.forecast']);

const SHOWN_ELSEWHERE = new Set(['level', 'time', 'event', 'mailbox', 'error', 'remedy']);

/** The event as lines of at most `columns`, with line ends; '' for an event in NO_LINE. */
export function prettyLine(given: LogEvent, columns = Number.POSITIVE_INFINITY, notes: FinalNotes = {}): string {
  const event = cleaned(given);
  const name = String(event.event);
  if (NO_LINE.has(name)) return '';
  if (name === 'run.finished') return finish(event, columns, notes);
  if (name === 'fleet.finished') return finishFleet(event, columns);
  if (isEmpty(name, event)) return '';
  const sentence = SENTENCES[name]?.(event) ?? `${name} ${fields(event)}`;
  return `${wrap(`${mark(event)} ${runOf(event)}${sentence}`, columns, 2)}${trouble(event, columns)}\n`;
}

function cleaned(event: LogEvent): LogEvent {
  const entries = Object.entries(event).map(([name, value]) => [
    name,
    typeof value === 'string' ? withoutControls(value) : value,
  ]);
  return Object.fromEntries(entries);
}

function mark({ level, event, exitCode }: LogEvent): string {
  if (event === 'run.finished' || event === 'fleet.finished')
    return exitCode === 0 ? styleText('green', '✔') : styleText('red', '✖');
  if (level === 'error') return styleText('red', '✖');
  return level === 'warn' ? styleText('yellow', '!') : dim('·');
}

/** The mailbox of the run, where a process has several. */
function runOf({ mailbox }: LogEvent): string {
  return typeof mailbox === 'string' ? `${bold(mailbox)}: ` : '';
}

function planIn({ matched, skipped, spared = 0, toChange, actions }: LogEvent): Parameters<typeof describePlan>[0] {
  return {
    matched: Number(matched),
    skipped: Number(skipped),
    spared: Number(spared),
    toChange: Number(toChange),
    actions: Array.isArray(actions) ? actions : [],
  };
}

/** `: 4,711 messages, not complete yet` */
function copyOf({ messages, complete }: LogEvent): string {
  if (messages === undefined) return '';
  return `: ${counted(Number(messages), 'message')}${complete === true ? '' : ', not complete yet'}`;
}

/** `+INBOX −TRASH` */
function restoring({ add, remove }: LogEvent): string {
  const signed = (names: unknown, sign: string) => (Array.isArray(names) ? names.map((name) => `${sign}${name}`) : []);
  return [...signed(add, '+'), ...signed(remove, '−')].join(' ');
}

function finish(event: LogEvent, columns: number, { declined = false, undo, verifies = false }: FinalNotes): string {
  const { outcome, exitCode, resume } = event;
  const spent = costOf(event);
  if (declined && event.changed === 0) return `${wrap(`${dim('·')} Nothing was changed. ${spent}`, columns, 2)}\n`;
  const code = exitCode === 0 ? '' : `, exit code ${exitCode}`;
  const isSound = verifies && outcome === 'nothing-to-do';
  const result = isSound
    ? counted(Number(event.skipped), 'message')
    : describeResult(event, verifies ? { ...WORDS, skipped: 'sound' } : wordsFor(event));
  const ending = `${bold(isSound ? 'sound' : String(outcome).replaceAll('-', ' '))}${code}${result === '' ? '' : `: ${result}`}`;
  return [
    `${wrap(`${mark(event)} ${runOf(event)}${ending} ${spent}`, columns, 2)}${trouble(event, columns)}`,
    ...(typeof event.note === 'string' && event.error === undefined ? [wrap(`  ${event.note}`, columns)] : []),
    ...(undo === undefined ? [] : [command('to undo', undo, columns)]),
    ...(typeof resume === 'string' ? [command('to continue', resume, columns)] : []),
    '',
  ].join('\n');
}

function costOf({ durationMs, requests, quotaUnits }: LogEvent): string {
  const cost = [counted(Number(requests), 'request'), counted(Number(quotaUnits), 'quota unit')];
  return dim(`(${[formatDuration(Number(durationMs)), ...cost].join(', ')})`);
}

const ENDS = {
  done: 'done',
  nothingToDo: 'with nothing to do',
  partial: 'partial',
  failed: 'failed',
  remaining: 'remaining',
  elsewhere: 'done earlier in this period or by other processes',
};

function finishFleet(event: LogEvent, columns: number): string {
  const { outcome, exitCode, mailboxes: ends } = event;
  const code = exitCode === 0 ? '' : `, exit code ${exitCode}`;
  const { all = 0, ...counts } = ends as Readonly<Record<string, number>>;
  const described = countsOf(counts, ENDS).join(', ');
  const messages = countsOf(event, event.dryRun === true ? DRY_WORDS : WORDS).join(', ');
  const first = `${mark(event)} ${bold(`fleet ${String(outcome).replaceAll('-', ' ')}`)}${code}: ${mailboxes(all)}${described === '' ? '' : `, ${described}`} ${costOf(event)}`;
  const second = messages === '' ? '' : `\n${wrap(`  messages: ${messages}`, columns, 2)}`;
  return `${wrap(first, columns, 2)}${second}${trouble(event, columns)}\n`;
}

function mailboxes(count: unknown): string {
  return counted(Number(count), 'mailbox', 'mailboxes');
}

/** The counts of the messages; `nothing was changed` when a run ended before its first change. */
function describeResult(event: LogEvent, words: Readonly<Record<string, string>>): string {
  const counts = countsOf(event, words);
  if (counts.length > 0) return counts.join(', ');
  return event.outcome === 'ok' || event.outcome === 'nothing-to-do' ? '' : 'nothing was changed';
}

function command(what: string, text: string, columns: number): string {
  return bold(wrapCommand(`  ${what}: ${text}`, columns, 2));
}

/** The counts of a window's messages; for a job that only reads, their number. */
function windowCounts(event: LogEvent): string {
  const { remaining, ...words } = WORDS;
  const counts = countsOf(event, words);
  if (counts.length > 0) return counts.join(', ');
  return Number(event.messages) > 0 ? counted(Number(event.messages), 'message') : 'nothing to do';
}

function windowsLeft({ windowsLeft }: LogEvent): string {
  if (windowsLeft === 0) return ' (the last one)';
  return ` (${counted(Number(windowsLeft), 'window')} left)`;
}

function part({ part, parts }: LogEvent): string {
  return Number(parts) > 1 ? `, part ${number(part)} of ${number(parts)}` : '';
}

const WORDS = { changed: 'changed', skipped: 'left alone', failed: 'failed', remaining: 'remaining' };

const DRY_WORDS = { remaining: 'would change', skipped: 'left alone', failed: 'failed' };

/** The word for what a job did, where a message is not changed in its place. */
const DONE: ReadonlyMap<unknown, string> = new Map([
  ['undo', 'restored'],
  ['restore', 'restored'],
  ['export', 'written'],
]);

function wordsFor({ job, dryRun }: LogEvent): Readonly<Record<string, string>> {
  const done = DONE.get(job);
  if (done === undefined) return dryRun === true ? DRY_WORDS : WORDS;
  return dryRun === true ? { ...DRY_WORDS, remaining: `would be ${done}` } : { ...WORDS, changed: done };
}

function countsOf(event: LogEvent, words: Readonly<Record<string, string>>): string[] {
  return Object.entries(words).flatMap(([name, word]) =>
    Number(event[name]) > 0 ? [`${number(event[name])} ${word}`] : [],
  );
}

function trouble({ error, remedy }: LogEvent, columns: number): string {
  return [error, remedy]
    .flatMap((text) => (typeof text === 'string' ? splitProblems(text) : []))
    .map((text) => `\n${wrap(`  ${text}`, columns)}`)
    .join('');
}

function fields(event: LogEvent): string {
  const shown = Object.entries(event).filter(([name]) => !SHOWN_ELSEWHERE.has(name));
  return shown.map(([name, value]) => `${dim(`${name}=`)}${String(value)}`).join(' ');
}

function number(value: unknown): string {
  return formatCount(Number(value));
}

function bold(text: string): string {
  return styleText('bold', text);
}

function dim(text: string): string {
  return styleText('dim', text);
}
