/** Stars messages that ask for an answer. */
import { defineJob, Scope } from '../../../lib/job.ts';

const ASKS = /\b(could|can|would) you\b|\bplease (answer|reply|let me know)\b/i;

export default defineJob({
  summary: 'Star messages that ask for an answer',
  scopes: [Scope.modify],
  options: {},
  backfill: true,

  async run({ mailbox }) {
    await mailbox.messages('in:inbox newer_than:30d', {
      // Each message that was read gets this label, and is not read again. Give each job a label of its own.
      done: 'Jobs/Read',
      async each({ id, text }) {
        if (!ASKS.test(text)) return;
        await mailbox.change([{ name: 'asks', ids: [id], add: ['STARRED'], remove: [] }]);
      },
    });
  },
});
