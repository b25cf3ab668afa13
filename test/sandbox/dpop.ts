// DPoP proofs at the token endpoint (RFC 9449), which bind a refresh token to the key that signed the proof.
// See developers.google.com/identity/protocols/oauth2/resources/dpop-adoption.
import { createHash, createPublicKey, type JsonWebKey, type KeyObject, randomBytes, verify } from 'node:crypto';
import type { Answer } from './http.ts';
import type { PublicJwk } from './kms.ts';
import { refusal } from './token-refusals.ts';

/** How far `iat` may be from the server's clock, in seconds. */
const TOLERANCE_S = 60;

/** The thumbprint of the key behind a valid proof, or a refusal. */
export type ProofCheck = { thumbprint: string } | { refused: Answer };

/** The request that carries a proof. */
export interface ProvedRequest {
  url: string;
  /** Epoch seconds of the server's clock. */
  nowS: number;
  /** The authorization code; absent in a refresh. */
  code?: string | undefined;
}

export class DpopProofs {
  /** The `jti` of the proofs that were valid, also of those without the nonce that was demanded. */
  readonly #seen = new Set<string>();
  /** Google keeps the nonces of code exchanges apart from those of refreshes. */
  readonly #nonces = new Map<'code' | 'refresh', { nonce: string; proofsLeft: number }>();
  #proofsPerNonce = Infinity;

  /** See `SandboxOAuth.demandNonce`. */
  demandNonce(proofsPerNonce: number): void {
    this.#proofsPerNonce = proofsPerNonce;
    this.#renew('code');
    this.#renew('refresh');
  }

  /** Checks the DPoP header of a POST. */
  check(proof: string, { url, nowS, code }: ProvedRequest): ProofCheck {
    const [header, payload, signature, ...more] = proof.split('.');
    const jose = parsePart(header);
    const claims = parsePart(payload);
    if (jose === undefined || claims === undefined || signature === undefined || more.length > 0) {
      return invalid('The DPoP header is not one JWT.');
    }
    if (jose.typ !== 'dpop+jwt') return invalid('The typ of the DPoP proof must be dpop+jwt.');
    if (jose.alg !== 'ES256') return invalid('The alg of the DPoP proof is not supported.');
    const jwk = jose.jwk as JsonWebKey | null | undefined;
    if (typeof jwk !== 'object' || jwk === null) return invalid('The DPoP proof has no jwk.');
    if (jwk.d !== undefined) return invalid('The jwk of the DPoP proof has a private key.');
    const key = publicKeyOf(jwk);
    if (key === undefined) return invalid('The jwk of the DPoP proof is not a public key on P-256.');
    const bytes = Buffer.from(signature, 'base64url');
    const valid = verify('sha256', Buffer.from(`${header}.${payload}`), { key, dsaEncoding: 'ieee-p1363' }, bytes);
    if (bytes.length !== 64 || !valid) return invalid('The signature of the DPoP proof is invalid.');

    if (claims.htm !== 'POST') return invalid('The htm of the DPoP proof does not match the method.');
    if (claims.htu !== url) return invalid('The htu of the DPoP proof does not match the URL.');
    if (typeof claims.iat !== 'number') return invalid('The DPoP proof has no iat.');
    if (claims.iat < nowS - TOLERANCE_S) return invalid('The iat of the DPoP proof is too old.');
    if (claims.iat > nowS + TOLERANCE_S) return invalid('The iat of the DPoP proof is in the future.');
    const refused = this.#refuseJti(claims.jti, code);
    if (refused) return refused;
    const current = this.#nonces.get(code === undefined ? 'refresh' : 'code');
    if (current && claims.nonce !== current.nonce) return { refused: askForNonce(current.nonce) };
    if (current) current.proofsLeft -= 1;
    return { thumbprint: thumbprintOf(jwk) };
  }

  /** Adds the next nonce to an answer when the last proof used up the current one. */
  announceNonce(answer: Answer): Answer {
    for (const [workflow, { proofsLeft }] of this.#nonces) {
      if (proofsLeft > 0) continue;
      return { ...answer, headers: { ...answer.headers, 'dpop-nonce': this.#renew(workflow) } };
    }
    return answer;
  }

  /**
   * In a code exchange Google wants the hash of the code as `jti`. When the client repeats the exchange with a nonce, Google
   * wants a new `jti`; the sandbox then accepts the hash too.
   */
  #refuseJti(jti: unknown, code: string | undefined): { refused: Answer } | undefined {
    if (typeof jti !== 'string' || jti === '') return invalid('The DPoP proof has no jti.');
    const hash = code === undefined ? undefined : createHash('sha256').update(code).digest('base64url');
    if (hash !== undefined && jti !== hash && !this.#seen.has(hash)) {
      return invalid('The jti of the DPoP proof is not the hash of the authorization code.');
    }
    if (this.#seen.has(jti) && jti !== hash) return invalid('The jti of the DPoP proof was used before.');
    this.#seen.add(jti);
    return undefined;
  }

  #renew(workflow: 'code' | 'refresh'): string {
    const nonce = randomBytes(16).toString('base64url');
    this.#nonces.set(workflow, { nonce, proofsLeft: this.#proofsPerNonce });
    return nonce;
  }
}

/** The thumbprint of a public key on P-256. See RFC 7638. */
export function thumbprintOf({ crv, kty, x, y }: JsonWebKey | PublicJwk): string {
  return createHash('sha256').update(JSON.stringify({ crv, kty, x, y })).digest('base64url');
}

function publicKeyOf(jwk: JsonWebKey): KeyObject | undefined {
  if (jwk.kty !== 'EC' || jwk.crv !== 'P-256') return undefined;
  try {
    return createPublicKey({ key: jwk, format: 'jwk' });
  } catch {
    return undefined; // x and y are missing, or no point of the curve
  }
}

function askForNonce(nonce: string): Answer {
  const refused = refusal(400, 'use_dpop_nonce', 'Authorization server requires nonce in DPoP proof');
  return { ...refused, headers: { 'dpop-nonce': nonce, 'cache-control': 'no-store' } };
}

function invalid(description: string): { refused: Answer } {
  return { refused: refusal(400, 'invalid_dpop_proof', description) };
}

function parsePart(part = ''): Record<string, unknown> | undefined {
  if (!/^[\w-]+$/.test(part)) return undefined;
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined; // refused as malformed
  }
}
