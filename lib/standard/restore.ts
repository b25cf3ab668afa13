/** Puts messages of a copy that `job export` made back into a mailbox, without those that the mailbox has. */
import { DateTime } from 'luxon';
import { dateAt, firstSecondOf } from '../base/calendar.ts';
import { readRange } from '../base/date-range.ts';
import { isMailAddress } from '../base/mail-address.ts';
import { type Moment, momentOption } from '../base/moment.ts';
import { UsageError } from '../errors.ts';
import { idsOption, labelsOption, sendersOption } from '../export/selection.ts';
import { defineJob, Scope, timeZoneOption, yesOption } from '../job.ts';
import { switchOption, valueOption } from '../options.ts';
import { restore } from '../restore/restore.ts';
import { placeOption } from '../store/place.ts';

export default defineJob({
  summary: 'Restore mail: put messages of a copy back into the mailbox, except those that it still has',
  description:
    'Imports messages as they were by the latest state of the copy, with their labels, dates and read state. Drafts and ' +
    'chats are left out. Asks before it changes anything, and may be repeated.',
  scopes: [Scope.readonly, Scope.insert, Scope.labels],
  options: {
    copy: placeOption('the place of the copy'),
    from: momentOption('messages from this date on (2015-01-01), or at most this old (3y, 18m, 90d)'),
    to: momentOption('messages before this date, or older than this age'),
    timeZone: timeZoneOption(),
    label: labelsOption,
    sender: sendersOption,
    id: idsOption,
    deleted: switchOption('messages that were deleted from the mailbox, too, as long as the copy has them'),
    asOf: momentOption('the mailbox as it was at the end of this day (default: the latest state of the copy)'),
    intoMailbox: valueOption('<address>', 'the mailbox that gets the copy of another mailbox', (text) => {
      if (isMailAddress(text)) return text;
      throw new UsageError(`"${text}" is no mail address`, 'Write it like alice@example.com.');
    }),
    yes: yesOption,
  },
  files: { option: '--copy', place: ({ copy }) => copy },

  prepare({ options, interactive, dryRun }) {
    if (!options.yes && !interactive && !dryRun) {
      throw new UsageError(
        'there is nobody to ask whether the messages should be restored',
        'Add --yes to restore them without being asked, or --dry-run to see what would be done.',
      );
    }
    const now = new Date();
    const { from, to } = readRange(options, now);
    return {
      fromS: from?.beginS ?? null,
      toS: to?.beginS ?? null,
      until: endOfDay(options.asOf, options.timeZone, now),
    };
  },

  async run({ options, prepared, store, budgetMs, confirm, ...context }) {
    if (store === undefined) throw new Error('the run opened no place for files');
    const { fromS, toS, until } = prepared;
    const { label: labels, id: ids, sender: senders, intoMailbox, deleted: withDeleted } = options;
    const asks = !options.yes && context.mailbox.live;
    await restore(
      { conditions: { fromS, toS, labels, ids }, senders, withDeleted, until, intoMailbox },
      { ...context, store, budgetMs, confirm: asks ? confirm : undefined },
    );
  },
});

/** The first moment after the day; undefined without one. @throws UsageError for a day in the future. */
function endOfDay(day: Moment | undefined, timeZone: string, now: Date): Date | undefined {
  if (day === undefined) return undefined;
  const today = dateAt(now.getTime() / 1_000, timeZone);
  if (day.kind === 'date' && DateTime.utc(day.year, day.month, day.day) > today) {
    throw new UsageError('--as-of is a day in the future', `Write a day up to today, ${today.toISODate()}.`);
  }
  const { from } = readRange({ from: day, to: undefined, timeZone }, now);
  const date = from?.date ?? DateTime.utc(1970, 1, 1);
  return new Date(firstSecondOf(date.plus({ days: 1 }), timeZone) * 1_000);
}
