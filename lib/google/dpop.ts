/**
 * Proofs that the sender of a token request holds the key to which the refresh token is bound: DPoP (RFC 9449). Google's
 * guide: developers.google.com/identity/protocols/oauth2/resources/dpop-adoption.
 */
import { createHash, createPublicKey, randomUUID, verify } from 'node:crypto';
import { KmsKeys, type KmsSettings } from '../aws/kms.ts';
import type { KeyBinding, PublicJwk } from '../aws/shape.ts';
import { orAbort } from '../base/clock.ts';
import { ConfigError } from '../errors.ts';
import type { Prover } from './oauth.ts';

/** Makes proofs with keys in KMS, and keeps Google's nonces for the next proofs. */
export class DpopProofs {
  readonly keys: KmsKeys;
  /** Google refuses the nonce of a code exchange in a refresh, and the reverse. */
  readonly #nonces = { code: new Nonces(), refresh: new Nonces() };

  constructor(settings: KmsSettings) {
    this.keys = new KmsKeys(settings);
  }

  /** Proves possession of the key to the endpoint at `url`: in the exchange of the authorization code `code`, or in refreshes. */
  proverFor(binding: KeyBinding, url: string, code?: string): Prover {
    const nonces = code === undefined ? this.#nonces.refresh : this.#nonces.code;
    let sent: string | undefined;
    let hasNewNonce = false;
    let lastHadHash = false;
    return {
      isForCode: code !== undefined,
      prove: async (signal) => {
        // Source: the skill dpop-adoption in Google's repository github.com/google/skills (1.0.0): the jti is the hash of the
        // code, and the proof that repeats the request with the nonce has a new jti; a third proof has the hash again.
        const hasHash = !(hasNewNonce && lastHadHash);
        lastHadHash = hasHash;
        hasNewNonce = false;
        const jti = code !== undefined && hasHash ? hashOf(code) : randomUUID();
        sent = nonces.newest;
        return await this.#prove(binding, { url, jti, nonce: sent }, signal);
      },
      keepNonce: (nonce, isRefused) => {
        if (!NONCE.test(nonce)) return;
        nonces.keep(nonce, sent, isRefused);
        hasNewNonce = true;
      },
      get needsTurn() {
        return nonces.needsTurn;
      },
      inTurn: (work, signal) => nonces.inTurn(work, signal),
    };
  }

  /** @throws ConfigError when the public key in the secret belongs to another key, and what KmsKeys.sign throws. */
  async #prove(
    { kmsKeyId, jwk }: KeyBinding,
    claims: Pick<ProofRequest, 'url' | 'jti' | 'nonce'>,
    signal: AbortSignal,
  ): Promise<string> {
    const proof = await createProof({ ...claims, jwk, sign: (data) => this.keys.sign(kmsKeyId, data, signal) });
    if (proof !== null) return proof;
    throw new ConfigError(
      `the public key in the secret (dpop.jwk) does not belong to the KMS key ${kmsKeyId}`,
      'If somebody edited dpop in the secret, put back the version from before the edit, or run `job rotate --kms-key <arn>`; otherwise check AWS_ENDPOINT_URL_KMS.',
    );
  }
}

/** The newest nonce for one kind of exchange. Lets the exchanges wait for each other where a nonce is good for few proofs. */
class Nonces {
  #newest: string | undefined;
  /** Whether the server replaced a nonce that a proof carried. */
  #isReplaced = false;
  #inTurn = 0;
  #last: Promise<unknown> = Promise.resolve();

  get newest(): string | undefined {
    return this.#newest;
  }

  get needsTurn(): boolean {
    return this.#isReplaced || this.#inTurn > 0;
  }

  /** Keeps the nonce in the answer to a proof with the nonce `sent`. */
  keep(nonce: string, sent: string | undefined, isRefused: boolean): void {
    // Another exchange received a nonce after this proof was made, and that nonce may be newer.
    if (isRefused && sent !== this.#newest) return;
    if (sent !== undefined && nonce !== sent) this.#isReplaced = true;
    this.#newest = nonce;
  }

  async inTurn<Result>(work: () => Promise<Result>, signal: AbortSignal): Promise<Result> {
    const before = this.#last;
    const turn = Promise.withResolvers<void>();
    this.#last = before.then(() => turn.promise);
    this.#inTurn += 1;
    try {
      await orAbort(before, signal);
      return await work();
    } finally {
      this.#inTurn -= 1;
      turn.resolve();
    }
  }
}

function hashOf(code: string): string {
  return createHash('sha256').update(code).digest('base64url');
}

/** Source: RFC 9449, section 8.1. */
const NONCE = /^[\x21\x23-\x5b\x5d-\x7e]{1,1024}$/;

export interface ProofRequest {
  readonly jwk: PublicJwk;
  /** The address of the request, without query and fragment. */
  readonly url: string;
  /** The proof's identifier. */
  readonly jti: string;
  /** The server's last nonce; undefined before the first. */
  readonly nonce: string | undefined;
  /** Returns the ECDSA signature of SHA-256 over `data` on P-256, in DER. */
  readonly sign: (data: Uint8Array) => Promise<Uint8Array>;
  readonly now?: () => number;
}

/** Returns the proof for one POST; Google refuses the proof in a second request. Null when another key than `jwk` signed. */
export async function createProof({
  jwk,
  url,
  jti,
  nonce,
  sign,
  now = Date.now,
}: ProofRequest): Promise<string | null> {
  const header = { typ: 'dpop+jwt', alg: 'ES256', jwk };
  const { origin, pathname } = new URL(url);
  const claims = {
    jti,
    htm: 'POST',
    htu: `${origin}${pathname}`,
    iat: Math.floor(now() / 1_000),
    ...(nonce !== undefined && { nonce }),
  };
  const text = [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const data = new TextEncoder().encode(text);
  const signature = derToJose(await sign(data));
  if (signature === null) return null;
  const key = createPublicKey({ key: { ...jwk }, format: 'jwk' });
  if (!verify('sha256', data, { key, dsaEncoding: 'ieee-p1363' }, signature)) return null;
  return `${text}.${Buffer.from(signature).toString('base64url')}`;
}

/** Bytes of each of the two numbers in a signature on P-256. */
const NUMBER_BYTES = 32;

/**
 * Converts a signature from DER, an ASN.1 SEQUENCE of two INTEGERs, to the form of JOSE: 32 bytes for each number (RFC 7518,
 * section 3.4). Null for other bytes.
 */
export function derToJose(der: Uint8Array): Uint8Array | null {
  // Both numbers have at most 33 bytes, so each length takes one byte.
  if (der[0] !== 0x30 || der[1] !== der.length - 2) return null;
  const signature = new Uint8Array(2 * NUMBER_BYTES);
  let at = 2;
  for (const end of [NUMBER_BYTES, 2 * NUMBER_BYTES]) {
    const length = der[at + 1] ?? 0;
    const number = der.subarray(at + 2, at + 2 + length);
    if (der[at] !== 0x02 || length === 0 || number.length !== length || (number[0] ?? 0) > 0x7f) return null;
    const significant = number[0] === 0 ? number.subarray(1) : number;
    if (significant.length > NUMBER_BYTES) return null;
    signature.set(significant, end - significant.length);
    at += 2 + length;
  }
  return at === der.length ? signature : null;
}
