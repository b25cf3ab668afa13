/** Copies the mailbox to S3 or to a folder, and from then on what is new or changed. */
import type { RangeValues } from '../base/date-range.ts';
import { momentOption } from '../base/moment.ts';
import { UsageError } from '../errors.ts';
import { convertCopy, formOption, parseTargetFolder } from '../export/convert.ts';
import { exportMailbox } from '../export/export.ts';
import type { ExportForecast } from '../export/forecast.ts';
import { renderExportForecast } from '../export/forecast-screen.ts';
import { verifyCopy } from '../export/verify.ts';
import { defineJob, Scope, searchOption, switchOption, timeZoneOption } from '../job.ts';
import { flagOf } from '../options.ts';
import { placeOption } from '../store/place.ts';

export default defineJob({
  summary: 'Export the mailbox to S3 or to a folder: every message, then what is new or changed',
  description:
    'Copies each message once, as Gmail gives its source, and keeps its labels in an index. The first export of a large ' +
    'mailbox takes several runs; each run goes on where the last one stopped. Changes nothing in the mailbox.',
  scopes: [Scope.readonly],
  options: {
    into: placeOption('where to export to'),
    query: searchOption('<search>', 'copy only what this search finds'),
    from: momentOption('copy only mail from this date on (2015-01-01), or at most this old (3y, 18m, 90d)'),
    to: momentOption('copy only mail before this date, or older than this age'),
    timeZone: timeZoneOption(),
    spamTrash: switchOption('copy Spam and Trash, too, in this run and in all later ones'),
    verify: switchOption('read the whole copy back, and compare it with its index and with the mailbox'),
    quick: switchOption('with --verify: check only the names and sizes of files'),
    as: formOption,
  },
  argument: {
    name: 'folder',
    summary: 'with --as: where the mbox, or the Maildir, is written',
    onlyWith: 'as',
    remedy:
      'To copy the mailbox to a place, write --into <place>. With --as, name a folder on this machine, such as /home/alice/mail.',
    parse: parseTargetFolder,
  },
  files: {
    option: '--into',
    place: ({ into }) => into,
    onlyVerifies: ({ verify }) => verify,
    withoutMailbox: {
      isMeant: ({ as }) => as !== undefined,
      run: async ({ options, argument: folder, ...context }) => {
        const { as } = options;
        const includes = await createDateFilter(options, context.startedAt);
        if (as !== undefined) await convertCopy({ as, folder, includes }, context);
      },
    },
  },

  async prepare({ options }) {
    requireFitting(options);
    if (options.from === undefined && options.to === undefined) return { range: undefined };
    const { readRange } = await import('../base/date-range.ts');
    return { range: readRange(options, new Date()) };
  },

  async run({ options, prepared, mailbox, store, tally, log, runId, budgetMs, signal, giveUp, show }) {
    if (store === undefined) throw new Error('the run opened no place for files');
    const { query, spamTrash, verify, quick } = options;
    if (verify) {
      await verifyCopy({ store, mailbox, quick, tally, log, signal });
      return;
    }
    const announce = (forecast: ExportForecast) => {
      if (forecast.bytes === undefined) return;
      show((columns) => renderExportForecast(forecast, store.name, columns));
    };
    await exportMailbox(
      { mailbox, store, tally, log, runId, budgetMs, signal, giveUp, announce },
      { query, range: prepared.range, spamTrash },
    );
  },
});

/** Whether a message is of the dates in --from and --to; undefined without dates. */
async function createDateFilter(options: RangeValues, now: Date) {
  if (options.from === undefined && options.to === undefined) return undefined;
  const { readRange } = await import('../base/date-range.ts');
  const { from, to } = readRange(options, now);
  const firstMs = (from?.beginS ?? 0) * 1_000;
  const endMs = (to?.beginS ?? Number.POSITIVE_INFINITY) * 1_000;
  return ({ date }: { readonly date: Date }) => date.getTime() >= firstMs && date.getTime() < endMs;
}

/** Options for work on an existing copy → the options that may be given with them. */
const ALLOWED_WITH: Readonly<Record<string, readonly string[]>> = {
  as: ['into', 'from', 'to'],
  verify: ['into', 'quick'],
};

/** @throws UsageError for options that do not belong together. */
function requireFitting(options: Readonly<Record<string, unknown>>): void {
  const given = Object.keys(options).filter((key) => options[key] !== undefined && options[key] !== false);
  if (given.includes('quick') && !given.includes('verify')) {
    throw new UsageError('--quick belongs to --verify', 'Add --verify, or leave out --quick.');
  }
  for (const [option, allowed] of Object.entries(ALLOWED_WITH)) {
    if (!given.includes(option)) continue;
    const other = given.find((key) => ![option, 'timeZone', ...allowed].includes(key));
    if (other === undefined) continue;
    throw new UsageError(
      `${flagOf(option)} reads a copy that exists, and ${flagOf(other)} is for an export`,
      `Leave out ${flagOf(option)} or ${flagOf(other)}.`,
    );
  }
}
