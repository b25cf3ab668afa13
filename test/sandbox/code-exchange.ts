// Authorization codes, which a consent issues and an exchange redeems. A code works once, for ten minutes, with the
// client, the redirect URI and the code verifier of its request.
import { createHash, randomBytes } from 'node:crypto';
import type { Answer } from './http.ts';
import { EXCHANGE_REFUSALS, missing, TOKEN_REFUSALS } from './token-refusals.ts';

const LIFETIME_MS = 600_000;

/** The consent behind a code. */
export interface Consent {
  clientId: string;
  redirectUri: string;
  scopes: string[];
  email: string;
  /** Whether the exchange gives a refresh token. */
  offline: boolean;
  challenge?: { method: 'S256' | 'plain'; value: string };
}

export interface IssuedCode extends Consent {
  code: string;
  expiresAt: number;
  /** The refresh token of its grant, after the exchange. */
  usedFor?: string;
}

/** The result of an exchange: a code for a new grant, a code that was used before, or a refusal. */
export type Exchange = { code: IssuedCode } | { reused: IssuedCode } | { refused: Answer };

export class AuthorizationCodes {
  /** Every issued code, in order; a test may change when a code expires. */
  readonly issued: IssuedCode[] = [];
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  issue(consent: Consent): IssuedCode {
    const code = `4/0A${randomBytes(52).toString('base64url')}`;
    const issued: IssuedCode = { ...consent, code, expiresAt: this.#now() + LIFETIME_MS };
    this.issued.push(issued);
    return issued;
  }

  /** Checks an exchange of the client `clientId`, which is already authenticated. */
  exchange(form: ReadonlyMap<string, string>, clientId: string): Exchange {
    for (const name of ['code', 'redirect_uri']) if (!form.get(name)) return { refused: missing(name) };
    const text = form.get('code') ?? '';
    if (!text.startsWith('4/')) return { refused: EXCHANGE_REFUSALS.malformed_code };
    const code = this.issued.find((issued) => issued.code === text);
    if (code === undefined) return { refused: TOKEN_REFUSALS.invalid_grant_unknown };
    if (code.clientId !== clientId) return { refused: TOKEN_REFUSALS.unauthorized_client };
    if (code.usedFor !== undefined) return { reused: code };
    if (code.expiresAt <= this.#now()) return { refused: TOKEN_REFUSALS.invalid_grant_unknown };
    if (form.get('redirect_uri') !== code.redirectUri) return { refused: EXCHANGE_REFUSALS.redirect_uri_mismatch };
    const refused = verifierRefusal(code, form.get('code_verifier'));
    return refused ? { refused } : { code };
  }
}

function verifierRefusal({ challenge }: Consent, verifier = ''): Answer | undefined {
  if (challenge === undefined) return verifier === '' ? undefined : EXCHANGE_REFUSALS.unneeded_code_verifier;
  if (verifier === '') return EXCHANGE_REFUSALS.missing_code_verifier;
  const shown = challenge.method === 'plain' ? verifier : createHash('sha256').update(verifier).digest('base64url');
  return shown === challenge.value ? undefined : EXCHANGE_REFUSALS.invalid_code_verifier;
}
