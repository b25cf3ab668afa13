// The OAuth scopes of Gmail, and which of them a method accepts.

const AUTH = 'https://www.googleapis.com/auth/';

/** Gmail's scopes by their short names. */
export const GMAIL_SCOPES = {
  full: 'https://mail.google.com/',
  modify: `${AUTH}gmail.modify`,
  readonly: `${AUTH}gmail.readonly`,
  metadata: `${AUTH}gmail.metadata`,
  labels: `${AUTH}gmail.labels`,
  insert: `${AUTH}gmail.insert`,
  compose: `${AUTH}gmail.compose`,
  send: `${AUTH}gmail.send`,
} as const;

const { full, modify, readonly, metadata, labels, insert, compose } = GMAIL_SCOPES;

/** The scopes that each kind of method accepts; any of them is enough. */
export const ACCEPTED = {
  profile: [full, modify, compose, readonly, metadata],
  read: [full, modify, readonly, metadata],
  readAll: [full, modify, readonly],
  change: [full, modify],
  insert: [full, modify, insert],
  readLabels: [full, modify, readonly, labels, metadata],
  changeLabels: [full, modify, labels],
} as const;

/** Whether a token may read no more than metadata. */
export function onlyMetadata(scopes: readonly string[]): boolean {
  return ![full, modify, readonly].some((scope) => scopes.includes(scope));
}
