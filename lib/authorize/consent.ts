/**
 * Asks the person for consent on Google's page, exchanges the code in the answer for a refresh token, and refuses a grant
 * that lacks a scope or is for another mailbox. Storing the token is left to the caller.
 */

import type { AuthorizedUser, KeyBinding } from '../aws/shape.ts';
import { formatDuration } from '../base/duration.ts';
import { isSameMailbox } from '../base/mail-address.ts';
import type { CommandContext } from '../command.ts';
import { CredentialError, UnavailableError } from '../errors.ts';
import { askMailbox } from '../gmail/profile.ts';
import { hasAllScopes, type JobScopes, shortScope } from '../google/scopes.ts';
import type { OptionSpecs } from '../options.ts';
import { commandSpelling } from '../screen/command-spelling.ts';
import { type ConsentAnswer, type Loopback, pastedAnswer, startLoopback } from './answer.ts';
import { requireBound } from './binding.ts';
import type { OAuthClient } from './client.ts';
import { exchangeCode, type GoogleAccess, REMOVE_ACCESS } from './google.ts';
import { consentLink, createLinkSecrets, type LinkSecrets, openBrowser, wrongState } from './link.ts';
import { failurePage, type OutcomePage, type PageFacts, spellPage } from './outcome-page.ts';

export interface ConsentRequest {
  readonly client: OAuthClient;
  readonly scopes: readonly string[];
  /** The jobs that need these scopes. */
  readonly jobs: readonly JobScopes[];
  /** The mailbox that the grant must be for; undefined allows any. */
  readonly email: string | undefined;
  /** The account that Google's page selects; undefined lets the person choose. */
  readonly loginHint: string | undefined;
  /** The key to which the refresh token is bound; undefined for none. */
  readonly binding: KeyBinding | undefined;
  /** The port of 127.0.0.1 to listen on; 0 takes a free one. */
  readonly port: number;
  readonly withBrowser: boolean;
  readonly timeoutMs: number;
  /** The title of the browser's page after a failure. */
  readonly failureTitle: string;
  /** The name of the AWS secret, for the page after a failure. */
  readonly secret: string;
}

/** A person's consent: has every requested scope, for the mailbox in `user.email`. */
export interface Grant {
  readonly user: AuthorizedUser & { readonly email: string };
  readonly scopes: readonly string[];
  /** Undefined when Google names no end. */
  readonly refreshTokenLifetimeMs: number | undefined;
}

export interface Consent extends AsyncDisposable {
  /**
   * Asks the person and passes the grant to `finish`. Shows in the browser, and returns, the page that `finish` makes.
   * @throws CredentialError for a refusal, UnavailableError when nobody answers, and what `finish` throws.
   */
  obtain(finish: (grant: Grant) => Promise<OutcomePage>): Promise<OutcomePage>;
}

/** The remedy for a grant of another mailbox. */
export function chooseAccount(email: string): string {
  return `Run the command again and choose the account ${email} on Google's page.`;
}

/** The beginning of the remedy for missing scopes. */
export const TICK_EVERY_BOX = "Run the command again and leave every box on Google's page ticked";

type ConsentContext = Pick<CommandContext<OptionSpecs>, 'env' | 'terminal' | 'hide' | 'signal'>;

/** Starts the loopback server. @throws ConfigError for a port that is in use, before the person is asked. */
export async function openConsent(
  request: ConsentRequest,
  context: ConsentContext,
  google: GoogleAccess,
): Promise<Consent> {
  const secrets = createLinkSecrets();
  context.hide(secrets.verifier);
  const loopback = await startLoopback(request.port, secrets.state);
  const spelling = commandSpelling(context.env);
  return {
    async obtain(finish) {
      const answer = await ask(request, secrets, loopback, context, google);
      let mailbox: PageFacts = [];
      try {
        const grant = await takeGrant(answer.parameters, request, secrets, loopback.redirectUri, context, google);
        mailbox = [['Mailbox', grant.user.email]];
        const page = await finish(grant);
        await answer.reply(spellPage(page, spelling));
        return page;
      } catch (error) {
        const failed = failurePage(request.failureTitle, error, [...mailbox, ['Secret', request.secret]]);
        await answer.reply(spellPage(failed, spelling));
        throw error;
      }
    },
    [Symbol.asyncDispose]: () => loopback[Symbol.asyncDispose](),
  };
}

async function ask(
  request: ConsentRequest,
  secrets: LinkSecrets,
  loopback: Loopback,
  { env, terminal, hide, signal }: ConsentContext,
  google: GoogleAccess,
): Promise<ConsentAnswer> {
  const link = consentLink(
    {
      authUrl: google.authUrl,
      clientId: request.client.clientId,
      redirectUri: loopback.redirectUri,
      scopes: request.scopes,
      loginHint: request.loginHint,
    },
    secrets,
  );
  terminal.print('Agree on this page, with every box ticked:');
  terminal.print();
  terminal.print(`  ${link}`);
  terminal.print();
  // Hidden after the link was printed: the redactor would cut the state out of the link.
  hide(secrets.state);
  const opened = request.withBrowser && (await openBrowser(link, env));
  terminal.print(
    opened
      ? 'Your browser should show the page now. If not, open the link yourself.'
      : 'Open the link in a browser, on this computer or another.',
  );

  const ending = new AbortController();
  const waiting = AbortSignal.any([signal, ending.signal]);
  const timeout = google.clock.sleep(request.timeoutMs, waiting).then(() => {
    throw loopback.mismatched ? wrongState() : nobodyAnswered(request.timeoutMs);
  });
  const pasted = pastedAnswer(secrets.state, terminal, hide, waiting);
  try {
    return await Promise.race([loopback.answer, pasted, timeout]);
  } finally {
    for (const loser of [pasted, timeout]) loser.catch(() => undefined);
    ending.abort(new Error('answered'));
    terminal.print();
  }
}

async function takeGrant(
  parameters: URLSearchParams,
  request: ConsentRequest,
  { verifier }: LinkSecrets,
  redirectUri: string,
  { terminal, hide, signal }: ConsentContext,
  google: GoogleAccess,
): Promise<Grant> {
  const code = parameters.get('code') ?? '';
  if (code === '') throw refusal(parameters.get('error') ?? '');
  hide(code);
  const { binding } = request;
  const tokens = await exchangeCode(request.client, { code, verifier, redirectUri }, signal, google, binding);
  const scopes = tokens.scopes ?? request.scopes;
  requireAllScopes(request, scopes);
  if (tokens.refreshToken === undefined) {
    throw new CredentialError('Google gave no refresh token: the jobs could work for one hour only', REMOVE_ACCESS);
  }
  const { address: email } = await askMailbox(tokens.accessToken, signal, google);
  if (request.email !== undefined && !isSameMailbox(email, request.email)) {
    throw new CredentialError(
      `you agreed for the mailbox ${email}, but the mailbox must be ${request.email}`,
      chooseAccount(request.email),
    );
  }
  const { refreshToken } = tokens;
  const unbound = { type: 'authorized_user', ...request.client, refreshToken, email } as const;
  const user = binding === undefined ? unbound : { ...(await requireBound(unbound, binding, signal, google)), email };
  if (binding !== undefined)
    terminal.print('Google bound the refresh token to the key: without a proof, Google refuses the token.');
  return { user, scopes, refreshTokenLifetimeMs: tokens.refreshTokenLifetimeMs };
}

/** @throws CredentialError that names the scopes without consent, and the jobs that would not run. */
function requireAllScopes({ scopes, jobs }: ConsentRequest, granted: readonly string[]): void {
  // A wider scope does not replace a missing one: Google would not narrow a run's access token to the missing scope.
  const missing = scopes.filter((scope) => !granted.includes(scope));
  if (missing.length === 0) return;
  const wide = jobs.filter((job) => job.scopes.some((scope) => missing.includes(scope))).map(({ name }) => name);
  const stopped = jobs.filter((job) => !hasAllScopes(job, granted)).map(({ name }) => name);
  const left = jobs.map(({ name }) => name).filter((name) => !stopped.includes(name));
  const effect =
    stopped.length > 0
      ? `so ${stopped.join(', ')} would not run`
      : wide.length > 0
        ? `so ${wide.join(', ')} would run with more access than needed`
        : 'but the current credentials have these scopes';
  const fewer =
    left.length === 0 || stopped.length === 0
      ? ''
      : `; or add \`--jobs ${left.join(',')}\` to authorize for fewer jobs`;
  const boxes = missing.length === 1 ? 'the box' : 'the boxes';
  throw new CredentialError(
    `${boxes} for ${missing.map(shortScope).join(', ')} on Google's page ${missing.length === 1 ? 'was' : 'were'} left empty, ${effect}`,
    `${TICK_EVERY_BOX}${fewer}.`,
  );
}

function refusal(error: string): CredentialError {
  if (error === 'access_denied') {
    return new CredentialError(
      "access was denied on Google's page",
      'Run the command again and agree. If Google itself blocked the app: add the account as a test user, or publish the app (Google Auth Platform → Audience).',
    );
  }
  const word = /^[a-z_]{1,40}$/.test(error) ? error : 'no reason given';
  return new CredentialError(
    `Google's page ended without consent (${word})`,
    'Check the client and the audience in the Cloud console (Google Auth Platform), then run the command again.',
  );
}

function nobodyAnswered(timeoutMs: number): UnavailableError {
  return new UnavailableError(
    `nobody answered within ${formatDuration(timeoutMs)}`,
    'Run the command again, and agree on the page that it opens. `--timeout 15m` waits longer.',
  );
}
