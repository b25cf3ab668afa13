/** `job authorize`: a person's consent, stored in AWS, without anything to copy by hand. */
import { inspectExisting, requireSameMailbox } from '../authorize/existing.ts';
import { openConsent } from '../authorize/flow.ts';
import { reachGoogle } from '../authorize/google.ts';
import {
  clientOptions,
  consentOptions,
  emailOption,
  NAME_CLIENT,
  readClient,
  readMailbox,
} from '../authorize/options.ts';
import { readJobScopes, unionOf } from '../authorize/scopes.ts';
import { watchVault } from '../authorize/stopped.ts';
import { dryRunPage, jobsLeftOut, printPage, secretName, storedPage } from '../authorize/wording.ts';
import { openVault } from '../aws/vault.ts';
import { defineCommand } from '../command.ts';
import { examineConfig } from '../config.ts';
import { ConfigError, ExitCode, UsageError } from '../errors.ts';
import { choiceOption, switchOption } from '../options.ts';

export default defineCommand({
  summary: 'Get the refresh token from Google and store it in AWS',
  description:
    "Opens Google's consent page in the browser, takes the answer on a port of this computer, asks Gmail whose mailbox it " +
    'is, and stores the secret under GMAIL_SECRET_ID, which is made when it does not exist. Nothing has to be copied, ' +
    'and no token is shown or written to a file. Needs the AWS permissions of `job policy --for authorize`.',
  options: {
    ...clientOptions,
    email: emailOption,
    ...consentOptions,
    stage: choiceOption(['AWSCURRENT', 'AWSPENDING'], 'AWSPENDING stores it for `job rotate` to put live'),
    replace: switchOption('replace a secret that is for another mailbox'),
    dryRun: switchOption('go through all of it, and store nothing'),
  },
  listens: true,

  async run({ options, env, registry, terminal, hide, signal }) {
    const { config, error } = examineConfig(env);
    if (error !== null) throw isNamed(options) ? error : alsoWithoutClient(error);
    const email = readMailbox(options.email, config.mailbox);
    const jobs = await readJobScopes(registry, options.jobs);
    const installed = await registry.scopes();
    const google = reachGoogle(config, hide);
    const opened = openVault({ secretId: config.secretId, region: config.awsRegion, keys: config.awsKeys }, hide);
    const { vault, orSayWhatWasStored } = watchVault(opened, terminal, '`job check` says whether they are in place.');
    return await orSayWhatWasStored(async () => {
      const client = await readClient(options, terminal, hide, signal);
      if (client === null) throw new UsageError('the OAuth client is not known', NAME_CLIENT);
      const existing = await inspectExisting(vault, google, { ...options, email }, signal);
      const known = existing.kind === 'value' && !options.replace ? existing.mailbox : null;

      const lost = jobsLeftOut(installed, unionOf(jobs), 'To authorize for every installed job, leave out `--jobs`.');
      if (lost !== null) terminal.print(`With the scopes that are asked for, ${lost}`);
      await using consent = await openConsent(
        {
          client,
          scopes: unionOf(jobs),
          jobs,
          email,
          loginHint: email ?? known ?? undefined,
          port: options.port,
          withBrowser: !options.noBrowser,
          timeoutMs: options.timeout,
          failureTitle: 'Nothing was stored',
          secret: secretName(vault),
        },
        { env, terminal, hide, signal },
        google,
      );
      const page = await consent.obtain(async (grant) => {
        requireSameMailbox(existing, grant.user.email, options.replace, vault);
        if (options.dryRun) return dryRunPage(grant, installed, vault);
        const versionId =
          existing.kind === 'no secret'
            ? await vault.create(grant.user, signal)
            : await vault.put(grant.user, options.stage, signal);
        return storedPage(grant, installed, vault, { versionId, stage: options.stage, clientFile: options.client });
      });
      printPage(page, terminal);
      return ExitCode.ok;
    });
  },
});

function isNamed({ client, clientId }: { readonly client: string | undefined; readonly clientId: string | undefined }) {
  return client !== undefined || clientId !== undefined;
}

/** Both problems at once, so that the person corrects the command line once. */
function alsoWithoutClient({ message, remedy }: ConfigError): ConfigError {
  return new ConfigError(`${message}; and the OAuth client is not named`, `${remedy} ${NAME_CLIENT}`);
}
