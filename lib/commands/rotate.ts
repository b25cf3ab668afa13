/** `job rotate`: new credentials in the place of the current ones, with no moment in which no run would work. */
import type { OAuthClient } from '../authorize/client-file.ts';
import { openConsent } from '../authorize/flow.ts';
import { reachGoogle } from '../authorize/google.ts';
import { clientOptions, consentOptions, readClient } from '../authorize/options.ts';
import type { Page } from '../authorize/page.ts';
import { findPending, isOf } from '../authorize/resume.ts';
import { confirmRevocation, revokeAll } from '../authorize/revocation.ts';
import {
  type Current,
  type Demands,
  promote,
  type RotationContext,
  readCurrent,
  stage,
} from '../authorize/rotation.ts';
import { readJobScopes, unionOf } from '../authorize/scopes.ts';
import { watchVault } from '../authorize/stopped.ts';
import { jobsLeftOut, printPage, rotatedPage, sameClientPage, secretName } from '../authorize/wording.ts';
import type { AuthorizedUser } from '../aws/secret.ts';
import { openVault } from '../aws/vault.ts';
import { counted } from '../base/count.ts';
import { type CommandContext, defineCommand } from '../command.ts';
import { readConfig } from '../config.ts';
import { CredentialError, ExitCode } from '../errors.ts';
import { isServed, type JobScopes } from '../google/job-scopes.ts';
import { exchangeRefreshToken, TokenRefusal } from '../google/token.ts';
import { switchOption, textOption } from '../options.ts';

const options = {
  ...clientOptions,
  ...consentOptions,
  jobs: textOption(
    '<a,b>',
    'the jobs to authorize for (default what the current token was granted; if it does not work, all that are installed)',
  ),
  revoke: switchOption('after a leak: end the old access at Google first; asks before it does so'),
  yes: switchOption('do not ask before revoking'),
};

export default defineCommand({
  summary: 'Replace the stored credentials by new ones, and take them back if they do not work',
  description:
    'Asks for consent anew, stores the result as AWSPENDING, checks it, makes it current, checks again, and puts the ' +
    'version before back if that fails. Runs of jobs go on meanwhile. Interrupted, it goes on where it was when it is ' +
    'run again. With the file of the same client (--client) only the client secret changes, and nobody is asked.',
  options,
  listens: true,

  async run(context) {
    const { env, registry, terminal, hide, signal } = context;
    const config = readConfig(env);
    const chosen = await readJobScopes(registry, context.options.jobs);
    const installed = await registry.scopes();
    const opened = openVault({ secretId: config.secretId, region: config.awsRegion, keys: config.awsKeys }, hide);
    const { vault, orSayWhatWasStored } = watchVault(opened, terminal, '`job rotate` goes on where it was.');
    return await orSayWhatWasStored(async () => {
      const client = await readClient(context.options, terminal, hide, signal);
      const rotation = { configuredMailbox: config.mailbox, vault, google: reachGoogle(config, hide), signal };

      const before = await readCurrent(rotation);
      if (before.problem !== null) terminal.print(`The current version does not work: ${before.problem.message}.`);
      const scopes = context.options.jobs === undefined ? (before.scopes ?? unionOf(chosen)) : unionOf(chosen);
      const demands = { mailbox: before.mailbox, scopes };

      const page =
        (context.options.revoke ? null : await withoutConsent(client, before, demands, installed, context, rotation)) ??
        (await withConsent(client ?? before.user, before, demands, { chosen, installed }, context, rotation));
      printPage(page, terminal);
      return ExitCode.ok;
    });
  },
});

type Context = CommandContext<typeof options>;

/** Rotates with what is there already: a version left by an interrupted rotation, or the new secret of the same client. */
async function withoutConsent(
  client: OAuthClient | null,
  before: Current,
  demands: Demands,
  installed: readonly JobScopes[],
  { terminal }: Context,
  rotation: RotationContext,
): Promise<Page | null> {
  const { vault, signal } = rotation;
  const pending = await findPending(before, demands, client, rotation);
  if (pending.kind === 'live') {
    terminal.print('The version of an earlier rotation is current, and works: what was left is done now.');
    await vault.dropStage('AWSPENDING', before.versionId, signal);
    return rotatedPage(before, before, installed, vault);
  }
  if (pending.kind === 'ready') {
    const since = pending.createdAt === undefined ? '' : `, stored ${pending.createdAt.toISOString()}`;
    terminal.print(`A version waits as AWSPENDING${since}, and works: continuing with it, without a new consent.`);
    return rotatedPage(before, await promote(pending.versionId, before, demands, rotation), installed, vault);
  }
  if (pending.why !== undefined) terminal.print(`What waits as AWSPENDING is not used: ${pending.why}.`);

  if (client === null || client.clientId !== before.user.clientId) return null;
  if (isOf(before.user, client) && before.problem === null) return sameClientPage(before, vault);
  const user = await withClientSecret(client, before, rotation);
  if (user === null) return null;
  const versionId = await stage(user, demands, rotation);
  return rotatedPage(before, await promote(versionId, before, demands, rotation), installed, vault);
}

/** The current credentials with another secret of the same client; null when only a new consent can help. */
async function withClientSecret(
  client: OAuthClient,
  before: Current,
  { google, signal }: RotationContext,
): Promise<AuthorizedUser | null> {
  const user = { ...before.user, ...client, email: before.mailbox };
  try {
    const { newRefreshToken } = await exchangeRefreshToken(user, null, undefined, signal, google);
    return newRefreshToken === undefined ? user : { ...user, refreshToken: newRefreshToken };
  } catch (error) {
    if (!(error instanceof TokenRefusal)) throw error;
    if (error.code === 'invalid_grant') return null;
    throw new CredentialError(
      `Google does not accept the new client secret (${error.code}): nothing was changed`,
      'Download the file of the client anew from the Cloud console (Google Auth Platform → Clients).',
      { cause: error },
    );
  }
}

async function withConsent(
  { clientId, clientSecret }: OAuthClient,
  before: Current,
  demands: Demands,
  { chosen, installed }: Readonly<Record<'chosen' | 'installed', readonly JobScopes[]>>,
  { options, env, terminal, hide, signal }: Context,
  rotation: RotationContext,
): Promise<Page> {
  const { vault, google } = rotation;
  const lost = jobsLeftOut(installed, demands.scopes);
  if (lost !== null) terminal.print(`With the scopes that are asked for, ${lost}`);
  if (options.revoke && !options.yes) await confirmRevocation(before, rotation, terminal);
  await using consent = await openConsent(
    {
      client: { clientId, clientSecret },
      scopes: demands.scopes,
      jobs: chosen.filter((job) => isServed(job, demands.scopes)),
      email: before.mailbox,
      loginHint: before.mailbox,
      port: options.port,
      withBrowser: !options.noBrowser,
      timeoutMs: options.timeout,
      failureTitle: 'The credentials were not rotated',
      secret: secretName(vault),
    },
    { env, terminal, hide, signal },
    google,
  );
  if (options.revoke) {
    const count = await revokeAll(before, rotation);
    terminal.print(`Revoked: ${counted(count, 'refresh token')}. No job can run until you have agreed below.`);
    terminal.print('If this command is interrupted, `job rotate` continues it.');
    terminal.print();
  }
  // What was revoked is nothing to go back to.
  const fallback = options.revoke ? { ...before, problem: new CredentialError('it was revoked', '') } : before;
  return await consent.obtain(async (grant) => {
    const versionId = await stage(grant.user, demands, rotation);
    const proof = await promote(versionId, fallback, demands, rotation);
    return rotatedPage(before, proof, installed, vault, options.revoke);
  });
}
