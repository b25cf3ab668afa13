/** The options of `job authorize` and `job rotate`, and the values that depend on more than one option. */

import { isKeyAlias, regionOfKey } from '../aws/names.ts';
import { isMailAddress, isSameMailbox } from '../base/mail-address.ts';
import { UsageError } from '../errors.ts';
import type { JobScopes } from '../google/scopes.ts';
import { choiceOption, durationOption, jobsOption, switchOption, valueOption, yesOption } from '../options.ts';
import type { Registry } from '../registry.ts';
import { clientOptions } from './client.ts';

const consentOptions = {
  noBrowser: switchOption('print the link and do not open a browser'),
  port: {
    placeholder: '<n>',
    summary: 'port of 127.0.0.1 to receive the answer (default a free one)',
    parse: parsePort,
    fallback: 0,
  },
  timeout: durationOption('how long to wait for your answer', 5 * 60_000),
};

const kmsKeyOption = valueOption(
  '<arn|alias>',
  'bind the refresh token to this key in AWS KMS: without the key, the secret opens nothing',
  parseKmsKey,
);

export const authorizeOptions = {
  ...clientOptions,
  email: valueOption('<address>', 'the mailbox to authorize (default GMAIL_MAILBOX)', parseAddress),
  jobs: jobsOption(),
  ...consentOptions,
  stage: choiceOption(
    ['AWSCURRENT', 'AWSPENDING'],
    'staging label of the stored version; `job rotate` makes AWSPENDING current',
  ),
  kmsKey: kmsKeyOption,
  replace: switchOption('replace a secret that is for another mailbox'),
  dryRun: switchOption('do everything except storing the credentials'),
};

export const rotateOptions = {
  ...clientOptions,
  jobs: jobsOption('the jobs whose scopes the current token has; if the token does not work, all installed jobs'),
  ...consentOptions,
  kmsKey: kmsKeyOption,
  unbind: switchOption('bind the refresh token to no key any more'),
  revoke: switchOption('after a leak: revoke the old tokens at Google first; asks before it revokes'),
  yes: yesOption,
};

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port >= 1 && port <= 65_535) return port;
  throw new UsageError(`"${text}" is no port`, 'Write a number from 1 to 65535.');
}

function parseKmsKey(text: string): string {
  if (isKeyAlias(text) || regionOfKey(text) !== undefined) return text;
  throw new UsageError(
    '--kms-key is neither the ARN of a KMS key nor an alias',
    'Write the ARN of the key or of its alias (arn:aws:kms:REGION:ACCOUNT:key/ID), or the name of an alias in AWS_REGION (alias/NAME).',
  );
}

function parseAddress(text: string): string {
  if (isMailAddress(text)) return text;
  throw new UsageError(`"${text}" is no mail address`, 'Write it like alice@example.com.');
}

/**
 * The mailbox that a grant must be for: `--email`, else GMAIL_MAILBOX, else undefined.
 * @throws UsageError when both name a mailbox and differ.
 */
export function readMailbox(email: string | undefined, configuredMailbox: string | undefined): string | undefined {
  if (email === undefined || configuredMailbox === undefined || isSameMailbox(email, configuredMailbox))
    return email ?? configuredMailbox;
  throw new UsageError(
    `--email is ${email}, but GMAIL_MAILBOX is ${configuredMailbox}: every run would refuse this token`,
    'Leave out --email, or set GMAIL_MAILBOX (here and on Heroku) to the mailbox that the jobs shall work on.',
  );
}

/**
 * The scopes of the installed jobs, or of the jobs in `names`.
 * @throws UsageError for an unknown job in `names`, ConfigError for a broken one.
 */
export async function readJobScopes(registry: Registry, names: readonly string[] | undefined): Promise<JobScopes[]> {
  if (names === undefined) return await registry.scopes();
  return await Promise.all(names.map(async (name) => ({ name, scopes: (await registry.load(name)).scopes })));
}

export function unionOf(jobs: readonly JobScopes[]): string[] {
  return [...new Set(jobs.flatMap(({ scopes }) => scopes))];
}
