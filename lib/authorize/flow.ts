/**
 * From the question to the grant: the link, the browser, the answer by loopback or pasted, the exchange of its code, and
 * what must be true of the grant before anything is done with it.
 */

import type { AuthorizedUser } from '../aws/secret.ts';
import { formatDuration } from '../base/duration.ts';
import { isSameMailbox } from '../base/mail-address.ts';
import type { CommandContext } from '../command.ts';
import { CredentialError, UnavailableError } from '../errors.ts';
import { askMailbox } from '../gmail/profile.ts';
import { isServed, type JobScopes } from '../google/job-scopes.ts';
import { shortScope } from '../google/token.ts';
import type { OptionSpecs } from '../options.ts';
import { typedIn } from '../screen/typed.ts';
import { openBrowser } from './browser.ts';
import type { OAuthClient } from './client-file.ts';
import { consentLink, createTie, type Tie, wrongState } from './consent.ts';
import { exchangeCode, type GoogleAccess } from './google.ts';
import { type ConsentAnswer, type Loopback, startLoopback } from './loopback.ts';
import { asTyped, type Facts, failurePage, type Page } from './page.ts';
import { pastedAnswer } from './paste.ts';

export interface ConsentRequest {
  readonly client: OAuthClient;
  readonly scopes: readonly string[];
  /** The jobs that need them. */
  readonly jobs: readonly JobScopes[];
  /** The mailbox that it must be, when the person named one. */
  readonly email: string | undefined;
  /** The mailbox that is meant, to have its account chosen beforehand. */
  readonly loginHint: string | undefined;
  /** 0 for a free one. */
  readonly port: number;
  readonly withBrowser: boolean;
  /** How long to wait for the person. */
  readonly timeoutMs: number;
  /** What the page says when it comes to nothing, and the secret that was meant. */
  readonly failureTitle: string;
  readonly secret: string;
}

/** What a person granted: proven to be enough, and known whose it is. */
export interface Grant {
  readonly user: AuthorizedUser & { readonly email: string };
  readonly scopes: readonly string[];
  /** How long the refresh token lives, where Google says that it ends. */
  readonly refreshTokenLifetimeMs: number | undefined;
}

export interface Consent extends AsyncDisposable {
  /**
   * Asks the person and hands the grant to `finish`; the browser shows the page that tells how that went, and it is
   * returned.
   * @throws CredentialError for a refusal, UnavailableError when nobody answers, and what `finish` throws.
   */
  obtain(finish: (grant: Grant) => Promise<Page>): Promise<Page>;
}

type Around = Pick<CommandContext<OptionSpecs>, 'env' | 'terminal' | 'hide' | 'signal'>;

/** Makes everything ready to ask, so that what can fail has failed before. @throws ConfigError when the port is taken. */
export async function openConsent(request: ConsentRequest, around: Around, google: GoogleAccess): Promise<Consent> {
  const tie = createTie();
  around.hide(tie.verifier);
  const loopback = await startLoopback(request.port, tie.state);
  return {
    async obtain(finish) {
      const answer = await ask(request, tie, loopback, around, google);
      let mailbox: Facts = [];
      try {
        const grant = await takeGrant(answer.parameters, request, tie, loopback.redirectUri, around, google);
        mailbox = [['Mailbox', grant.user.email]];
        const page = await finish(grant);
        await answer.reply(asTyped(page, typedIn(around.env)));
        return page;
      } catch (error) {
        const failed = failurePage(request.failureTitle, error, [...mailbox, ['Secret', request.secret]]);
        await answer.reply(asTyped(failed, typedIn(around.env)));
        throw error;
      }
    },
    [Symbol.asyncDispose]: () => loopback[Symbol.asyncDispose](),
  };
}

async function ask(
  request: ConsentRequest,
  tie: Tie,
  loopback: Loopback,
  { env, terminal, hide, signal }: Around,
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
    tie,
  );
  terminal.print('Agree on this page, with every box ticked:');
  terminal.print();
  terminal.print(`  ${link}`);
  terminal.print();
  // Only now: the link would be cut.
  hide(tie.state);
  const opened = request.withBrowser && (await openBrowser(link, env));
  terminal.print(
    opened
      ? 'It should be open in your browser by now; if not, open the link yourself.'
      : 'Open the link in a browser, on this computer or another.',
  );

  const ending = new AbortController();
  const waiting = AbortSignal.any([signal, ending.signal]);
  const timeout = google.clock.sleep(request.timeoutMs, waiting).then(() => {
    throw loopback.mismatched ? wrongState() : nobody(request.timeoutMs);
  });
  const pasted = pastedAnswer(tie.state, terminal, hide, waiting);
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
  { verifier }: Tie,
  redirectUri: string,
  { hide, signal }: Around,
  google: GoogleAccess,
): Promise<Grant> {
  const code = parameters.get('code') ?? '';
  if (code === '') throw refusal(parameters.get('error') ?? '');
  hide(code);
  const tokens = await exchangeCode(request.client, { code, verifier, redirectUri }, signal, google);
  const scopes = tokens.scopes ?? request.scopes;
  requireAll(request, scopes);
  if (tokens.refreshToken === undefined) {
    throw new CredentialError(
      'Google gave no refresh token, so the jobs could work for an hour and no longer',
      "Remove the app's access at myaccount.google.com/connections, then run the command again.",
    );
  }
  const { address: email } = await askMailbox(tokens.accessToken, signal, google);
  if (request.email !== undefined && !isSameMailbox(email, request.email)) {
    throw new CredentialError(
      `you agreed for the mailbox ${email}, but it must be ${request.email}`,
      `Run the command again and choose the account ${request.email} on Google's page.`,
    );
  }
  const user = { type: 'authorized_user', ...request.client, refreshToken: tokens.refreshToken, email } as const;
  return { user, scopes, refreshTokenLifetimeMs: tokens.refreshTokenLifetimeMs };
}

/** @throws CredentialError that names the scopes which the person left out, and the jobs that would not run. */
function requireAll({ scopes, jobs }: ConsentRequest, granted: readonly string[]): void {
  // A box counts even if another one includes its scope: a run's access token could not be narrowed to it.
  const missing = scopes.filter((scope) => !granted.includes(scope));
  if (missing.length === 0) return;
  const wide = jobs.filter((job) => job.scopes.some((scope) => missing.includes(scope))).map(({ name }) => name);
  const stopped = jobs.filter((job) => !isServed(job, granted)).map(({ name }) => name);
  const left = jobs.map(({ name }) => name).filter((name) => !stopped.includes(name));
  const effect =
    stopped.length > 0
      ? `so ${stopped.join(', ')} would not run`
      : wide.length > 0
        ? `so ${wide.join(', ')} would run with more access than needed`
        : 'and the credentials before had them';
  const fewer =
    left.length === 0 || stopped.length === 0 ? '' : `; or, to do without, add \`--jobs ${left.join(',')}\``;
  const boxes = missing.length === 1 ? 'the box' : 'the boxes';
  throw new CredentialError(
    `${boxes} for ${missing.map(shortScope).join(', ')} on Google's page ${missing.length === 1 ? 'was' : 'were'} left empty, ${effect}`,
    `Run the command again and leave every box ticked${fewer}.`,
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

function nobody(timeoutMs: number): UnavailableError {
  return new UnavailableError(
    `nobody answered within ${formatDuration(timeoutMs)}`,
    'Run the command again, and agree on the page that it opens; `--timeout 15m` waits longer.',
  );
}
