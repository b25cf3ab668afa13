/** The question to the person, as a link to Google's consent page: PKCE, state and what is asked for. */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { CredentialError } from '../errors.ts';

export interface ConsentQuestion {
  /** Google's consent page. */
  readonly authUrl: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  /** The mailbox that is meant, to have its account chosen beforehand. */
  readonly loginHint: string | undefined;
}

/** What ties an answer to the question that it answers: new for each question. */
export interface Tie {
  /** Comes back with the answer. */
  readonly state: string;
  /** Stays here, and proves at the exchange that the code was asked for by this process (RFC 7636). */
  readonly verifier: string;
}

export function createTie(): Tie {
  return { state: randomBytes(32).toString('base64url'), verifier: randomBytes(32).toString('base64url') };
}

/**
 * The link to open. Sources: developers.google.com/identity/protocols/oauth2/native-app; a refresh token is given again
 * to one who had consented before only with `prompt=consent`.
 */
export function consentLink(question: ConsentQuestion, { state, verifier }: Tie): string {
  const link = new URL(question.authUrl);
  const parameters = {
    client_id: question.clientId,
    redirect_uri: question.redirectUri,
    response_type: 'code',
    scope: question.scopes.join(' '),
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    access_type: 'offline',
    prompt: 'consent',
  };
  for (const [name, value] of Object.entries(parameters)) link.searchParams.set(name, value);
  if (question.loginHint !== undefined) link.searchParams.set('login_hint', question.loginHint);
  return link.href;
}

/** Whether `given` is the state, in a time that says nothing about how much of it is right. */
export function isState(given: string | null, state: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return given !== null && timingSafeEqual(digest(given), digest(state));
}

/** The answer that came was not to this question. */
export function wrongState(): CredentialError {
  return new CredentialError(
    'the answer does not carry the state of this command: it comes from an earlier link, or from somebody else',
    'Run the command again, and use the link that it prints then.',
  );
}
