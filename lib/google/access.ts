/**
 * The access token of a run. Fetches the secret and exchanges it when a token is needed, once for all requests that wait,
 * and keeps no refresh token. A rotation during the run, or a broken current version, must not stop the run.
 */

import type { FurtherKeys } from '../aws/further-keys.ts';
import { type FetchedSecret, type FetchSecret, noVersion, type Stage } from '../aws/secret.ts';
import type { AuthorizedUser, Credentials } from '../aws/shape.ts';
import type { Clock } from '../base/clock.ts';
import { ageOf } from '../base/duration.ts';
import { ConfigError, JobError } from '../errors.ts';
import type { Log } from '../screen/log.ts';
import { canAnotherVersionHelp, exchangeCredentials } from './exchange.ts';
import {
  addFallbackRefusal,
  checkFallback,
  type MailboxProfile,
  type MeantMailbox,
  meantMailbox,
  otherMailboxRefusal,
  requireAgreement,
  requireExpectedMailbox,
  requireUnchangedMailbox,
  WrongMailboxError,
} from './ownership.ts';
import { authorizeForMore, type Grantee, isNarrow, type JobScopes, missingScopes, requireScopes } from './scopes.ts';
import { delegationOf } from './service-account.ts';
import {
  AUTHORIZE_SOON,
  type ExchangedToken,
  type ExchangeOptions,
  exchangeRefreshToken,
  TokenRefusal,
} from './token.ts';

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

/** A version of the secret, and the staging label that it was read by. */
export interface ReadVersion {
  readonly stage: Stage;
  readonly versionId: string;
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
  /** The address in GMAIL_MAILBOX, which every token must open. */
  readonly mailbox: string | undefined;
  /** Asks Gmail whose mailbox an access token opens. Called with each token before any other use. */
  readonly askMailbox: (accessToken: string) => Promise<MailboxProfile>;
  readonly signal: AbortSignal;
}

/** A token is renewed this long before it expires, or in the last tenth of a short life. */
const RENEW_BEFORE_MS = 60_000;

/** Refusals that may concern only the `scope` of the request, which Google does not document for a refresh. */
const ABOUT_SCOPES = new Set(['invalid_scope', 'invalid_request']);

export function createAccessTokens(options: AccessOptions): AccessTokens {
  const { log, jobName, scopes, signal } = options;
  let current: { token: AccessToken; renewAt: number } | null = null;
  let underWay: Promise<AccessToken> | null = null;
  let secretVersion: string | undefined;
  let profile: MailboxProfile | undefined;
  let furtherKeys: FurtherKeys | null | undefined;
  let toldWide = false;

  const obtain = async (): Promise<AccessToken> => {
    const first = await fetchStage('AWSCURRENT');
    let problem = await tryVersion(first, 'AWSCURRENT');
    if (problem === null) return issued();

    // The secret may have been rotated between the read and the exchange.
    const again = await fetchStage('AWSCURRENT', first.versionId);
    if (again.versionId !== first.versionId) problem = await tryVersion(again, 'AWSCURRENT');
    if (problem === null) return issued();

    // When AWSPREVIOUS cannot be used either, the run ends with the error of the current version.
    const giveUp = () => {
      signal.throwIfAborted();
      throw problem;
    };
    const previous = await options.fetchSecret('AWSPREVIOUS', signal).catch(giveUp);
    if (previous === null || [first.versionId, again.versionId].includes(previous.versionId)) throw problem;
    if (previous.credentials instanceof ConfigError) throw problem;
    const begun: MeantMailbox | undefined = profile && { ...profile, source: 'run', named: 'the run began on' };
    const decision = checkFallback(previous, meantMailbox(options.mailbox, again) ?? begun);
    if ('why' in decision) throw addFallbackRefusal(problem, decision);
    const { meant } = decision;
    const failed = await tryVersion(previous, 'AWSPREVIOUS', meant).catch((error: unknown) => {
      if (!(error instanceof WrongMailboxError)) return giveUp();
      throw addFallbackRefusal(problem as JobError, otherMailboxRefusal(error.actual, meant));
    });
    if (failed !== null) throw problem;
    log.error('secret.fallback', {
      secretVersion: previous.versionId,
      brokenVersion: again.versionId,
      error: problem.message,
      remedy: `This run continues with AWSPREVIOUS; correct the current version soon. ${problem.remedy}`,
    });
    return issued();
  };

  const issued = (): AccessToken => {
    if (current === null) throw new Error('no token was issued');
    return current.token;
  };

  /** The version of the stage. Logs at debug level when the version is the one that was read `before`. */
  const fetchStage = async (stage: Stage, before?: string): Promise<FetchedSecret> => {
    const secret = await options.fetchSecret(stage, signal);
    if (secret === null) throw noVersion(stage);
    log[secret.versionId === before ? 'debug' : 'info']('secret.fetched', { stage, secretVersion: secret.versionId });
    return secret;
  };

  /**
   * Exchanges the version and makes its token the current one: then null. Returns the version's error when another version
   * may work.
   * @throws CredentialError when the token opens another mailbox than `meant` or than the run began with, or lacks scopes;
   * ConfigError when GMAIL_MAILBOX and the secret name different mailboxes.
   */
  const tryVersion = async (
    secret: FetchedSecret,
    stage: Stage,
    meant = meantMailbox(options.mailbox, secret),
  ): Promise<JobError | null> => {
    const { credentials, versionId, createdAt } = secret;
    if (credentials instanceof ConfigError) return credentials;
    requireUnchangedMailbox(secret.mailbox, profile?.address);
    requireAgreement(options.mailbox, secret);
    let opened: MailboxProfile;
    // Google starts the token's lifetime later than this moment, so the token lives at least as long as computed.
    const asked = { at: options.clock.now(), onMs: Date.now() };
    let storedAs: string | undefined;
    const store = async (token: ExchangedToken): Promise<void> => {
      if (token.newRefreshToken === undefined || credentials.type !== 'authorized_user') return;
      storedAs = await storeOrLog({ ...credentials, refreshToken: token.newRefreshToken }, { stage, versionId });
    };
    try {
      const token = await exchangeNarrowly(credentials, createdAt, store);
      opened = await options.askMailbox(token.value);
      if (meant !== undefined) requireExpectedMailbox(opened.address, meant);
      requireUnchangedMailbox(opened.address, profile?.address);
      const margin = Math.min(RENEW_BEFORE_MS, token.lifetimeMs / 10);
      current = {
        token: { value: token.value, expiresAtMs: asked.onMs + token.lifetimeMs },
        renewAt: asked.at + token.lifetimeMs - margin,
      };
    } catch (error) {
      if (canAnotherVersionHelp(error)) return error as TokenRefusal;
      throw error;
    }
    secretVersion = storedAs ?? versionId;
    // A renewed token changes neither the mailbox nor the secrets of the job.
    if (profile === undefined) furtherKeys = secret.furtherKeys;
    profile ??= opened;
    return null;
  };

  /** Returns the new version's id; undefined, with an error in the log, when the token could not be stored. */
  const storeOrLog = async (user: AuthorizedUser, from: ReadVersion): Promise<string | undefined> => {
    try {
      if (options.storeReplacedToken === undefined) throw new ConfigError('this command stores nothing', 'Run a job.');
      const storedAs = await options.storeReplacedToken(user, from);
      log.info('token.refresh_token_kept', { stage: from.stage, secretVersion: storedAs, before: from.versionId });
      return storedAs;
    } catch (error) {
      if (!(error instanceof JobError)) throw error;
      const remedy = `${AUTHORIZE_SOON} To let runs store such a token: ${error.remedy}`;
      log.error('token.refresh_token_replaced', {
        error: `Google replaced the refresh token, and the new one was not stored: ${error.message}`,
        remedy,
      });
      return undefined;
    }
  };

  /**
   * Asks for a token with the job's scopes alone; for one with all granted scopes when Google refuses to narrow it.
   * @throws CredentialError when the token lacks a scope of the job.
   */
  const exchangeNarrowly = async (
    credentials: Credentials,
    createdAt: Date | undefined,
    store: (token: ExchangedToken) => Promise<void>,
  ): Promise<ExchangedToken> => {
    const ageMs = ageOf(createdAt);
    let refused = false;
    const narrow = exchangeCredentials(credentials, scopes, ageMs, signal, options.exchange);
    const token = await narrow.catch((error: unknown) => {
      refused = error instanceof TokenRefusal && ABOUT_SCOPES.has(error.code);
      if (!refused || credentials.type !== 'authorized_user') throw error;
      return exchangeRefreshToken(credentials, null, ageMs, signal, options.exchange);
    });
    // Stores a replacement before anything else can fail: the old refresh token may no longer work.
    await store(token);
    const granted = token.scopes ?? (refused ? undefined : scopes);
    if (granted !== undefined && missingScopes(scopes, granted).length > 0) {
      requireScopes(jobName, scopes, granted, await granteeOf(credentials, granted));
    }
    if ((refused || !isNarrow(scopes, granted ?? [])) && !toldWide) {
      toldWide = true;
      log.warn('token.scope_wide', {
        reason: refused ? 'Google refused to narrow the token' : 'Google did not narrow the token',
      });
    }
    log.info('token.issued', { lifetimeS: Math.round(token.lifetimeMs / 1_000) });
    return token;
  };

  const granteeOf = async (credentials: Credentials, granted: readonly string[]): Promise<Grantee> => {
    if (credentials.type !== 'authorized_user') {
      return { name: 'service account', remedy: delegationOf(credentials, scopes) };
    }
    const needing = [{ name: jobName, scopes }];
    const remedy = authorizeForMore(needing, granted, (await options.installed?.()) ?? needing);
    return { name: 'refresh token', remedy };
  };

  const obtainOnce = (): Promise<AccessToken> => {
    underWay ??= obtain().finally(() => {
      underWay = null;
    });
    return underWay;
  };

  return {
    get secretVersion() {
      return secretVersion;
    },
    get furtherKeys() {
      return furtherKeys;
    },
    get profile() {
      return profile;
    },
    get() {
      if (current !== null && options.clock.now() < current.renewAt) return Promise.resolve(current.token);
      return obtainOnce();
    },
    renew(stale) {
      if (current !== null && current.token.value !== stale) return Promise.resolve(current.token);
      return obtainOnce();
    },
  };
}
