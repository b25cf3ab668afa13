/**
 * Puts a digest into the mailbox exactly once, however many runs try, at once or again, killed at any point.
 *
 * - Every digest carries a hidden label, the mark, from the insert on. Only the mailbox's owner can label a message, so a
 *   digest is what has the mark and the Message-ID of its period. Found means done.
 * - Gmail makes only one label of a name: the run that made the hidden label of the period, its claim, may insert.
 * - A claim is good for a few seconds. One that was seen for half a minute without its mail was left behind by a run
 *   that died: it is deleted, by its id, so that nobody can delete a newer claim of the same name by mistake.
 */
import { createHash } from 'node:crypto';
import { counted } from '../base/count.ts';
import type { Tally } from '../base/tally.ts';
import { RefusedError, UnavailableError } from '../errors.ts';
import { type Label, type LabelDirectory, labelSearch } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { DIGEST_LABEL } from '../gmail/own-labels.ts';
import type { Log } from '../screen/log.ts';
import { PERIOD_ID, type Period } from './period.ts';

/** Others take a claim over after half a minute: no insert is sent later than this after the claim was asked for. */
const CLAIM_MS = 10_000;

/** A message may be there some seconds before searches find it. Together half a minute. */
const POLL_MS = 3_000;
const POLLS = 10;

/** Inserts whose answer was lost, and claims that were not ours or grew too old. */
const MOST_INSERTS = 3;
const MOST_ROUNDS = 8;

/** By what a digest is recognized. */
export interface DigestIdentity {
  /** The label of all digests. */
  readonly mark: Label;
  /** Without angle brackets, as searches want it. */
  readonly messageId: string;
  readonly claimName: string;
  /** What comes before the period's id in the names of all claims of this kind of digest. */
  readonly claimPrefix: string;
  readonly periodId: string;
  /** The period for people: `Thursday, 26 November`. */
  readonly title: string;
}

export interface Delivery {
  readonly mailbox: Pick<Mailbox, 'search' | 'labels' | 'knownLabels' | 'createLabel' | 'deleteLabel' | 'insert'>;
  readonly identity: DigestIdentity;
  /** Makes the mail; called at most once, and only when it is needed. */
  readonly compose: () => Promise<Buffer>;
  readonly wait: (ms: number) => Promise<void>;
  /** Told what became of the digest, which is one item. */
  readonly tally: Pick<Tally, 'changed' | 'skipped' | 'failed'>;
  readonly log: Log;
  readonly claimMs?: number;
}

/**
 * The identity of the one digest that there may be of `period` in the mailbox of `address`.
 *
 * The mark's id makes the Message-ID hard to guess. Gmail merges an inserted message with an existing one of the same
 * Message-ID (https://github.com/google/import-mailbox-to-gmail/issues/56), so a sender who guessed it could send a mail
 * beforehand that takes the place of the digest.
 */
export function identifyDigest(address: string, { kind, id, zoneId, title }: Period, mark: Label): DigestIdentity {
  const subject = JSON.stringify([address.toLowerCase(), kind, id, zoneId, mark.id]);
  const hash = createHash('sha256').update(subject).digest('hex').slice(0, 16);
  // Days of different time zones are different digests, which must not clear each other's claims away.
  const claimPrefix = `${DIGEST_LABEL}/${kind}/${zoneId}/`;
  return {
    mark,
    messageId: `digest.${kind}.${id}.${hash}@gmail-jobs.invalid`,
    claimName: `${claimPrefix}${id}`,
    claimPrefix,
    periodId: id,
    title,
  };
}

/** Whether searches find the digest, be it in Trash: one that was thrown away is not made again. 5 quota units. */
export async function isDelivered(
  mailbox: Pick<Mailbox, 'search'>,
  { messageId, mark }: DigestIdentity,
): Promise<boolean> {
  const query = `rfc822msgid:${messageId} ${labelSearch(mark.name)}`;
  const found = await mailbox.search(query, { limit: 1, includeSpamTrash: true });
  return found.length > 0;
}

/**
 * Makes sure that the digest is in the mailbox: changed when this run put it there, skipped when it was there already.
 *
 * @throws UnavailableError when Gmail lost several inserts, or other runs keep claiming the digest.
 */
export async function deliverOnce(delivery: Delivery): Promise<void> {
  const { mailbox, identity, tally, log } = delivery;
  const [labels, there] = await Promise.all([mailbox.knownLabels(), isDelivered(mailbox, identity)]);
  const outcome = there ? 'there' : await claimAndInsert(delivery, labels.find(identity.claimName));
  if (outcome === 'inserted') tally.changed(1);
  else {
    tally.skipped(1);
    log.info('digest.there', { period: identity.periodId, title: identity.title });
  }
  await removeOldClaims(delivery, labels);
}

async function claimAndInsert(delivery: Delivery, foreign: Label | undefined): Promise<'inserted' | 'there'> {
  const { mailbox, identity, log, claimMs = CLAIM_MS } = delivery;
  if (foreign !== undefined && (await waitUntilDelivered(delivery))) return 'there';
  const mail = await delivery.compose();
  /** A claim that has had its time: somebody else's, or an earlier one of this run. */
  let spent = foreign;
  let inserts = 0;
  const found = () => (inserts > 0 ? 'inserted' : 'there');
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    const tooLate = AbortSignal.timeout(claimMs);
    if (spent !== undefined && (await mailbox.deleteLabel(spent)))
      log.warn('digest.claim_taken_over', { period: identity.periodId });
    const own = await mailbox.createLabel(identity.claimName, { hidden: true });
    if (own === null) {
      spent = (await mailbox.labels()).find(identity.claimName);
      if (await waitUntilDelivered(delivery)) return found();
      continue;
    }
    // Whoever held the claim before may have inserted at the last moment.
    if (spent !== undefined && (await isDelivered(mailbox, identity))) return found();
    spent = own;
    try {
      await mailbox.insert(mail, ['INBOX', 'UNREAD', identity.mark.id], { tooLate });
      log.info('digest.inserted', { period: identity.periodId, title: identity.title });
      return 'inserted';
    } catch (error) {
      if (tooLate.aborted && error === tooLate.reason) continue;
      if (error instanceof RefusedError) delivery.tally.failed(1);
      if (!(error instanceof UnavailableError)) throw error;
      // It may have arrived all the same.
      inserts += 1;
      log.warn('digest.insert_unanswered', { period: identity.periodId, attempt: inserts, reason: error.message });
      if (await waitUntilDelivered(delivery)) return found();
      if (inserts === MOST_INSERTS) {
        throw new UnavailableError(
          `Gmail did not confirm the digest in ${counted(inserts, 'attempt')}; the last one: ${error.message}`,
          error.remedy,
          { cause: error },
        );
      }
    }
  }
  throw new UnavailableError(
    'Other runs keep claiming the digest of this period',
    'Nothing to do unless it lasts: the next run looks again.',
  );
}

/** Whether the digest shows up within half a minute. */
async function waitUntilDelivered({ mailbox, identity, wait }: Delivery): Promise<boolean> {
  for (let poll = 0; poll < POLLS; poll += 1) {
    await wait(POLL_MS);
    if (await isDelivered(mailbox, identity)) return true;
  }
  return false;
}

/** Claims of earlier periods have done their service. Those of other kinds of digest stay. */
async function removeOldClaims({ mailbox, identity }: Delivery, labels: LabelDirectory): Promise<void> {
  const { claimPrefix, periodId } = identity;
  for (const label of labels.startingWith(claimPrefix)) {
    // A label that only looks like it is a person's.
    if (!label.name.startsWith(claimPrefix)) continue;
    const id = label.name.slice(claimPrefix.length);
    if (PERIOD_ID.test(id) && id < periodId) await mailbox.deleteLabel(label);
  }
}
