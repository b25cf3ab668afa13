/**
 * Puts a digest into the mailbox exactly once, although runs may start twice, at the same time, or be killed at any point.
 *
 * - Every digest carries a hidden label, the mark, from its insert on. Only the mailbox's owner can label a message, so a
 *   message with the mark and the Message-ID of the period is the digest, and the work is done.
 * - Gmail creates only one label of a name. A run creates a hidden label for the period, its claim; only the run whose
 *   request created the claim may insert.
 * - A claim is valid for 10 seconds. When a run sees a claim for half a minute and no digest, the run that made the claim
 *   has died. The claim is then deleted by its id, since a newer claim may have the same name.
 */
import { createHash } from 'node:crypto';
import { counted } from '../base/count.ts';
import { TRY_NEXT_RUN } from '../base/network-failure.ts';
import type { Tally } from '../base/tally.ts';
import { RefusedError, UnavailableError } from '../errors.ts';
import { type Label, type LabelDirectory, labelSearch } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { DIGEST_LABEL } from '../gmail/own-labels.ts';
import type { Log } from '../screen/log.ts';
import { PERIOD_ID, type Period } from './period.ts';

/** No insert is sent later than this after the request for the claim, because others take a claim over after 30 seconds. */
const CLAIM_MS = 10_000;

/** Searches show a new message some seconds late, so they are repeated for half a minute. */
const POLL_MS = 3_000;
const POLLS = 10;

/** How many inserts may stay without an answer. */
const MOST_INSERTS = 3;

/** How many claims are tried, including those of other runs and those that expired before the insert. */
const MOST_ROUNDS = 8;

export interface DigestIdentity {
  /** The label of all digests. */
  readonly mark: Label;
  /** Without angle brackets, as `rfc822msgid:` takes it. */
  readonly messageId: string;
  readonly claimName: string;
  /** How the name of each claim for this kind of digest begins; the period's id follows. */
  readonly claimPrefix: string;
  readonly periodId: string;
  /** The period, such as `Thursday, 26 November`. */
  readonly title: string;
}

export interface Delivery {
  readonly mailbox: Pick<Mailbox, 'search' | 'labels' | 'knownLabels' | 'createLabel' | 'deleteLabel' | 'insert'>;
  readonly identity: DigestIdentity;
  /** Makes the mail's source; called at most once, and not when the digest exists. */
  readonly compose: () => Promise<Buffer>;
  readonly wait: (ms: number) => Promise<void>;
  /** Counts the digest as one item. */
  readonly tally: Pick<Tally, 'changed' | 'skipped' | 'failed'>;
  readonly log: Pick<Log, 'info' | 'warn'>;
  readonly claimMs?: number;
}

/**
 * Identifies the digest of `period` in the mailbox of `address`.
 *
 * The mark's id makes the Message-ID hard to guess. Gmail merges an inserted message with an existing one of the same
 * Message-ID (https://github.com/google/import-mailbox-to-gmail/issues/56), so a sender who guessed it could send
 * a mail in advance that takes the place of the digest.
 */
export function identifyDigest(address: string, { kind, id, zoneId, title }: Period, mark: Label): DigestIdentity {
  const subject = JSON.stringify([address.toLowerCase(), kind, id, zoneId, mark.id]);
  const hash = createHash('sha256').update(subject).digest('hex').slice(0, 16);
  // A day in another time zone is another digest, which must not delete this one's claims.
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

/** Whether a search finds the digest, also in Trash: a digest that a person deleted is not made again. 5 quota units. */
export async function isDelivered(
  mailbox: Pick<Mailbox, 'search'>,
  { messageId, mark }: DigestIdentity,
): Promise<boolean> {
  const query = `rfc822msgid:${messageId} ${labelSearch(mark.name)}`;
  const found = await mailbox.search(query, { limit: 1, includeSpamTrash: true });
  return found.length > 0;
}

/**
 * Makes sure that the digest is in the mailbox. Counts it as changed when this run inserted it, else as skipped.
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
  /** An expired claim: one of another run, or an earlier one of this run. */
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
    // The run that held the claim before may have inserted at the last moment.
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
      // Gmail may have inserted the mail although the answer was lost.
      inserts += 1;
      log.warn('digest.insert_unanswered', { period: identity.periodId, attempt: inserts, reason: error.message });
      if (await waitUntilDelivered(delivery)) return found();
      if (inserts === MOST_INSERTS) {
        throw new UnavailableError(
          `Gmail did not confirm the digest in ${counted(inserts, 'attempt')}; the last error: ${error.message}`,
          error.remedy,
          { cause: error },
        );
      }
    }
  }
  throw new UnavailableError('Other runs keep claiming the digest of this period', TRY_NEXT_RUN);
}

/** Repeats the search for half a minute. */
async function waitUntilDelivered({ mailbox, identity, wait }: Delivery): Promise<boolean> {
  for (let poll = 0; poll < POLLS; poll += 1) {
    await wait(POLL_MS);
    if (await isDelivered(mailbox, identity)) return true;
  }
  return false;
}

/** Deletes the claims of earlier periods; claims of other kinds of digest stay. */
async function removeOldClaims({ mailbox, identity }: Delivery, labels: LabelDirectory): Promise<void> {
  const { claimPrefix, periodId } = identity;
  for (const label of labels.startingWith(claimPrefix)) {
    // `startingWith` compares names as Gmail does; a label that is spelled otherwise is a person's own.
    if (!label.name.startsWith(claimPrefix)) continue;
    const id = label.name.slice(claimPrefix.length);
    if (PERIOD_ID.test(id) && id < periodId) await mailbox.deleteLabel(label);
  }
}
