// A host to which jobs post, such as that of an accounting service: it checks the token and the signature, and makes one
// delivery of all posts with the same Idempotency-Key.
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { Answer, RecordedRequest, Service } from './http.ts';

export interface Delivery {
  readonly key: string;
  readonly path: string;
  readonly body: unknown;
  /** How many posts brought it. */
  posts: number;
}

/** Older signatures are refused, so that a recorded post cannot be sent again later. */
const SIGNATURE_AGE_S = 300;

export class SandboxReceiver implements Service {
  readonly name = 'receiver';
  /** Required as `Authorization: Bearer …` when it is set. */
  token: string | undefined;
  /** Required to sign every post when it is set. */
  signingSecret: string | undefined;
  /** Idempotency-Key → its delivery. */
  readonly deliveries = new Map<string, Delivery>();

  verb(): string {
    return 'post';
  }

  handle({ method, path, headers, body }: RecordedRequest, raw: Buffer): Answer {
    if (method !== 'POST') return refusal(405, 'only POST');
    if (this.token !== undefined && headers.authorization !== `Bearer ${this.token}`)
      return refusal(401, 'wrong token');
    if (this.signingSecret !== undefined && !isSigned(headers['x-signature'], raw, this.signingSecret)) {
      return refusal(403, 'wrong signature');
    }
    if (typeof body !== 'object') return refusal(415, 'no JSON');
    const key = headers['idempotency-key'];
    if (typeof key !== 'string' || key === '') return refusal(400, 'no Idempotency-Key');
    const known = this.deliveries.get(key);
    if (known === undefined) {
      this.deliveries.set(key, { key, path, body, posts: 1 });
      return { status: 201, body: { duplicate: false } };
    }
    known.posts += 1;
    if (JSON.stringify(known.body) !== JSON.stringify(body)) return refusal(422, 'another body with the same key');
    return { status: 200, body: { duplicate: true } };
  }
}

function isSigned(header: string | string[] | undefined, raw: Buffer, secret: string): boolean {
  const [, seconds = '', hex = ''] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(header)) ?? [];
  const expected = createHmac('sha256', secret).update(`${seconds}.${raw}`).digest();
  const isFresh = Math.abs(Date.now() / 1_000 - Number(seconds)) <= SIGNATURE_AGE_S;
  return isFresh && hex !== '' && timingSafeEqual(Buffer.from(hex, 'hex'), expected);
}

function refusal(status: number, message: string): Answer {
  return { status, body: { error: message } };
}
