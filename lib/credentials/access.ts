/**
 * The access token of a run: the secret is fetched and exchanged when a token is needed, once for all who wait for it,
 * and nothing of it is kept. A rotation that is under way, or that went wrong, must not stop the run.
 */
import type { Clock } from '../clock.ts';
import { ConfigError, type JobError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { AuthorizedUser, FetchedSecret, FetchSecret, Stage } from './secret.ts';
import {
  type ExchangedToken,
  type ExchangeOptions,
  exchangeRefreshToken,
  isNarrow,
  requireScopes,
  TokenRefusal,
} from './token.ts';

export interface AccessToken {
  readonly value: string;
  /** Time of day at which it must not be used any more. */
  readonly expiresAtMs: number;
}

export interface AccessTokens {
  /** The current access token; a new one when there is none or it is about to expire. */
  get(): Promise<AccessToken>;
  /** A new access token, unless `stale` was already replaced: for an answer of 401. */
  renew(stale: string): Promise<AccessToken>;
  /** The secret's version that the current token comes from. */
  readonly secretVersion: string | undefined;
  /** The address that the secret says the mailbox must have. */
  readonly expectedEmail: string | undefined;
}

export interface AccessOptions {
  readonly jobName: string;
  readonly scopes: readonly string[];
  readonly fetchSecret: FetchSecret;
  readonly exchange: ExchangeOptions;
  readonly clock: Clock;
  readonly log: Log;
  /** Ends fetching and exchanging. */
  readonly signal: AbortSignal;
}

/** A token is renewed this long before it expires, or in the last tenth of a short life. */
const RENEW_BEFORE_MS = 60_000;

/** Refusals that another version of the secret may cure. */
const CURABLE = new Set(['invalid_grant', 'invalid_client', 'deleted_client', 'unauthorized_client']);

export function createAccessTokens(options: AccessOptions): AccessTokens {
  const { log, jobName, scopes, signal } = options;
  let current: { token: AccessToken; renewAt: number } | null = null;
  let underWay: Promise<AccessToken> | null = null;
  let secretVersion: string | undefined;
  let expectedEmail: string | undefined;
  let toldWide = false;

  const obtain = async (): Promise<AccessToken> => {
    const first = await fetchStage('AWSCURRENT');
    const problem = await tryVersion(first);
    if (problem === null) return issued();

    // The secret may have been rotated between our reading it and Google's looking at it.
    const again = await fetchStage('AWSCURRENT');
    if (again.versionId !== first.versionId && (await tryVersion(again)) === null) return issued();

    const previous = await options.fetchSecret('AWSPREVIOUS', signal);
    if (previous === null || [first.versionId, again.versionId].includes(previous.versionId)) throw problem;
    if ((await tryVersion(previous)) !== null) throw problem;
    log.error('secret.fallback', {
      secretVersion: previous.versionId,
      brokenVersion: again.versionId,
      error: problem.message,
      remedy: `This run goes on with AWSPREVIOUS; the current version needs you soon. ${problem.remedy}`,
    });
    return issued();
  };

  const issued = (): AccessToken => {
    if (current === null) throw new Error('no token was issued');
    return current.token;
  };

  const fetchStage = async (stage: Stage): Promise<FetchedSecret> => {
    const secret = await options.fetchSecret(stage, signal);
    if (secret === null) {
      throw new ConfigError(`the secret has no version ${stage}`, 'Put a value into the secret in the AWS console.');
    }
    log.info('secret.fetched', { stage, secretVersion: secret.versionId });
    return secret;
  };

  /** Makes the version's token the current one; returns what is wrong with it when another version may cure it. */
  const tryVersion = async (secret: FetchedSecret): Promise<JobError | null> => {
    if (secret.credentials instanceof ConfigError) return secret.credentials;
    try {
      const token = await exchangeNarrowly(secret.credentials, secret.createdAt);
      const margin = Math.min(RENEW_BEFORE_MS, token.lifetimeMs / 10);
      current = {
        token: { value: token.value, expiresAtMs: Date.now() + token.lifetimeMs },
        renewAt: options.clock.now() + token.lifetimeMs - margin,
      };
    } catch (error) {
      if (error instanceof TokenRefusal && CURABLE.has(error.code)) return error;
      throw error;
    }
    secretVersion = secret.versionId;
    expectedEmail = secret.credentials.email;
    return null;
  };

  const exchangeNarrowly = async (user: AuthorizedUser, createdAt: Date | undefined): Promise<ExchangedToken> => {
    const ageMs = createdAt === undefined ? undefined : Date.now() - createdAt.getTime();
    const exchange = (wanted: readonly string[] | null) =>
      exchangeRefreshToken(user, wanted, ageMs, signal, options.exchange);
    let refused = false;
    const token = await exchange(scopes).catch((error: unknown) => {
      if (!(error instanceof TokenRefusal) || error.code !== 'invalid_scope') throw error;
      refused = true;
      return exchange(null);
    });
    const granted = token.scopes ?? (refused ? undefined : scopes);
    if (granted !== undefined) requireScopes(jobName, scopes, granted);
    if ((refused || !isNarrow(scopes, granted ?? [])) && !toldWide) {
      toldWide = true;
      log.warn('token.scope_wide', {
        reason: refused ? 'Google refused to narrow the token' : 'Google did not narrow the token',
      });
    }
    log.info('token.issued', { lifetimeS: Math.round(token.lifetimeMs / 1_000) });
    if (token.refreshTokenReplaced) {
      const remedy =
        'Authorize again soon and put the new refresh token into the secret: the stored one may stop working.';
      log.error('token.refresh_token_replaced', { remedy });
    }
    return token;
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
    get expectedEmail() {
      return expectedEmail;
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
