/** Recognizes credentials, and what is wrong with their characters, by their text alone. */

/** Each kind of credential by how it begins. */
const KINDS: readonly (readonly [pattern: RegExp, kind: string])[] = [
  [/^1\/\//, 'a refresh token'],
  [/^ya29\./, 'an access token'],
  [/^GOCSPX-/, 'a client secret'],
  [/^A[KS]IA[A-Z0-9]/, 'the id of an AWS key'],
  [/^4\/[0-9A-Za-z]/, 'an authorization code'],
  [/^-----BEGIN/, 'PEM text'],
  [/^(?:\{|\[\s*[{["])/, 'JSON'],
  // JSON and PEM in base64.
  [/^(?:eyJ|ewog|ewov|LS0tLS1CRUdJTi)[A-Za-z0-9]/, 'JSON in base64'],
];

/** What kind of credential `text` is by its beginning, such as `a refresh token`; quotes may stand before it. */
export function credentialKind(text: string): string | undefined {
  const bare = text.replace(/^[\s"'“”‘’`\uFEFF\u200B]+/, '');
  return KINDS.find(([pattern]) => pattern.test(bare))?.[1];
}

/** Whether `text` begins like a credential: somebody may have pasted it into the wrong place. */
export function beginsLikeCredential(text: string): boolean {
  return credentialKind(text) !== undefined;
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

/** The kind of the first character in `text` that no credential has, such as `a line break`. */
export function oddCharacter(text: string): string | undefined {
  for (const character of text) {
    const kind = ODD_CHARACTERS.find(([pattern]) => pattern.test(character))?.[1];
    if (kind !== undefined) return kind;
  }
  return undefined;
}
