/** Recognizes credentials by the form of their text, and finds characters that no credential contains. */

/** The beginning of each kind of credential. */
const KINDS = [
  [/^1\/\//, 'refresh-token'],
  [/^ya29\./, 'access-token'],
  [/^GOCSPX-/, 'client-secret'],
  [/^A[KS]IA[A-Z0-9]/, 'aws-key-id'],
  [/^4\/[0-9A-Za-z]/, 'authorization-code'],
  [/^-----BEGIN/, 'pem'],
  [/^(?:\{|\[\s*[{["])/, 'json'],
  // JSON and PEM in base64.
  [/^(?:eyJ|ewog|ewov|LS0tLS1CRUdJTi)[A-Za-z0-9]/, 'base64'],
] as const;

type CredentialKind = (typeof KINDS)[number][1];

/** How messages name each kind. */
export const CREDENTIAL_NAMES: Readonly<Record<CredentialKind, string>> = {
  'refresh-token': 'a refresh token',
  'access-token': 'an access token',
  'client-secret': 'a client secret',
  'aws-key-id': 'the id of an AWS key',
  'authorization-code': 'an authorization code',
  pem: 'PEM text',
  json: 'JSON',
  base64: 'JSON in base64',
};

/** The kind of credential that the beginning of `text` looks like, after any spaces and quotes. */
export function credentialKind(text: string): CredentialKind | undefined {
  const bare = text.replace(/^[\s"'“”‘’`\uFEFF\u200B]+/, '');
  return KINDS.find(([pattern]) => pattern.test(bare))?.[1];
}

export function beginsLikeCredential(text: string): boolean {
  return credentialKind(text) !== undefined;
}

/** A slash as it is, escaped for JSON, or URL-encoded. */
const SLASH = String.raw`(?:\\*/|%2[fF])`;

/** Finds whole credentials inside a longer text. */
const ANYWHERE = new RegExp(
  [
    String.raw`(?<!\d|\d\.)1${SLASH}${SLASH}0[\w-]{9,}`,
    String.raw`(?<=^|[^A-Za-z0-9.]|\\[nrt]|%[0-9a-fA-F]{2}|\D\.)1${SLASH}${SLASH}[\w-]{10,}`,
    String.raw`ya29\.[\w.-]{8,}`,
    String.raw`GOCSPX-[\w-]{4,}`,
    String.raw`(?<=^|[^A-Za-z0-9]|\\[nrt]|%[0-9a-fA-F]{2})A[KS]IA[A-Z0-9]{12,}`,
    String.raw`(?<=^|[^\w/.]|\\[nrt]|%[0-9a-fA-F]{2})4${SLASH}0[A-Za-z][\w-]{10,}`,
  ].join('|'),
  'g',
);

/** Every place in `text` that has the form of a credential. */
export function credentialsIn(text: string): readonly { readonly start: number; readonly text: string }[] {
  return Array.from(text.matchAll(ANYWHERE), ({ index, 0: found }) => ({ start: index, text: found }));
}

const ODD_CHARACTERS: readonly (readonly [pattern: RegExp, kind: string])[] = [
  [/[\r\n\u2028\u2029]/, 'a line break'],
  [/[ \t]/, 'a space'],
  [/["'`“”„‘’«»]/, 'a quote'],
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are looked for
  [/[\u0000-\u001f\u007f]/, 'a control character'],
  [/[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]/, 'a no-break or other special space'],
  [/[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]/, 'an invisible character'],
  [/[\u2010-\u2015\u2212]/, 'a typographic dash'],
  [/\u2026/, 'an ellipsis'],
  [/[^ -~]/, 'a character beyond ASCII'],
];

/** The kind of the first character in `text` that no credential has, such as `a line break`; undefined without one. */
export function oddCharacter(text: string): string | undefined {
  for (const character of text) {
    const kind = ODD_CHARACTERS.find(([pattern]) => pattern.test(character))?.[1];
    if (kind !== undefined) return kind;
  }
  return undefined;
}
