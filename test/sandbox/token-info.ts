// Google's token info endpoint, which shows the scopes of an access token, and the address if a scope allows it.
import { type Answer, wallClock } from './http.ts';
import type { IssuedToken } from './oauth.ts';
import { refusal } from './token-refusals.ts';

/** The answer about a token; undefined for a token that is unknown or expired. */
export function tokenInfo(token: IssuedToken | undefined): Answer {
  if (token === undefined) return refusal(400, 'invalid_token', 'Invalid Value');
  const { clientId, scopes, email, expiresAt, refreshToken } = token;
  const showsEmail = scopes.some((scope) => scope === 'email' || scope.endsWith('/auth/userinfo.email'));
  return {
    status: 200,
    body: {
      azp: clientId,
      aud: clientId,
      scope: scopes.join(' '),
      exp: String(Math.floor(expiresAt / 1000)),
      expires_in: String(Math.floor((expiresAt - wallClock()) / 1000)),
      ...(showsEmail ? { email, email_verified: 'true' } : {}),
      access_type: refreshToken.startsWith('none:') ? 'online' : 'offline',
    },
  };
}
