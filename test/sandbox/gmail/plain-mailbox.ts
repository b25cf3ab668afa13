// A sandbox around plain, regular messages, for the tests of the Gmail stand-in.
import { startSandbox } from '../index.ts';
import { SandboxMailbox, type StoredMessage } from '../mailbox.ts';
import { gmailOf } from '../real-clients.ts';

/** Starts a sandbox with `count` plain messages in the inbox; every second one is unread, and two share a thread. */
export async function startWith(count: number) {
  const messages = Array.from({ length: count }, (_, index): StoredMessage => {
    const id = (0x18c0_0000_0000_0000n + BigInt(index)).toString(16);
    return {
      id,
      threadId: (0x18c0_0000_0000_0000n + BigInt(index - (index % 2))).toString(16),
      internalDateMs: Date.UTC(2026, 0, 1) + index * 60_000,
      labelIds: new Set(index % 2 === 0 ? ['INBOX', 'UNREAD'] : ['INBOX']),
      from: 'Jörg Weiß <joerg@example.org>',
      to: 'alice@example.com',
      cc: '',
      bcc: '',
      subject: `Grüße ${index}`,
      messageId: `<m${index}@example.org>`,
      listId: '',
      body: `Hello <b>& welcome</b>,\n\n${'long text '.repeat(40)}`,
      attachments: index === 0 ? [{ filename: 'plan.pdf', mimeType: 'application/pdf', sizeBytes: 5_000_000 }] : [],
      sizeBytes: 2_000,
    };
  });
  const mailbox = new SandboxMailbox({ email: 'alice@example.com', messages, labels: ['keep'] });
  const sandbox = await startSandbox({ mailbox });
  const { users } = await gmailOf(sandbox);
  return { sandbox, mailbox, users, ids: messages.map(({ id }) => id), [Symbol.asyncDispose]: sandbox.close };
}
