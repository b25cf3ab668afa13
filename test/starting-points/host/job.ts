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
      // Each message that was posted gets this label, and is not posted again. Give each job a label of its own.
      done: 'Jobs/Posted',
      async each({ id, subject, from }) {
        // After a kill the next run posts the message again. The key tells the host that both posts are the same.
        await postJson(to, { id, subject, from: from.address }, { idempotencyKey: id, headers });
      },
    });
  },
});
