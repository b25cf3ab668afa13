/** Copies the mailbox to S3 or to a folder, and from then on what is new or changed. */
import { momentOption } from '../base/moment.ts';
import { exportMailbox } from '../export/export.ts';
import type { ExportForecast } from '../export/forecast.ts';
import { renderExportForecast } from '../export/forecast-screen.ts';
import { defineJob, Scope, searchOption, switchOption, timeZoneOption } from '../job.ts';
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
  },
  files: { option: '--into', place: ({ into }) => into },

  prepare({ options }) {
    const isPart = options.from !== undefined || options.to !== undefined;
    return { range: isPart ? readRange(options, new Date()) : undefined };
  },

  async run({ options, prepared, mailbox, store, tally, log, runId, budgetMs, signal, giveUp, show }) {
    if (store === undefined) throw new Error('the run opened no place for files');
    const { query, spamTrash } = options;
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
