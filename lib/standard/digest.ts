/**
 * Puts a mail about yesterday's or last week's mail into the inbox. Inserts the mail instead of sending it, so that the
 * job's token can neither send nor change mail; and inserts one for each period, however often the job runs.
 */
import { composeMail } from '../digest/compose.ts';
import { gatherContents } from '../digest/contents.ts';
import { deliverOnce, identifyDigest, isDelivered } from '../digest/delivery.ts';
import { lastPeriod } from '../digest/period.ts';
import { DIGEST_LABEL } from '../gmail/own-labels.ts';
import { choiceOption, defineJob, Scope, timeZoneOption } from '../job.ts';

export default defineJob({
  summary: "Put a digest of yesterday's or last week's mail into the inbox",
  description:
    'Has counts by category and state, the top senders, unread and largest messages, and the conversations that have ' +
    'waited longest for an answer. Sends nothing. There is one digest for each day or week of a time zone: run the job ' +
    'as often as you like, with the same --time-zone.',
  scopes: [Scope.readonly, Scope.insert, Scope.labels],
  options: {
    period: choiceOption(['day', 'week'], 'the last full day, or the last week from Monday to Sunday'),
    timeZone: timeZoneOption(),
  },

  async run({ options, mailbox, tally, log, wait }) {
    const now = new Date();
    const period = lastPeriod(options.period, options.timeZone, now);
    const address = await mailbox.address();
    tally.matched(1);
    if (mailbox.live) {
      const mark = await mailbox.hiddenLabel(DIGEST_LABEL);
      const identity = identifyDigest(address, period, mark);
      const gather = () => gatherContents(mailbox, { address, period, mark, now });
      const compose = async () => composeMail(await gather(), identity.messageId);
      await deliverOnce({ mailbox, identity, compose, wait, tally, log });
    } else {
      const mark = (await mailbox.labels()).find(DIGEST_LABEL);
      const there = mark !== undefined && (await isDelivered(mailbox, identifyDigest(address, period, mark)));
      if (there) tally.skipped(1);
      log.info(there ? 'digest.there' : 'digest.planned', { period: period.id, title: period.title });
    }
  },
});
