/**
 * Replaces the stored credentials, for the command `job rotate`: continues an interrupted rotation, stores the new client
 * secret of the same client, or asks for consent.
 */

import { openSecretStore } from '../aws/secret-store.ts';
import type { AuthorizedUser, KeyBinding } from '../aws/shape.ts';
import { counted } from '../base/count.ts';
import type { CommandContext } from '../command.ts';
import { readConfig, secretAddressOf } from '../config.ts';
import { CredentialError, ExitCode } from '../errors.ts';
import { hasAllScopes, type JobScopes } from '../google/scopes.ts';
import { exchangeRefreshToken, TokenRefusal } from '../google/token.ts';
import { chooseBinding, isSameBinding, namesBinding } from './binding.ts';
import { type OAuthClient, readClient } from './client.ts';
import { openConsent } from './consent.ts';
import { DOWNLOAD_CLIENT, googleAccessOf } from './google.ts';
import { readJobScopes, type rotateOptions, unionOf } from './options.ts';
import { lostJobsText, printPage, rotatedPage, sameClientPage, secretName, watchStore } from './outcome.ts';
import type { OutcomePage } from './outcome-page.ts';
import { confirmRevocation, revokeAll } from './revocation.ts';
import {
  type CurrentVersion,
  findPending,
  isSameClient,
  promote,
  type RotationContext,
  type RotationDemands,
  readCurrent,
  stage,
  stageCurrentKeys,
} from './rotation.ts';

type RotateContext = CommandContext<typeof rotateOptions>;

export async function rotate(context: RotateContext): Promise<ExitCode> {
  const { env, registry, terminal, hide, signal } = context;
  const config = readConfig(env);
  const chosen = await readJobScopes(registry, context.options.jobs);
  const installed = await registry.scopes();
  const opened = openSecretStore(secretAddressOf(config), hide);
  const { store, explainStop } = watchStore(opened, terminal, `\`${continuationOf(context.options)}\` continues.`);
  return await explainStop(async () => {
    const client = await readClient(context.options, terminal, hide, signal);
    const isRebinding = namesBinding(context.options);
    const google = googleAccessOf(config, context);
    let tell = (_step: string) => {};
    const rotation = {
      configuredMailbox: config.mailbox,
      store,
      google,
      isRebinding,
      tell: (step: string) => tell(step),
      signal,
    };

    const before = await readCurrent(rotation);
    if (before.problem !== null) terminal.print(`The current version does not work: ${before.problem.message}.`);
    const scopes = context.options.jobs === undefined ? (before.scopes ?? unionOf(chosen)) : unionOf(chosen);
    const region = config.awsRegion;
    const binding = await chooseBinding(context.options, before.user.binding, { region, google, terminal, signal });
    if (binding !== undefined || before.user.binding !== undefined) tell = (step) => terminal.print(step);
    const keyDemand = isRebinding ? { binding } : { isBound: binding !== undefined };
    const demands = { mailbox: before.mailbox, scopes, ...keyDemand };

    const page =
      (context.options.revoke ? null : await withoutConsent(client, before, demands, installed, context, rotation)) ??
      (await withConsent(
        { ...(client ?? before.user), binding },
        before,
        demands,
        { chosen, installed },
        context,
        rotation,
      ));
    printPage(page, terminal);
    return ExitCode.ok;
  });
}

/** Rotates with a version that an earlier rotation left, or with a new client secret. Null when consent is needed. */
async function withoutConsent(
  client: OAuthClient | null,
  before: CurrentVersion,
  demands: RotationDemands,
  installed: readonly JobScopes[],
  { terminal }: RotateContext,
  rotation: RotationContext,
): Promise<OutcomePage | null> {
  const { store, signal } = rotation;
  const pending = await findPending(before, demands, client, rotation);
  if (pending.kind === 'live') {
    terminal.print('An interrupted rotation had already made its version current, and the version works.');
    await store.dropStage('AWSPENDING', before.versionId, signal);
    return rotatedPage(before, before, installed, store);
  }
  if (pending.kind === 'ready') {
    const since = pending.createdAt === undefined ? '' : `, stored ${pending.createdAt.toISOString()}`;
    terminal.print(`Continuing with the version in AWSPENDING${since}: it works, and no new consent is needed.`);
    const versionId = await stageCurrentKeys(pending, before, demands, rotation);
    return rotatedPage(before, await promote(versionId, before, demands, rotation), installed, store);
  }
  if (pending.why !== undefined) terminal.print(`The version in AWSPENDING is not used: ${pending.why}.`);

  if (client === null || client.clientId !== before.user.clientId) return null;
  if ('binding' in demands && !isSameBinding(demands.binding, before.user.binding)) return null;
  if (isSameClient(before.user, client) && before.problem === null) return sameClientPage(before, store);
  const user = await withClientSecret(client, before, rotation);
  if (user === null) return null;
  const versionId = await stage(user, before.furtherKeys, demands, rotation);
  return rotatedPage(before, await promote(versionId, before, demands, rotation), installed, store);
}

/** The current credentials with another secret of the same client. Null when the refresh token is dead. */
async function withClientSecret(
  client: OAuthClient,
  before: CurrentVersion,
  { google, signal }: RotationContext,
): Promise<AuthorizedUser | null> {
  const user = { ...before.user, ...client, email: before.mailbox };
  try {
    return (await exchangeRefreshToken(user, null, undefined, signal, google)).replacement ?? user;
  } catch (error) {
    if (!(error instanceof TokenRefusal)) throw error;
    if (error.code === 'invalid_grant') return null;
    throw new CredentialError(
      `Google does not accept the new client secret (${error.code}): nothing was changed`,
      error.code === 'disabled_client' ? error.remedy : `${DOWNLOAD_CLIENT}.`,
      { cause: error },
    );
  }
}

async function withConsent(
  { clientId, clientSecret, binding }: OAuthClient & { readonly binding: KeyBinding | undefined },
  before: CurrentVersion,
  demands: RotationDemands,
  { chosen, installed }: Readonly<Record<'chosen' | 'installed', readonly JobScopes[]>>,
  { options, env, terminal, hide, signal }: RotateContext,
  rotation: RotationContext,
): Promise<OutcomePage> {
  const { store, google } = rotation;
  const lost = lostJobsText(installed, demands.scopes);
  if (lost !== null) terminal.print(`With these scopes, ${lost}`);
  if (options.revoke && !options.yes) await confirmRevocation(before, rotation, terminal);
  await using consent = await openConsent(
    {
      client: { clientId, clientSecret },
      scopes: demands.scopes,
      jobs: chosen.filter((job) => hasAllScopes(job, demands.scopes)),
      email: before.mailbox,
      loginHint: before.mailbox,
      binding,
      port: options.port,
      withBrowser: !options.noBrowser,
      timeoutMs: options.timeout,
      failureTitle: 'The credentials were not rotated',
      secret: secretName(store),
    },
    { env, terminal, hide, signal },
    google,
  );
  if (options.revoke) {
    const count = await revokeAll(before, rotation);
    terminal.print(`Revoked: ${counted(count, 'refresh token')}. No job can run until you have agreed below.`);
    terminal.print(`If this command is interrupted, \`${continuationOf(options)}\` continues it.`);
    terminal.print();
  }
  // A revoked version must not be put back.
  const fallback = options.revoke ? { ...before, problem: new CredentialError('it was revoked', '') } : before;
  try {
    return await consent.obtain(async (grant) => {
      const versionId = await stage(grant.user, before.furtherKeys, demands, rotation);
      const proof = await promote(versionId, fallback, demands, rotation);
      return rotatedPage(before, proof, installed, store, options.revoke);
    });
  } catch (error) {
    if (options.revoke)
      terminal.print(`The old tokens are revoked, so no job can run before \`${continuationOf(options)}\` succeeds.`);
    throw error;
  }
}

/** The command that goes on after an interruption. Without an option, it would keep the key of the current version. */
function continuationOf({ kmsKey, unbind }: Pick<RotateContext['options'], 'kmsKey' | 'unbind'>): string {
  if (unbind) return 'job rotate --unbind';
  return kmsKey === undefined ? 'job rotate' : `job rotate --kms-key ${kmsKey}`;
}
