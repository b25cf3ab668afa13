// Google's consent page and a scripted person: checks the authorization request as Google does, lets the person decide,
// and redirects the browser with a code or an error.
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { type Visit, visit } from './browser.ts';
import { consentPage, errorPage } from './consent-pages.ts';
import { type AuthorizationRequest, readAuthorizationRequest } from './consent-request.ts';
import type { Answer, RecordedRequest, Service } from './http.ts';
import type { SandboxOAuth } from './oauth.ts';

const AUTH_PATH = '/o/oauth2/v2/auth';
const ISSUER = 'https://accounts.google.com';

/** The decision of the scripted person. */
export interface Behaviour {
  /** 'ignore' leaves the page open; in a real browser its buttons work. */
  decision?: 'allow' | 'deny' | 'ignore';
  /** Scopes that the person does not grant. */
  untick?: readonly string[];
  /** The account that the person signs in with, in place of the mailbox's. */
  email?: string;
  /** Redirects with a state that the program did not send. */
  wrongState?: boolean;
  /** Errors that Google shows on its own page, without a redirect to the program. */
  error?: keyof typeof GOOGLE_ERRORS;
  /** Redirects with `error` anyway. */
  errorComesBack?: boolean;
  /** How long the person takes to decide. */
  delayMs?: number;
}

const GOOGLE_ERRORS = {
  admin_policy_enforced: [400, "Your organization's administrator has restricted this app."],
  access_denied: [
    403,
    'The app has not completed the Google verification process. It is being tested and can only be used by testers that its developer has approved.',
  ],
  org_internal: [403, 'This app can only be used by people within its organization.'],
} as const;

export class SandboxConsent implements Service {
  readonly name = 'consent';
  /** Every valid authorization request. */
  readonly asked: AuthorizationRequest[] = [];
  readonly #oauth: SandboxOAuth;
  readonly #email: string;
  #behaviour: Behaviour = {};

  constructor(oauth: SandboxOAuth, email: string) {
    this.#oauth = oauth;
    this.#email = email;
  }

  /** Sets the person's decision from now on; by default the person allows everything at once. */
  behave(behaviour: Behaviour): void {
    this.#behaviour = behaviour;
  }

  /** Plays the person's browser; see `visit` in browser.ts. */
  visit(url: string, options: { follow?: boolean } = {}): Promise<Visit> {
    return visit(url, options);
  }

  verb(_method: string, path: string): string {
    return path === AUTH_PATH ? 'auth' : 'unknown';
  }

  async handle({ method, path, query, body }: RecordedRequest): Promise<Answer> {
    if (path !== AUTH_PATH || (method !== 'GET' && method !== 'POST')) return { status: 404, body: 'Not Found' };
    const request = readAuthorizationRequest(query, this.#oauth.clients);
    if ('error' in request) return errorPage(request.status, request.error, request.description);
    if (method === 'POST') return this.#answerForm(request, body);

    this.asked.push(request);
    const { decision = 'allow', error, errorComesBack, delayMs = 0, untick = [], email } = this.#behaviour;
    await delay(delayMs, undefined, { ref: false });
    if (error && errorComesBack) return this.#sendBack(request, { error });
    if (error) return errorPage(GOOGLE_ERRORS[error][0], error, GOOGLE_ERRORS[error][1]);
    if (decision === 'deny') return this.#sendBack(request, { error: 'access_denied' });
    if (decision === 'ignore') return consentPage(request, email ?? this.#email);
    return this.#allow(
      request,
      request.scopes.filter((scope) => !untick.includes(scope)),
    );
  }

  /** The buttons of the page, for a person at a real browser. */
  #answerForm(request: AuthorizationRequest, body: unknown): Answer {
    const form = typeof body === 'object' && body !== null ? Object.entries(body) : [];
    const ticked = form.filter(([name]) => request.scopes.includes(name)).map(([name]) => name);
    const allowed = form.some(([name, value]) => name === 'decision' && value === 'allow');
    return allowed ? this.#allow(request, ticked) : this.#sendBack(request, { error: 'access_denied' });
  }

  #allow(request: AuthorizationRequest, scopes: string[]): Answer {
    if (scopes.length === 0) return this.#sendBack(request, { error: 'access_denied' });
    const email = this.#behaviour.email ?? this.#email;
    const { clientId, redirectUri, challenge } = request;
    const before = this.#agreedTo(clientId, email);
    const asksAgain = request.prompt.includes('consent') || !scopes.every((scope) => before?.has(scope));
    const { code } = this.#oauth.codes.issue({
      clientId,
      redirectUri,
      scopes,
      email,
      offline: request.accessType === 'offline' && (request.prompt.includes('consent') || before === undefined),
      ...(challenge ? { challenge } : {}),
    });
    this.#oauth.agreed.set(`${clientId} ${email}`, new Set([...(before ?? []), ...scopes]));
    return this.#sendBack(request, {
      iss: ISSUER,
      code,
      scope: scopes.join(' '),
      authuser: '0',
      prompt: asksAgain ? 'consent' : 'none',
    });
  }

  #agreedTo(clientId: string, email: string): Set<string> | undefined {
    const agreed = this.#oauth.agreed.get(`${clientId} ${email}`);
    const granted = this.#oauth.liveGrants(clientId, email).flatMap(({ scopes }) => scopes);
    return agreed || granted.length > 0 ? new Set([...(agreed ?? []), ...granted]) : undefined;
  }

  #sendBack({ redirectUri, state }: AuthorizationRequest, parameters: Record<string, string>): Answer {
    const location = new URL(redirectUri);
    const returned = this.#behaviour.wrongState ? randomBytes(24).toString('base64url') : state;
    const { error, ...rest } = parameters;
    if (error) location.searchParams.set('error', error);
    if (returned !== undefined) location.searchParams.set('state', returned);
    for (const [name, value] of Object.entries(rest)) location.searchParams.set(name, value);
    return { status: 302, headers: { location: location.href, 'cache-control': 'no-store' } };
  }
}
