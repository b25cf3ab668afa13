/**
 * The access token of a run. Fetches the secret and exchanges its credentials when a token is needed, once for all requests
 * that wait for the token. Keeps no refresh token. Neither a rotation nor a broken current version stops the run.
 */

import type { FurtherKeys } from '../aws/further-keys.ts';
import { type FetchedSecret, type FetchSecret, noVersion, type ReadVersion, type Stage } from '../aws/secret.ts';
import type { AuthorizedUser } from '../aws/shape.ts';
import type { Clock } from '../base/clock.ts';
import { ageOf } from '../base/duration.ts';
import type { ConfiguredMailbox } from '../config.ts';
import { ConfigError, JobError } from '../errors.ts';
import type { Log } from '../screen/log.ts';
import { canAnotherVersionHelp, exchangeNarrowly, requireScopes } from './exchange.ts';
import { tryPrevious } from './fallback.ts';
import {
  type MailboxProfile,
  type MeantMailbox,
  meantMailbox,
  requireAgreement,
  requireExpectedMailbox,
  requireUnchangedMailbox,
} from './ownership.ts';
import type { JobScopes } from './scopes.ts';
import { AUTHORIZE_SOON, type ExchangeOptions, type TokenRefusal } from './token.ts';

export interface AccessToken {
  readonly value: string;
  /** In milliseconds since 1970: Google refuses the token afterwards. */
  readonly expiresAtMs: number;
}

export interface AccessTokens {
  /** The current access token; a new one when there is none or the current one is about to expire. */
  get(): Promise<AccessToken>;
  /** After a 401: a new access token, unless `stale` was already replaced. */
  renew(stale: string): Promise<AccessToken>;
  /** The version of the secret behind the current token. */
  readonly secretVersion: string | undefined;
  /** The keys beside the credentials in the version behind the first token; undefined before that. */
  readonly furtherKeys: FurtherKeys | null | undefined;
  /** The mailbox that all tokens open, as Gmail described it with the first token; undefined before that. */
  readonly profile: MailboxProfile | undefined;
}

export interface AccessOptions {
  readonly jobName: string;
  readonly scopes: readonly string[];
  /** The installed jobs, for advice about scopes. */
  readonly installed?: () => Promise<readonly JobScopes[]>;
  readonly fetchSecret: FetchSecret;
  readonly exchange: ExchangeOptions;
  /**
   * Stores credentials whose refresh token Google replaced, under the label of the version that was read, and returns the
   * new version's id. Throws a JobError when it cannot. Left out where nothing may be written.
   */
  readonly storeReplacedToken?: (user: AuthorizedUser, from: ReadVersion) => Promise<string>;
  readonly clock: Clock;
  readonly log: Log;
  /** The configured mailbox, which every token must open. */
  readonly mailbox: ConfiguredMailbox | undefined;
  /** Asks Gmail whose mailbox an access token opens. Called with each token before any other use. */
  readonly askMailbox: (accessToken: string) => Promise<MailboxProfile>;
  readonly signal: AbortSignal;
}

export function createAccessTokens(options: AccessOptions): AccessTokens {
  let issued: IssuedToken | undefined;
  let underWay: Promise<AccessToken> | undefined;

  const issueOnce = (): Promise<AccessToken> => {
    underWay ??= issueToken(issued, options)
      .then((next) => {
        issued = next;
        return next.token;
      })
      .finally(() => {
        underWay = undefined;
      });
    return underWay;
  };

  return {
    get secretVersion() {
      return issued?.secretVersion;
    },
    get furtherKeys() {
      return issued?.furtherKeys;
    },
    get profile() {
      return issued?.profile;
    },
    get() {
      if (issued !== undefined && options.clock.now() < issued.renewAt) return Promise.resolve(issued.token);
      return issueOnce();
    },
    renew(stale) {
      if (issued !== undefined && issued.token.value !== stale) return Promise.resolve(issued.token);
      return issueOnce();
    },
  };
}

interface IssuedToken {
  readonly token: AccessToken;
  /** In milliseconds of `AccessOptions.clock`. */
  readonly renewAt: number;
  readonly secretVersion: string;
  /** As of the run's first token: a renewal changes neither the secrets of the job nor the mailbox. */
  readonly furtherKeys: FurtherKeys | null;
  readonly profile: MailboxProfile;
  /** Whether the log says that a token of this run is wider than needed. */
  readonly toldWide: boolean;
}

/**
 * Decides which version of the secret gives the token: AWSCURRENT, AWSCURRENT read again after a failure, or AWSPREVIOUS.
 * `before` is the token that the new one replaces.
 */
async function issueToken(before: IssuedToken | undefined, options: AccessOptions): Promise<IssuedToken> {
  const { mailbox, fetchSecret, signal, log } = options;
  const first = await fetchCurrent(undefined, options);
  let outcome = await tryVersion(first, 'AWSCURRENT', before, options);
  if (!(outcome instanceof JobError)) return outcome;

  // The secret may have been rotated between the read and the exchange.
  const again = await fetchCurrent(first, options);
  if (again.versionId !== first.versionId) outcome = await tryVersion(again, 'AWSCURRENT', before, options);
  if (!(outcome instanceof JobError)) return outcome;

  const problem = outcome;
  const fetchPrevious = async () => {
    const previous = await fetchSecret('AWSPREVIOUS', signal);
    if (previous === null || previous.credentials instanceof ConfigError) return null;
    return [first.versionId, again.versionId].includes(previous.versionId) ? null : previous;
  };
  const ofRun: MeantMailbox | undefined = before && { address: before.profile.address, expectedBy: 'the run' };
  const expected = meantMailbox(mailbox, again) ?? ofRun;
  const standIn = await tryPrevious(problem, fetchPrevious, expected, async (previous, meant) => {
    const opened = await tryVersion(previous, 'AWSPREVIOUS', before, options, meant);
    if (opened instanceof JobError) return opened;
    log.error('secret.fallback', {
      secretVersion: previous.versionId,
      brokenVersion: again.versionId,
      error: problem.message,
      remedy: `This run continues with AWSPREVIOUS; correct the current version soon. ${problem.remedy}`,
    });
    return opened;
  });
  if (!(standIn instanceof JobError)) return standIn;
  signal.throwIfAborted();
  throw standIn;
}

/** Fetches AWSCURRENT. Logs the same version as `before`, and a version that the process held, at debug level only. */
async function fetchCurrent(
  before: FetchedSecret | undefined,
  { fetchSecret, signal, log }: AccessOptions,
): Promise<FetchedSecret> {
  const stage = 'AWSCURRENT';
  const secret = await fetchSecret(stage, signal);
  if (secret === null) throw noVersion(stage);
  const { versionId: secretVersion } = secret;
  const isNew = secretVersion !== before?.versionId && secret.isHeld !== true;
  log[isNew ? 'info' : 'debug']('secret.fetched', { stage, secretVersion });
  return secret;
}

/** A token is renewed this long before it expires, or in the last tenth of a short life. */
const RENEW_BEFORE_MS = 60_000;

/**
 * Exchanges one version of the secret, and asks Gmail whose mailbox the token opens. Returns the version's error when
 * another version may work.
 * @throws CredentialError when the token opens another mailbox than `meant` or than the run began with, or lacks scopes;
 * ConfigError when the configuration and the secret name different mailboxes.
 */
async function tryVersion(
  secret: FetchedSecret,
  stage: Stage,
  before: IssuedToken | undefined,
  options: AccessOptions,
  meant = meantMailbox(options.mailbox, secret),
): Promise<IssuedToken | JobError> {
  const { credentials, versionId } = secret;
  const { jobName: name, scopes, installed, exchange, clock, signal, log } = options;
  if (credentials instanceof ConfigError) return credentials;
  requireUnchangedMailbox(secret.mailbox, before?.profile.address);
  requireAgreement(options.mailbox, secret);

  // Google starts the token's lifetime later than this moment, so the token lives at least as long as computed.
  const askedAt = clock.now();
  const askedAtEpochMs = Date.now();
  const token = await exchangeNarrowly(credentials, scopes, ageOf(secret.createdAt), signal, exchange).catch(orRefusal);
  if (token instanceof JobError) return token;
  const { value, lifetimeMs, replacement, wideBecause } = token;
  // Stored before anything else can fail: the old refresh token may no longer work.
  const storedAs = replacement && (await keepReplacement(replacement, { stage, versionId }, options));
  if (token.scopes !== undefined) await requireScopes({ name, scopes }, token.scopes, credentials, installed);
  const toldWide = before?.toldWide === true;
  if (wideBecause !== undefined && !toldWide) log.warn('token.scope_wide', { reason: wideBecause });
  log.info('token.issued', { lifetimeS: Math.round(lifetimeMs / 1_000) });

  const opened = await options.askMailbox(value);
  if (meant !== undefined) requireExpectedMailbox(opened.address, meant);
  requireUnchangedMailbox(opened.address, before?.profile.address);
  return {
    token: { value, expiresAtMs: askedAtEpochMs + lifetimeMs },
    renewAt: askedAt + lifetimeMs - Math.min(RENEW_BEFORE_MS, lifetimeMs / 10),
    secretVersion: storedAs ?? versionId,
    furtherKeys: before === undefined ? secret.furtherKeys : before.furtherKeys,
    profile: before?.profile ?? opened,
    toldWide: toldWide || wideBecause !== undefined,
  };
}

function orRefusal(error: unknown): TokenRefusal {
  if (canAnotherVersionHelp(error)) return error;
  throw error;
}

/** Stores the replacement. Returns the new version's id; undefined, with an error in the log, when that fails. */
async function keepReplacement(
  replacement: AuthorizedUser,
  from: ReadVersion,
  { storeReplacedToken, log }: AccessOptions,
): Promise<string | undefined> {
  try {
    if (storeReplacedToken === undefined) throw new ConfigError('this command stores nothing', 'Run a job.');
    const storedAs = await storeReplacedToken(replacement, from);
    log.info('token.refresh_token_kept', { stage: from.stage, secretVersion: storedAs, before: from.versionId });
    return storedAs;
  } catch (error) {
    if (!(error instanceof JobError)) throw error;
    log.error('token.refresh_token_replaced', {
      error: `Google replaced the refresh token, and the new one was not stored: ${error.message}`,
      remedy: `${AUTHORIZE_SOON} To let runs store such a token: ${error.remedy}`,
    });
    return undefined;
  }
}
