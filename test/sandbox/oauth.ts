// Google's token endpoint, revocation and token info: exchanges a code, a refresh token or a service account's assertion
// for an access token, narrows scopes, and refuses in Google's words.
import { randomUUID } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { AuthorizationCodes } from './code-exchange.ts';
import { DpopProofs } from './dpop.ts';
import { type Answer, type RecordedRequest, type Service, wallClock } from './http.ts';
import { madeUpCredential } from './made-up-credential.ts';
import {
  judgeAssertion,
  makeServiceAccount,
  type ServiceAccount,
  type ServiceAccountKey,
  type ServiceAccountOptions,
} from './service-accounts.ts';
import { tokenInfo } from './token-info.ts';
import {
  BINDING_REFUSALS,
  EXCHANGE_REFUSALS,
  type ExchangeRefusal,
  INVALID_TOKEN,
  missing,
  refusal,
  TOKEN_REFUSALS,
  type TokenRefusal,
} from './token-refusals.ts';

export { EXCHANGE_REFUSALS, type ExchangeRefusal, TOKEN_REFUSALS, type TokenRefusal } from './token-refusals.ts';

export interface Grant {
  refreshToken: string;
  clientId: string;
  scopes: string[];
  email: string;
  alive: boolean;
  /** Epoch milliseconds; absent for a grant without expiry. */
  endsAt?: number;
  /** The thumbprint of the key that must sign a proof for every refresh; absent for a grant that is not bound. */
  boundTo?: string;
}

export interface IssuedToken {
  accessToken: string;
  /** Its refresh token, or another unique text for a grant without one. */
  refreshToken: string;
  clientId: string;
  scopes: string[];
  email: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** How a `scope` in the refresh request is treated: narrowed to, ignored, or always refused. */
export type Narrowing = 'honour' | 'ignore' | 'refuse';

type Form = ReadonlyMap<string, string>;

/** The thumbprint of the key that signed the proof of a request; absent without a proof. */
type Proof = { thumbprint?: string } | { refused: Answer };

const JWT_BEARER = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
const LIVE_TOKENS_PER_ACCOUNT = 100;
const NEVER_STORED = { 'cache-control': 'no-cache, no-store, max-age=0, must-revalidate', pragma: 'no-cache' };
export class SandboxOAuth implements Service {
  readonly name = 'oauth';
  /** Client secrets by client id. All are Desktop clients. */
  readonly clients = new Map<string, string>();
  /** By refresh token. */
  readonly grants = new Map<string, Grant>();
  /** Every access token ever issued, in order. */
  readonly issued: IssuedToken[] = [];
  readonly codes = new AuthorizationCodes(wallClock);
  /** `<client id> <address>` → the scopes that the account granted on the consent page. */
  readonly agreed = new Map<string, Set<string>>();
  /** By address. */
  readonly serviceAccounts = new Map<string, ServiceAccount>();
  narrowing: Narrowing = 'honour';
  accessTokenLifetimeS = 3599;
  /** The lifetime of new grants in seconds, which is 604799 for an app in Testing. Unlimited by default. */
  refreshTokenLifetimeS?: number;
  /** False makes the endpoint ignore the DPoP header: it binds no token, and its answers look the same. */
  knowsDpop = true;
  /** How far the endpoint's clock is ahead when it checks `iat` and writes its Date header. */
  clockAheadMs = 0;
  /** Answers each refresh with a new refresh token, and revokes the previous one. */
  rotatesRefreshTokens = false;
  /** Create the tokens; a test for leaks may replace them to use known values. */
  newAccessToken: () => string = () => madeUpCredential('ya29.');
  newRefreshToken: () => string = () => madeUpCredential('1//0');

  readonly #byAccessToken = new Map<string, IssuedToken>();
  readonly #proofs = new DpopProofs();
  readonly #refusals: (TokenRefusal | ExchangeRefusal)[] = [];

  /** Registers a grant, with made-up values by default. Changing the returned grant changes the endpoint. */
  grant(options: {
    clientId: string;
    scopes: readonly string[];
    email: string;
    refreshToken?: string;
    boundTo?: string | undefined;
  }): Grant {
    const { clientId, email, scopes, refreshToken = this.newRefreshToken() } = options;
    const grant: Grant = { refreshToken, clientId, scopes: [...scopes], email, alive: true };
    if (options.boundTo !== undefined) grant.boundTo = options.boundTo;
    if (this.refreshTokenLifetimeS !== undefined) grant.endsAt = wallClock() + this.refreshTokenLifetimeS * 1000;
    this.grants.set(refreshToken, grant);
    const live = this.liveGrants(clientId, email);
    for (const oldest of live.slice(0, -LIVE_TOKENS_PER_ACCOUNT)) oldest.alive = false;
    return grant;
  }

  /** The grants of an account to a client that have not ended, oldest first. */
  liveGrants(clientId: string, email: string): Grant[] {
    return [...this.grants.values()].filter((g) => isAlive(g) && g.clientId === clientId && g.email === email);
  }

  /** Ends one grant and the access tokens that came from it. */
  revoke(refreshToken: string): void {
    const grant = this.grants.get(refreshToken);
    if (grant) grant.alive = false;
    for (const token of this.issued) if (token.refreshToken === refreshToken) token.expiresAt = 0;
  }

  /** Makes a service account with domain-wide delegation and returns its key file's content. */
  serviceAccount(options: ServiceAccountOptions): ServiceAccountKey {
    const { account, key } = makeServiceAccount(options);
    this.serviceAccounts.set(account.email, account);
    return key;
  }

  /** Ends all access tokens; the grants stay. */
  expireAccessTokens(): void {
    for (const token of this.issued) token.expiresAt = 0;
  }

  /**
   * Demands a new nonce in every DPoP proof from now on; a second call replaces the nonce of the first. Each nonce is
   * good for `proofsPerNonce` proofs; the answer to the last of them carries the next nonce in its DPoP-Nonce header.
   */
  demandNonce(proofsPerNonce = Infinity): void {
    this.#proofs.demandNonce(proofsPerNonce);
  }

  /** Refuses the next `times` exchanges. */
  refuse(refusal: TokenRefusal | ExchangeRefusal, times = 1): void {
    for (let n = 0; n < times; n += 1) this.#refusals.push(refusal);
  }

  /** Returns a token that was issued and has not expired. */
  find(accessToken: string): IssuedToken | undefined {
    const token = this.#byAccessToken.get(accessToken);
    return token && token.expiresAt > wallClock() ? token : undefined;
  }

  verb(_method: string, path: string): string {
    return path.slice(1);
  }

  handle(request: RecordedRequest): Answer {
    const answer = this.#proofs.announceNonce(this.#answer(request));
    if (this.clockAheadMs === 0) return answer;
    const date = new Date(wallClock() + this.clockAheadMs).toUTCString();
    return { ...answer, headers: { ...answer.headers, date } };
  }

  #answer({ method, path, query, headers, body }: RecordedRequest): Answer {
    const form = new Map<string, string>(typeof body === 'object' && body !== null ? Object.entries(body) : []);
    if (path === '/tokeninfo') {
      const bearer = headers.authorization?.replace(/^Bearer /, '');
      return tokenInfo(this.find(form.get('access_token') ?? query.get('access_token') ?? bearer ?? ''));
    }
    if (method !== 'POST') return { status: 404, body: 'Not Found' };
    if (path === '/revoke') return this.#revokeGrant(form.get('token') ?? query.get('token') ?? '');
    if (path !== '/token') return { status: 404, body: 'Not Found' };
    const planned = this.#refusals.shift();
    if (planned) return { ...TOKEN_REFUSALS, ...EXCHANGE_REFUSALS }[planned];
    switch (form.get('grant_type') ?? '') {
      case '':
        return missing('grant_type');
      case 'refresh_token':
        return this.#clientRefusal(form, ['client_id', 'refresh_token']) ?? this.#refresh(form, this.#prove(headers));
      case 'authorization_code':
        return (
          this.#clientRefusal(form, ['client_id']) ?? this.#exchangeCode(form, this.#prove(headers, form.get('code')))
        );
      case JWT_BEARER:
        return this.#exchangeAssertion(form, `http://${headers.host}/token`);
      default:
        return TOKEN_REFUSALS.unsupported_grant_type;
    }
  }

  /** Checks the DPoP header, if there is one, of a request to the token endpoint. */
  #prove({ dpop, host }: IncomingHttpHeaders, code?: string): Proof {
    if (dpop === undefined || !this.knowsDpop) return {};
    return this.#proofs.check(String(dpop), {
      url: `http://${host}/token`,
      nowS: (wallClock() + this.clockAheadMs) / 1000,
      code,
    });
  }

  #refresh(form: Form, proof: Proof): Answer {
    if ('refused' in proof) return proof.refused;
    const grant = this.grants.get(form.get('refresh_token') ?? '');
    if (grant === undefined) return TOKEN_REFUSALS.invalid_grant_unknown;
    if (grant.clientId !== form.get('client_id')) return TOKEN_REFUSALS.unauthorized_client;
    if (!isAlive(grant)) return TOKEN_REFUSALS.invalid_grant;
    if (grant.boundTo !== undefined && proof.thumbprint === undefined) return BINDING_REFUSALS.missing_dpop_proof;
    if (grant.boundTo !== undefined && proof.thumbprint !== grant.boundTo) return BINDING_REFUSALS.wrong_dpop_key;

    const asked = form.get('scope')?.split(' ').filter(Boolean);
    if (asked && this.narrowing === 'refuse') return TOKEN_REFUSALS.invalid_scope;
    const narrowed = asked && asked.length > 0 && this.narrowing === 'honour';
    if (narrowed && !asked.every((scope) => grant.scopes.includes(scope))) return TOKEN_REFUSALS.invalid_scope;
    const scope = narrowed ? asked : [...grant.scopes];
    if (!this.rotatesRefreshTokens) return this.#issue(grant, scope, { scope: scope.join(' ') });
    grant.alive = false;
    const { clientId, scopes, email, boundTo } = grant;
    const next = this.grant({ clientId, scopes, email, boundTo });
    return this.#issue(next, scope, { refresh_token: next.refreshToken, scope: scope.join(' ') });
  }

  #exchangeCode(form: Form, proof: Proof): Answer {
    // An invalid proof leaves the code usable.
    if ('refused' in proof) return proof.refused;
    const exchange = this.codes.exchange(form, form.get('client_id') ?? '');
    if ('refused' in exchange) return exchange.refused;
    if ('reused' in exchange) {
      this.revoke(exchange.reused.usedFor ?? '');
      return TOKEN_REFUSALS.invalid_grant_unknown;
    }
    const { code } = exchange;
    const { clientId, scopes, email } = code;
    const online: Omit<Grant, 'alive'> = { clientId, scopes, email, refreshToken: `none:${randomUUID()}` };
    const boundTo = proof.thumbprint;
    const grant = code.offline ? this.grant({ clientId, scopes, email, boundTo }) : online;
    code.usedFor = grant.refreshToken;
    const refreshToken = code.offline ? { refresh_token: grant.refreshToken } : {};
    return this.#issue(grant, scopes, { ...refreshToken, scope: scopes.join(' ') });
  }

  #exchangeAssertion(form: Form, ownUrl: string): Answer {
    const assertion = judgeAssertion(form, this.serviceAccounts, ownUrl, wallClock() / 1000);
    if ('refused' in assertion) return assertion.refused;
    const { email, scopes } = assertion;
    return this.#issue({ email, clientId: '', refreshToken: `none:${randomUUID()}` }, scopes, {});
  }

  #clientRefusal(form: Form, required: readonly string[]): Answer | undefined {
    for (const name of required) if (!form.get(name)) return missing(name);
    const clientSecret = this.clients.get(form.get('client_id') ?? '');
    if (clientSecret === undefined) return TOKEN_REFUSALS.invalid_client;
    if (!form.get('client_secret')) return refusal(400, 'invalid_request', 'client_secret is missing.');
    return form.get('client_secret') === clientSecret ? undefined : TOKEN_REFUSALS.invalid_client_secret;
  }

  #issue(grant: Pick<Grant, 'refreshToken' | 'clientId' | 'email' | 'endsAt'>, scopes: string[], more: object): Answer {
    const { refreshToken, clientId, email, endsAt } = grant;
    const expiresAt = wallClock() + this.accessTokenLifetimeS * 1000;
    const token = { accessToken: this.newAccessToken(), refreshToken, clientId, scopes, email, expiresAt };
    this.issued.push(token);
    this.#byAccessToken.set(token.accessToken, token);
    return {
      status: 200,
      headers: NEVER_STORED,
      body: {
        access_token: token.accessToken,
        expires_in: this.accessTokenLifetimeS,
        ...more,
        ...(endsAt === undefined ? {} : { refresh_token_expires_in: Math.floor((endsAt - wallClock()) / 1000) }),
        token_type: 'Bearer',
      },
    };
  }

  /** Revoking one token ends all grants of the account to the client. */
  #revokeGrant(token: string): Answer {
    if (!token) return missing('token');
    const grant = this.grants.get(token);
    const found = grant && isAlive(grant) ? grant : this.find(token);
    if (found === undefined) return INVALID_TOKEN;
    for (const { refreshToken } of this.liveGrants(found.clientId, found.email)) this.revoke(refreshToken);
    for (const issued of this.issued) {
      if (issued.clientId === found.clientId && issued.email === found.email) issued.expiresAt = 0;
    }
    this.agreed.delete(`${found.clientId} ${found.email}`);
    return { status: 200, body: {} };
  }
}

function isAlive({ alive, endsAt = Infinity }: Grant): boolean {
  return alive && endsAt > wallClock();
}
