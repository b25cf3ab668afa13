/** Tells a host about each new invoice. */
import { defineJob, Scope, textOption } from '../../../lib/job.ts';

const ADDRESS = 'https://api.example.com/invoices';

export default defineJob({
  summary: 'Tell a host about each new invoice',
  scopes: [Scope.modify],
  options: { to: textOption('<url>', `where to post (default ${ADDRESS})`) },
  hosts: ({ options: { to = ADDRESS } }) => [URL.parse(to)?.host ?? to],
  secrets: ['WEBHOOK_TOKEN'],

  async run({ mailbox, options: { to = ADDRESS }, secrets, postJson }) {
    const headers = { authorization: `Bearer ${secrets.WEBHOOK_TOKEN}` };
    await mailbox.messages('subject:invoice newer_than:30d', {
      // Marks what was posted. Choose another label for another job.
      done: 'Jobs/Posted',
      async each({ id, subject, from }) {
        // After a kill the message comes again: the key lets the host make one delivery of both posts.
        await postJson(to, { id, subject, from: from.address }, { idempotencyKey: id, headers });
      },
    });
  },
});
