/** Recognizes a credential by how it begins: what somebody pasted into the wrong place is neither shown nor sent. */

/** Google's refresh tokens, access tokens and client secrets, AWS's key ids, JSON, and PEM; quotes may stand before it. */
const BEGINS_LIKE_CREDENTIAL = /^["'“”‘’`\s]*(?:1\/\/|ya29\.|GOCSPX-|A[KS]IA[A-Z0-9]|\{|-----BEGIN)/;

/** Whether `text` begins like a credential. */
export function beginsLikeCredential(text: string): boolean {
  return BEGINS_LIKE_CREDENTIAL.test(text);
}
