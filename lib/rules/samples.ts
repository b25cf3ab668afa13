/** Shows a person at a terminal some of the messages that rules would change. Samples are never logged. */
import { styleText } from 'node:util';
import { counted, formatCount } from '../base/count.ts';
import { IdSet } from '../gmail/ids.ts';
import { parseSender, subjectLine } from '../gmail/mail-text.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { unitsOf } from '../gmail/units.ts';
import type { Log } from '../screen/log.ts';
import { cut, widthOf } from '../screen/wrap.ts';
import type { RulesPlan } from './plan.ts';

const LONGEST_SENDER = 24;

export interface Sample {
  readonly receivedAt: Date;
  readonly from: string;
  readonly subject: string;
}

export interface RuleSamples {
  readonly rule: string;
  /** The number of messages that the rule would change. */
  readonly toChange: number;
  readonly samples: readonly Sample[];
}

/** Reads up to `perRule` of the messages that each rule would change, and up to `inAll` messages of all rules. */
export async function readSamples(
  plan: RulesPlan,
  { perRule, inAll }: { readonly perRule: number; readonly inAll: number },
  { mailbox, log }: { readonly mailbox: Pick<Mailbox, 'read'>; readonly log: Pick<Log, 'info'> },
): Promise<RuleSamples[]> {
  const changes = plan.sets.map(({ name }, index) => ({
    rule: name,
    ids: IdSet.union(plan.windows.map((window) => window.changes[index]?.ids ?? IdSet.empty)),
  }));
  const changing = changes.filter(({ ids }) => ids.size > 0).slice(0, inAll);
  const each = Math.min(perRule, Math.floor(inAll / Math.max(1, changing.length)));
  const chosen = changing.map(({ rule, ids }) => ({ rule, toChange: ids.size, ids: spread(ids, each) }));
  const messages = chosen.reduce((sum, { ids }) => sum + ids.length, 0);
  if (messages > 0) log.info('rules.samples', { messages, unitsEach: unitsOf('messages.get', '2026') });
  return await Promise.all(
    chosen.map(async ({ ids, ...rest }) => {
      const read = await mailbox.read(ids, ['From', 'Subject']);
      const samples = read.map(({ receivedAt, header }) => ({
        receivedAt,
        from: header('From'),
        subject: header('Subject'),
      }));
      return { ...rest, samples };
    }),
  );
}

/** `count` ids at equal distances, newest first. */
function spread(ids: IdSet, count: number): string[] {
  const most = Math.min(count, ids.size);
  const step = most < 2 ? 0 : (ids.size - 1) / (most - 1);
  return Array.from({ length: most }, (_, index) => ids.at(ids.size - 1 - Math.round(index * step)));
}

/** The samples in lines of fewer than `columns` characters, without control characters that a sender wrote. */
export function renderSamples(rules: readonly RuleSamples[], columns: number): string {
  const shown = rules.flatMap(({ samples }) => samples.map(({ from }) => senderOf(from)));
  const senderWidth = Math.max(0, ...shown.map(widthOf));
  return rules
    .flatMap(({ rule, toChange, samples }) => [
      '',
      `  ${styleText('bold', rule)}: ${formatCount(samples.length)} of ${counted(toChange, 'message')}`,
      ...samples.map(({ receivedAt, from, subject }) => {
        const sender = senderOf(from);
        const start = `    ${receivedAt.toISOString().slice(0, 10)}  ${sender}${' '.repeat(senderWidth - widthOf(sender))}  `;
        return `${start}${cut(subjectLine(subject), Math.max(1, columns - 1 - widthOf(start)))}`;
      }),
    ])
    .slice(1)
    .join('\n');
}

function senderOf(from: string): string {
  return cut(parseSender(from).name, LONGEST_SENDER);
}
