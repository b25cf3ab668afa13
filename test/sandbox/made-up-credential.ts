// Credentials that look like Google's and open nothing.
import { randomBytes } from 'node:crypto';

const RANDOM_LENGTHS = { 'ya29.': 120, '1//0': 72, 'GOCSPX-': 21 } as const;

/** Returns a made-up credential that looks like one of Google's: access token, refresh token or client secret. */
export function madeUpCredential(prefix: keyof typeof RANDOM_LENGTHS): string {
  const bytes = Math.ceil((RANDOM_LENGTHS[prefix] * 3) / 4);
  return prefix + randomBytes(bytes).toString('base64url');
}
