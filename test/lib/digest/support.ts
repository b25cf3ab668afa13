/** For the digest's tests: opens a mailbox with the job's own scopes, and makes messages. */

import type { Tally } from '../../../lib/base/tally.ts';
import type { Mailbox } from '../../../lib/gmail/mailbox.ts';
import type { Log } from '../../../lib/screen/log.ts';
import digest from '../../../lib/standard/digest.ts';
import { openMailbox } from '../../in-process.ts';
import type { Sandbox } from '../../sandbox/index.ts';
import type { StoredMessage } from '../../sandbox/mailbox.ts';
import { messageIdAt } from '../../sandbox/message.ts';

export const EMAIL = 'alice@example.com';

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, last() {} };

/** A mailbox on the sandbox, and its tally. `kill` rejects every request of the run from then on. */
export function openForDigest(sandbox: Sandbox): { mailbox: Mailbox; tally: Tally; kill: () => void } {
  const { mailbox, tally, stop, giveUp } = openMailbox(sandbox, { scopes: digest.scopes });
  const kill = () => {
    stop.abort(new Error('killed'));
    giveUp.abort(new Error('killed'));
  };
  return { mailbox, tally, kill };
}

let sequence = 0;

/** A message of the made-up mailbox; labels by their ids. */
export function message(
  at: string,
  more: Partial<Omit<StoredMessage, 'labelIds'>> & { labels?: string[] } = {},
): StoredMessage {
  const internalDateMs = Date.parse(at);
  sequence += 1;
  const id = messageIdAt(internalDateMs, sequence);
  const { labels = ['INBOX', 'CATEGORY_PERSONAL'], ...rest } = more;
  return {
    id,
    threadId: id,
    internalDateMs,
    labelIds: new Set(labels),
    from: 'Tom Okafor <tom@okafor.example>',
    to: EMAIL,
    cc: '',
    bcc: '',
    subject: 'Lunch?',
    messageId: `<m${sequence}@okafor.example>`,
    listId: '',
    body: 'Hello.',
    attachments: [],
    sizeBytes: 2_000,
    ...rest,
  };
}
