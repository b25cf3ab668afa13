// Service accounts with domain-wide delegation: their key files, and Google's check of the assertions that they sign.
// See developers.google.com/identity/protocols/oauth2/service-account#error-codes.
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes, randomInt, verify } from 'node:crypto';
import type { Answer } from './http.ts';
import { EXCHANGE_REFUSALS, missing, TOKEN_REFUSALS } from './token-refusals.ts';

const PROJECT = 'gmail-jobs-sandbox';
const TOKEN_URL = 'https://oauth2.googleapis.com/token';
/** Google tolerates five minutes in the lifetime of an assertion and in the clock of its signer. */
const LONGEST_S = 3_900;
const SKEW_S = 300;

/** The JSON key file that Google's console gives for a service account. */
export interface ServiceAccountKey {
  type: 'service_account';
  project_id: string;
  private_key_id: string;
  private_key: string;
  client_email: string;
  client_id: string;
  auth_uri: string;
  token_uri: string;
  auth_provider_x509_cert_url: string;
  client_x509_cert_url: string;
  universe_domain: string;
}

/** A service account of the stand-in; changing it changes the endpoint. */
export interface ServiceAccount {
  email: string;
  clientId: string;
  keyId: string;
  publicKey: KeyObject;
  /** The users of the Workspace that it may impersonate. */
  subjects: string[];
  /** The scopes that the admin console lists for it. */
  scopes: string[];
  /** False after it was deleted. */
  alive: boolean;
}

export interface ServiceAccountOptions {
  email?: string;
  subjects: readonly string[];
  scopes: readonly string[];
  alive?: boolean;
}

/** The result of an assertion: a token for a user, or a refusal. */
export type Assertion = { email: string; scopes: string[] } | { refused: Answer };

interface Claims {
  iss?: unknown;
  sub?: unknown;
  scope?: unknown;
  aud?: unknown;
  iat?: unknown;
  exp?: unknown;
}

/** Creating an RSA key is slow, so all accounts of a process share one. */
let sharedKey: KeyObject | undefined;

/** Makes up a service account. */
export function makeServiceAccount(options: ServiceAccountOptions): {
  account: ServiceAccount;
  key: ServiceAccountKey;
} {
  const email = options.email ?? `gmail-jobs@${PROJECT}.iam.gserviceaccount.com`;
  sharedKey ??= generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const privateKey = sharedKey;
  const account: ServiceAccount = {
    email,
    clientId: `1${Array.from({ length: 20 }, () => randomInt(10)).join('')}`,
    keyId: randomBytes(20).toString('hex'),
    publicKey: createPublicKey(privateKey),
    subjects: [...options.subjects],
    scopes: [...options.scopes],
    alive: options.alive ?? true,
  };
  const key: ServiceAccountKey = {
    type: 'service_account',
    project_id: PROJECT,
    private_key_id: account.keyId,
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    client_email: email,
    client_id: account.clientId,
    auth_uri: 'https://accounts.google.com/o/oauth2/auth',
    token_uri: TOKEN_URL,
    auth_provider_x509_cert_url: 'https://www.googleapis.com/oauth2/v1/certs',
    client_x509_cert_url: `https://www.googleapis.com/robot/v1/metadata/x509/${encodeURIComponent(email)}`,
    universe_domain: 'googleapis.com',
  };
  return { account, key };
}

/**
 * Judges the assertion of a request, whose audience must be Google's token URL or `ownUrl`.
 * @param nowS Epoch seconds.
 */
export function judgeAssertion(
  form: ReadonlyMap<string, string>,
  accounts: ReadonlyMap<string, ServiceAccount>,
  ownUrl: string,
  nowS: number,
): Assertion {
  const assertion = form.get('assertion');
  if (!assertion) return { refused: missing('assertion') };
  const [header, payload, signature] = assertion.split('.');
  const claims = parsePart<Claims>(payload);
  const { alg } = parsePart<{ alg?: unknown }>(header) ?? {};
  if (claims === undefined || alg !== 'RS256' || signature === undefined) {
    return { refused: TOKEN_REFUSALS.invalid_grant_unknown };
  }
  const issuer = String(claims.iss ?? '');
  const account = accounts.get(issuer);
  if (!isAddress(issuer)) return { refused: EXCHANGE_REFUSALS.invalid_issuer };
  if (account === undefined || !account.alive) return { refused: EXCHANGE_REFUSALS.unknown_issuer };
  const signed = Buffer.from(`${header}.${payload}`);
  if (!verify('RSA-SHA256', signed, account.publicKey, Buffer.from(signature, 'base64url'))) {
    return { refused: EXCHANGE_REFUSALS.invalid_jwt_signature };
  }
  if (!timely(claims, nowS)) return { refused: EXCHANGE_REFUSALS.invalid_jwt_times };
  if (claims.aud !== TOKEN_URL && claims.aud !== ownUrl) return { refused: EXCHANGE_REFUSALS.invalid_jwt_audience };
  return delegation(claims, account);
}

function delegation(claims: Claims, account: ServiceAccount): Assertion {
  const scopes = String(claims.scope ?? '')
    .split(' ')
    .filter(Boolean);
  if (scopes.length === 0) return { refused: EXCHANGE_REFUSALS.invalid_jwt_scope };
  if (claims.sub === undefined || claims.sub === account.email) return { email: account.email, scopes };

  const subject = String(claims.sub).toLowerCase();
  if (!isAddress(subject)) return { refused: EXCHANGE_REFUSALS.invalid_subject };
  if (!account.subjects.includes(subject)) {
    const ownDomain = account.subjects.some((known) => domainOf(known) === domainOf(subject));
    return { refused: ownDomain ? EXCHANGE_REFUSALS.invalid_subject : EXCHANGE_REFUSALS.delegation_denied };
  }
  const delegated = scopes.every((scope) => account.scopes.includes(scope));
  return delegated ? { email: subject, scopes } : { refused: EXCHANGE_REFUSALS.delegation_denied };
}

function timely({ iat, exp }: Claims, nowS: number): boolean {
  if (typeof iat !== 'number' || typeof exp !== 'number') return false;
  return exp > iat && exp - iat <= LONGEST_S && iat <= nowS + SKEW_S && exp > nowS - SKEW_S && exp <= nowS + LONGEST_S;
}

function parsePart<T extends object>(part = ''): T | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as T) : undefined;
  } catch {
    return undefined; // refused as malformed
  }
}

function isAddress(text: string): boolean {
  return /^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(text);
}

function domainOf(address: string): string | undefined {
  return address.split('@')[1];
}
