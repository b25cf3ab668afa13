/** Asks a person for consent and stores the refresh token in AWS, for the command `job authorize`. */
import { openSecretStore } from '../aws/secret-store.ts';
import type { CommandContext } from '../command.ts';
import { examineConfig, secretAddressOf } from '../config.ts';
import { ConfigError, ExitCode, UsageError } from '../errors.ts';
import { chooseBinding } from './binding.ts';
import { NAME_CLIENT, readClient } from './client.ts';
import { openConsent } from './consent.ts';
import { googleAccessOf } from './google.ts';
import { type authorizeOptions, readJobScopes, readMailbox, unionOf } from './options.ts';
import { dryRunPage, lostJobsText, printPage, secretName, storedPage, watchStore } from './outcome.ts';
import { inspectSecret, requireSameMailbox } from './stored-secret.ts';

export async function authorize(context: CommandContext<typeof authorizeOptions>): Promise<ExitCode> {
  const { options, env, registry, terminal, hide, signal } = context;
  const { config, error } = examineConfig(env);
  if (error !== null) throw isClientNamed(options) ? error : alsoWithoutClient(error);
  const email = readMailbox(options.email, config.mailbox?.address);
  const jobs = await readJobScopes(registry, options.jobs);
  const installed = await registry.scopes();
  const google = googleAccessOf(config, context);
  const opened = openSecretStore(secretAddressOf(config), hide);
  const { store, explainStop } = watchStore(opened, terminal, '`job check` says whether they are in place.');
  return await explainStop(async () => {
    const client = await readClient(options, terminal, hide, signal);
    if (client === null) throw new UsageError('the OAuth client is not known', NAME_CLIENT);
    const stored = await inspectSecret(store, google, { ...options, email }, signal);
    const found = stored.kind === 'value' ? stored.binding : undefined;
    const binding = await chooseBinding({ kmsKey: options.kmsKey, unbind: false }, found, {
      region: config.awsRegion,
      google,
      terminal,
      signal,
    });
    const known = stored.kind === 'value' && !options.replace ? stored.mailbox : null;

    const lost = lostJobsText(installed, unionOf(jobs), 'To authorize for every installed job, leave out `--jobs`.');
    if (lost !== null) terminal.print(`With these scopes, ${lost}`);
    await using consent = await openConsent(
      {
        client,
        scopes: unionOf(jobs),
        jobs,
        email,
        loginHint: email ?? known ?? undefined,
        binding,
        port: options.port,
        withBrowser: !options.noBrowser,
        timeoutMs: options.timeout,
        failureTitle: 'Nothing was stored',
        secret: secretName(store),
      },
      context,
      google,
    );
    const page = await consent.obtain(async (grant) => {
      requireSameMailbox(stored, grant.user.email, options.replace, store);
      if (options.dryRun) return dryRunPage(grant, installed, store);
      const { stage, client: clientFile } = options;
      if (stored.kind === 'no secret') {
        return storedPage(grant, installed, store, {
          versionId: await store.create(grant.user, signal),
          stage,
          clientFile,
        });
      }
      // Read again: a key may have been added while the person agreed.
      const before = await store.read({ stage: 'AWSCURRENT' }, signal);
      const versionId = await store.put(grant.user, before?.furtherKeys ?? null, stage, signal);
      return storedPage(grant, installed, store, { versionId, stage, clientFile, before });
    });
    printPage(page, terminal);
    return ExitCode.ok;
  });
}

function isClientNamed(options: Readonly<Record<'client' | 'clientId', string | undefined>>): boolean {
  return options.client !== undefined || options.clientId !== undefined;
}

/** Names both problems, so that the person can correct both before the next try. */
function alsoWithoutClient({ message, remedy }: ConfigError): ConfigError {
  return new ConfigError(`${message}; and the OAuth client is not named`, `${remedy} ${NAME_CLIENT}`);
}
