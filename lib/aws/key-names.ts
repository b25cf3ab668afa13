/** Keys in the secret: the credentials' keys, the rule for keys that a job declares, and how messages show a key. */
import { credentialKind } from '../base/credential-like.ts';

/** Keys of credentials. With such a key beside other credentials, the secret does not say which credentials are meant. */
export const OWN_KEYS: readonly string[] = [
  ...['client_id', 'client_secret', 'refresh_token', 'email'],
  ...['client_email', 'private_key', 'subject'],
];

/** All keys of both kinds of credentials. Every other key of the secret belongs to jobs. */
export const CREDENTIAL_KEYS: ReadonlySet<string> = new Set([...OWN_KEYS, 'type', 'private_key_id', 'dpop']);

/** The key for a message; `one of its keys` when a person may have pasted a credential in place of a key. */
export function shownKey(key: string): string {
  return /^[A-Za-z_][\w-]{0,60}$/.test(key) && credentialKind(key) === undefined ? key : 'one of its keys';
}

const KEY_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** @throws TypeError when a job may not declare a secret of that name. */
export function requireJobKey(name: string): void {
  if (CREDENTIAL_KEYS.has(name)) {
    throw new TypeError(`secrets: "${name}" is a key of the credentials, which no job gets`);
  }
  if (!KEY_NAME.test(name)) {
    throw new TypeError(`secrets: "${shownKey(name)}" must be a key such as WEBHOOK_TOKEN: letters, digits and _`);
  }
}
