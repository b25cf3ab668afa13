/** Archives newsletters after some days, and puts a label on them. */
import { countOption, defineJob, Scope } from '../../../lib/job.ts';

export default defineJob({
  summary: 'Archive newsletters after some days, under a label',
  scopes: [Scope.modify],
  options: { days: countOption('<n>', 'how many days (default 30)', 1) },
  backfill: true,

  async run({ mailbox, options }) {
    // Finds what still has to be changed, so a second run finds nothing.
    const found = await mailbox.search(`in:inbox category:promotions older_than:${options.days ?? 30}d`);
    const ids = found.map(({ id }) => id);
    await mailbox.change([{ name: 'newsletters', ids, add: ['Auto/Newsletters'], remove: ['INBOX'] }]);
  },
});
