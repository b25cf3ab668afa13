/** Formats the progress line, with only those parts that fit into the terminal's width. */
import { styleText } from 'node:util';
import { formatCount } from '../base/count.ts';
import { formatDuration, roundUpDuration } from '../base/duration.ts';

export interface WorkState {
  readonly done: number;
  readonly total: number;
  /** The window being worked on, such as `2019`; null without windows. */
  readonly window: string | null;
  /** Messages per second in the last minute. */
  readonly perSecond: number;
  /** Quota units spent in the last minute; null when unknown. */
  readonly unitsPerMinute: number | null;
  readonly pause: Pause | null;
  /** Null while unknown. */
  readonly leftMs: number | null;
}

export interface Pause {
  readonly ms: number;
  readonly why: 'window' | 'refused';
}

const SHORTEST_BAR = 10;
const LONGEST_BAR = 40;

/** Returns fewer than `columns` characters, since some terminals wrap a line that fills the last column. */
export function workLine(state: WorkState, columns: number): string {
  const { done, total } = state;
  const share = total === 0 ? 1 : Math.min(1, done / total);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  const window = state.window ?? '';
  const left = timeLeft(state.leftMs).padEnd('1h 05m left'.length);
  const full = doneOf(done, total, formatCount);
  const short = total < 100_000 ? full : doneOf(done, total, formatShort);
  const variants = [
    [window, full, activity(state, 'long'), left],
    [window, short, activity(state, 'middle'), left],
    [window, activity(state, 'middle'), left],
    [window, activity(state, 'short'), left],
    [activity(state, 'short'), left],
    [left],
  ].map((fields) => [percent, ...fields.filter((field) => field !== '')]);
  const room = (fields: readonly string[]) => columns - 1 - fields.reduce((sum, field) => sum + field.length + 2, 2);
  const fields = variants.find((variant) => room(variant) >= SHORTEST_BAR);
  if (fields === undefined) return `  ${percent.trim()}  ${left}`.slice(0, Math.max(0, columns - 1)).trimEnd();
  const shown = fields.map((field) => (state.pause !== null && field.startsWith('paused') ? dim(field) : field));
  return `  ${[bar(share, Math.min(LONGEST_BAR, room(fields))), ...shown].join('  ').trimEnd()}`;
}

/** The line during the search, while the number of messages is unknown. */
export function lookingLine(
  { found, window, pause }: { readonly found: number; readonly window: string | null; readonly pause: Pause | null },
  columns: number,
): string {
  const looking = `  looking${window === null ? '' : ` in ${window}`}: ${formatCount(found)} messages found`;
  const paused = pause === null ? '' : `, ${pauseText(pause, 'long')}`;
  const room = columns - 1 - looking.length;
  return room >= paused.length ? `${looking}${dim(paused)}` : looking.slice(0, Math.max(0, columns - 1));
}

/** The line of a pause before any message is found. */
export function pauseLine(pause: Pause, columns: number): string {
  return dim(`  ${pauseText(pause, 'long')}`.slice(0, Math.max(0, columns - 1)));
}

function bar(share: number, width: number): string {
  const filled = Math.floor(share * width);
  return '█'.repeat(filled) + dim('░'.repeat(width - filled));
}

/** Has a fixed width, so that the next part of the line does not move. */
function doneOf(done: number, total: number, format: (count: number) => string): string {
  const of = format(total);
  return `${format(done).padStart(of.length)} of ${of}`;
}

/** `1.26M`, `123.45K`, `999`. */
function formatShort(count: number): string {
  if (count < 1_000) return String(count);
  return count < 1_000_000 ? `${(count / 1_000).toFixed(2)}K` : `${(count / 1_000_000).toFixed(2)}M`;
}

type Length = 'long' | 'middle' | 'short';

const ACTIVITY_WIDTH: Readonly<Record<Length, number>> = { long: 28, middle: 25, short: 10 };

/** The rate, or the pause; both have the same width. */
function activity({ perSecond, unitsPerMinute, pause }: WorkState, longest: Length): string {
  const length = unitsPerMinute === null && longest === 'long' ? 'middle' : longest;
  const rate = `${rounded(perSecond)}/s`;
  const units = length === 'short' || unitsPerMinute === null ? '' : `  ${formatCount(unitsPerMinute)} units/min`;
  const width = unitsPerMinute === null && length === 'middle' ? 20 : ACTIVITY_WIDTH[length];
  return (pause === null ? `${rate}${units}` : pauseText(pause, length)).padEnd(width);
}

function pauseText({ ms, why }: Pause, length: Length): string {
  const seconds = Math.max(1, Math.ceil(ms / 1_000));
  const paused = `paused ${seconds < 100 ? `${seconds}s` : formatDuration(ms)}`;
  if (length === 'short') return paused;
  if (why === 'refused') return `${paused}, refused${length === 'long' ? ' by Gmail' : ''}`;
  return `${paused} for ${length === 'long' ? "Gmail's " : ''}quota`;
}

/** Leaves out digits that change too fast to be read. */
function rounded(perSecond: number): string {
  if (perSecond < 9.95 && perSecond > 0) return perSecond.toFixed(1);
  return formatCount(perSecond < 1_000 ? Math.round(perSecond) : Math.round(perSecond / 10) * 10);
}

/** Seconds are rounded up to 5. */
function timeLeft(ms: number | null): string {
  if (ms === null) return '';
  const seconds = Math.max(5, Math.ceil(ms / 5_000) * 5);
  return `${formatDuration(roundUpDuration(seconds * 1_000))} left`;
}

function dim(text: string): string {
  return text === '' ? '' : styleText('dim', text);
}
