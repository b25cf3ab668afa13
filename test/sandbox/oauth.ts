// Google's token endpoint: exchanges a refresh token for an access token, narrows scopes, and refuses in Google's words.
import { randomBytes } from 'node:crypto';
import { type Answer, type RecordedRequest, type Service, wallClock } from './http.ts';

export interface Grant {
  refreshToken: string;
  clientId: string;
  scopes: string[];
  email: string;
  alive: boolean;
}

export interface IssuedToken {
  accessToken: string;
  refreshToken: string;
  scopes: string[];
  email: string;
  /** Epoch milliseconds. */
  expiresAt: number;
}

/** How a `scope` in the refresh request is treated: narrowed to, ignored, or always refused. */
export type Narrowing = 'honour' | 'ignore' | 'refuse';

/** Refusals by name, as Google words them. */
export const TOKEN_REFUSALS = {
  invalid_grant: refusal(400, 'invalid_grant', 'Token has been expired or revoked.'),
  invalid_grant_unknown: refusal(400, 'invalid_grant', 'Bad Request'),
  invalid_rapt: {
    status: 400,
    body: {
      error: 'invalid_grant',
      error_description: 'reauth related error (invalid_rapt)',
      error_uri: 'https://support.google.com/a/answer/9368756',
      error_subtype: 'invalid_rapt',
    },
  },
  invalid_client: refusal(401, 'invalid_client', 'The OAuth client was not found.'),
  invalid_client_secret: refusal(401, 'invalid_client', 'Unauthorized'),
  unauthorized_client: refusal(401, 'unauthorized_client', 'Unauthorized'),
  deleted_client: refusal(401, 'deleted_client', 'The OAuth client was deleted.'),
  invalid_scope: refusal(400, 'invalid_scope', 'Bad Request'),
  admin_policy_enforced: refusal(
    400,
    'admin_policy_enforced',
    'Access to your account data is restricted by policies within your organization.',
  ),
  org_internal: refusal(403, 'org_internal', 'This client is restricted to users within its organization.'),
  unsupported_grant_type: refusal(400, 'unsupported_grant_type', 'Invalid grant_type.'),
} satisfies Record<string, Answer>;

export type TokenRefusal = keyof typeof TOKEN_REFUSALS;

const RANDOM_LENGTHS = { 'ya29.': 120, '1//0': 72, 'GOCSPX-': 21 } as const;

/** Returns a made-up credential that looks like one of Google's: access token, refresh token or client secret. */
export function madeUpCredential(prefix: keyof typeof RANDOM_LENGTHS): string {
  const bytes = Math.ceil((RANDOM_LENGTHS[prefix] * 3) / 4);
  return prefix + randomBytes(bytes).toString('base64url');
}

export class SandboxOAuth implements Service {
  readonly name = 'oauth';
  /** Client secrets by client id. */
  readonly clients = new Map<string, string>();
  /** By refresh token. */
  readonly grants = new Map<string, Grant>();
  /** Every access token ever issued, in order. */
  readonly issued: IssuedToken[] = [];
  narrowing: Narrowing = 'honour';
  accessTokenLifetimeS = 3599;
  /** Answers with a new refresh token each time; the one before stops working. */
  rotatesRefreshTokens = false;
  /** Makes the access tokens; a test that looks for leaks may put marked ones here. */
  newAccessToken: () => string = () => madeUpCredential('ya29.');

  readonly #byAccessToken = new Map<string, IssuedToken>();
  readonly #refusals: TokenRefusal[] = [];

  /** Registers a grant, made up where nothing is given. Returns it; changing it changes what the endpoint does. */
  grant(options: { clientId: string; scopes: readonly string[]; email: string; refreshToken?: string }): Grant {
    const grant: Grant = {
      refreshToken: options.refreshToken ?? madeUpCredential('1//0'),
      clientId: options.clientId,
      scopes: [...options.scopes],
      email: options.email,
      alive: true,
    };
    this.grants.set(grant.refreshToken, grant);
    return grant;
  }

  /** Ends a grant and the access tokens that came from it, as when the user removes the app's access. */
  revoke(refreshToken: string): void {
    const grant = this.grants.get(refreshToken);
    if (grant) grant.alive = false;
    for (const token of this.issued) if (token.refreshToken === refreshToken) token.expiresAt = 0;
  }

  /** Ends all access tokens; the grants stay. */
  expireAccessTokens(): void {
    for (const token of this.issued) token.expiresAt = 0;
  }

  /** Refuses the next `times` exchanges. */
  refuse(refusal: TokenRefusal, times = 1): void {
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

  handle({ method, path, body }: RecordedRequest): Answer {
    if (path !== '/token' || method !== 'POST') return { status: 404, body: 'Not Found' };
    const planned = this.#refusals.shift();
    if (planned) return TOKEN_REFUSALS[planned];
    if (typeof body !== 'object' || body === null) return missing('grant_type');
    const form = new Map<string, string>(Object.entries(body));
    return this.#refresh(form);
  }

  #refresh(form: Map<string, string>): Answer {
    const grantType = form.get('grant_type');
    if (!grantType) return missing('grant_type');
    if (grantType !== 'refresh_token') return TOKEN_REFUSALS.unsupported_grant_type;
    for (const name of ['client_id', 'refresh_token']) if (!form.get(name)) return missing(name);

    const clientId = form.get('client_id') ?? '';
    const clientSecret = this.clients.get(clientId);
    if (clientSecret === undefined) return TOKEN_REFUSALS.invalid_client;
    if (form.get('client_secret') !== clientSecret) return TOKEN_REFUSALS.invalid_client_secret;
    const grant = this.grants.get(form.get('refresh_token') ?? '');
    if (grant === undefined) return TOKEN_REFUSALS.invalid_grant_unknown;
    if (grant.clientId !== clientId) return TOKEN_REFUSALS.unauthorized_client;
    if (!grant.alive) return TOKEN_REFUSALS.invalid_grant;

    const asked = form.get('scope')?.split(' ').filter(Boolean);
    if (asked && this.narrowing === 'refuse') return TOKEN_REFUSALS.invalid_scope;
    const narrowed = asked && asked.length > 0 && this.narrowing === 'honour';
    if (narrowed && !asked.every((scope) => grant.scopes.includes(scope))) return TOKEN_REFUSALS.invalid_scope;
    return this.#issue(grant, narrowed ? asked : [...grant.scopes]);
  }

  #issue(grant: Grant, scopes: string[]): Answer {
    const lifetimeS = this.accessTokenLifetimeS;
    const rotated = this.rotatesRefreshTokens
      ? this.grant({ ...grant, refreshToken: madeUpCredential('1//0') })
      : grant;
    if (rotated !== grant) grant.alive = false;
    const token: IssuedToken = {
      accessToken: this.newAccessToken(),
      refreshToken: rotated.refreshToken,
      scopes,
      email: grant.email,
      expiresAt: wallClock() + lifetimeS * 1000,
    };
    this.issued.push(token);
    this.#byAccessToken.set(token.accessToken, token);
    return {
      status: 200,
      headers: { 'cache-control': 'no-cache, no-store, max-age=0, must-revalidate', pragma: 'no-cache' },
      body: {
        access_token: token.accessToken,
        expires_in: lifetimeS,
        ...(rotated === grant ? {} : { refresh_token: rotated.refreshToken }),
        scope: scopes.join(' '),
        token_type: 'Bearer',
      },
    };
  }
}

function refusal(status: number, error: string, description: string): Answer {
  return { status, body: { error, error_description: description } };
}

function missing(parameter: string): Answer {
  return refusal(400, 'invalid_request', `Missing required parameter: ${parameter}`);
}
