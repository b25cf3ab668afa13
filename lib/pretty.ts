/** Log events as readable lines, for a person at a terminal. */

import { styleText } from 'node:util';
import { counted, formatCount } from './count.ts';
import { formatDuration } from './duration.ts';

export type LogEvent = Readonly<Record<string, unknown>>;

/** Events that get a sentence of their own; the others are shown with their fields. */
const SENTENCES: Readonly<Record<string, (event: LogEvent) => string>> = {
  'run.started': (e) => `${bold(String(e.job))}${e.dryRun === true ? ' · dry run, nothing will be changed' : ''}`,
  'secret.fetched': (e) => dim(`secret fetched (${e.stage})`),
  'token.issued': (e) => dim(`access token issued, good for ${formatDuration(Number(e.lifetimeS) * 1_000)}`),
  'label.created': (e) => `label ${bold(String(e.label))} created`,
  'rules.warning': (e) => `${bold(String(e.rule))}: ${e.warning}`,
  'rule.planned': (e) => `${bold(String(e.rule))}: ${plan(e)}`,
  'rule.applied': (e) => `${bold(String(e.rule))}: ${counts(e, ['changed', 'failed', 'remaining'])}`,
  'undo.planned': (e) => `${bold(String(e.rule))}: ${number(e.toRestore)} to restore (${restoring(e)})`,
  'undo.found': (e) =>
    `${number(e.messages)} changed by the run, ${number(e.toRestore)} to restore, ${number(e.skipped)} changed since`,
  'undo.declined': () => 'nothing is changed',
  'undo.label_gone': (e) => `the label ${bold(String(e.label))} exists no more, and is left out`,
  'undo.parts_missing': (e) =>
    `${number(e.parts)} of the run's journals are not there: it was killed before them, or they were deleted`,
  'quota.wait': (e) => dim(`waiting ${formatDuration(Number(e.waitMs))} for Gmail's quota`),
  'gmail.retry': (e) => dim(`${e.reason}: again in ${formatDuration(Number(e.delayMs))}`),
  'window.finished': (e) => `${bold(String(e.window))}: ${windowCounts(e)}${dim(windowsLeft(e))}`,
  'journal.written': (e) => dim(`journal written: ${number(e.messages)} messages${part(e)}`),
  'journal.closed': (e) => dim(`journal revised: ${number(e.messages)} messages were changed`),
  'run.bug': (e) => String(e.stack),
  'run.finished': finish,
};

/** Events that a person gets to see in another way: the forecast is a table. */
const NO_LINE = new Set(['backfill.forecast']);

const SHOWN_ELSEWHERE = new Set(['level', 'time', 'event', 'error', 'remedy']);

/** The event as one or more lines, ending with a newline; or nothing at all. */
export function prettyLine(event: LogEvent): string {
  const name = String(event.event);
  if (NO_LINE.has(name)) return '';
  const sentence = SENTENCES[name]?.(event) ?? `${name} ${fields(event)}`;
  return `${mark(event)} ${sentence}${name === 'run.finished' ? '' : trouble(event)}\n`;
}

function mark({ level, event, exitCode }: LogEvent): string {
  if (event === 'run.finished') return exitCode === 0 ? styleText('green', '✔') : styleText('red', '✖');
  if (level === 'error') return styleText('red', '✖');
  return level === 'warn' ? styleText('yellow', '!') : dim('·');
}

function plan({ matched, skipped, toChange }: LogEvent): string {
  if (matched === 0) return 'nothing to do';
  const spared = skipped === 0 ? '' : `, ${number(skipped)} of them left alone`;
  return `${number(matched)} found${spared}, ${number(toChange)} to change`;
}

/** `+INBOX −TRASH` */
function restoring({ add, remove }: LogEvent): string {
  const signed = (names: unknown, sign: string) => (Array.isArray(names) ? names.map((name) => `${sign}${name}`) : []);
  return [...signed(add, '+'), ...signed(remove, '−')].join(' ');
}

function finish(event: LogEvent): string {
  const { outcome, exitCode, durationMs, requests, quotaUnits, resume } = event;
  const spent = `${formatDuration(Number(durationMs))}, ${number(requests)} requests, ${number(quotaUnits)} quota units`;
  const code = exitCode === 0 ? '' : `, exit code ${exitCode}`;
  const total = counts(event, ['matched', 'changed', 'skipped', 'failed', 'remaining']);
  const again = typeof resume === 'string' ? `\n  to go on: ${bold(resume)}` : '';
  return `${bold(String(outcome).replaceAll('-', ' '))}${code}: ${total} ${dim(`(${spent})`)}${trouble(event)}${again}`;
}

/** What became of a window's messages; of a job that changes none, how many there were. */
function windowCounts(event: LogEvent): string {
  const names = ['changed', 'skipped', 'failed'];
  if (names.some((name) => Number(event[name]) > 0)) return counts(event, names);
  return Number(event.messages) > 0 ? `${number(event.messages)} messages` : 'nothing to do';
}

function windowsLeft({ windowsLeft }: LogEvent): string {
  if (windowsLeft === 0) return ' (the last one)';
  return ` (${counted(Number(windowsLeft), 'window')} left)`;
}

function part({ part, parts }: LogEvent): string {
  return Number(parts) > 1 ? `, part ${number(part)} of ${number(parts)}` : '';
}

/** The counts that are not zero. */
function counts(event: LogEvent, names: readonly string[]): string {
  const shown = names.filter((name) => Number(event[name]) > 0).map((name) => `${number(event[name])} ${name}`);
  return shown.length === 0 ? 'nothing matched' : shown.join(', ');
}

function trouble({ error, remedy }: LogEvent): string {
  return [error, remedy].flatMap((text) => (typeof text === 'string' ? [`\n  ${text}`] : [])).join('');
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
