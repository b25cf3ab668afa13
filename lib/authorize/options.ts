/** What `authorize` and `rotate` have in common on the command line. */

import { CREDENTIAL_NAMES, credentialKind } from '../base/credential-like.ts';
import { DURATION_EXAMPLES, parseDuration } from '../base/duration.ts';
import { isMailAddress, isSameMailbox } from '../base/mail-address.ts';
import { UsageError } from '../errors.ts';
import { type OptionSpec, type OptionValues, switchOption, textOption } from '../options.ts';
import type { Terminal } from '../screen/terminal.ts';
import { type OAuthClient, readClientFile, requireClientSecret } from './client-file.ts';

const DEFAULT_TIMEOUT_MS = 5 * 60_000;

const portOption: OptionSpec<number> = {
  placeholder: '<n>',
  summary: 'port of 127.0.0.1 that Google sends the browser back to (default a free one)',
  parse(text) {
    const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
    if (port >= 1 && port <= 65_535) return port;
    throw new UsageError(`"${text}" is no port`, 'Write a number from 1 to 65535.');
  },
  fallback: 0,
};

const timeoutOption: OptionSpec<number> = {
  placeholder: '<duration>',
  summary: 'how long to wait for the person (default 5m)',
  parse(text) {
    const ms = parseDuration(text);
    if (ms === null) throw new UsageError(`"${text}" is no duration`, `${DURATION_EXAMPLES}.`);
    return ms;
  },
  fallback: DEFAULT_TIMEOUT_MS,
};

export const emailOption: OptionSpec<string | undefined> = {
  placeholder: '<address>',
  summary: 'the mailbox to authorize (default GMAIL_MAILBOX)',
  parse(text) {
    if (isMailAddress(text)) return text;
    throw new UsageError(`"${text}" is no mail address`, 'Write it like alice@example.com.');
  },
  fallback: undefined,
};

/**
 * The mailbox that a grant must be for: `--email`, else GMAIL_MAILBOX; undefined when neither names one.
 * @throws UsageError when they name two.
 */
export function readMailbox(email: string | undefined, configuredMailbox: string | undefined): string | undefined {
  if (email === undefined || configuredMailbox === undefined || isSameMailbox(email, configuredMailbox))
    return email ?? configuredMailbox;
  throw new UsageError(
    `--email is ${email}, but GMAIL_MAILBOX is ${configuredMailbox}: every run would refuse this token`,
    'Leave out --email, or set GMAIL_MAILBOX (here and on Heroku) to the mailbox that the jobs shall work on.',
  );
}

export const clientOptions = {
  client: textOption('<file>', "the client's file from the Cloud console (type Desktop app)"),
  clientId: {
    placeholder: '<id>',
    summary: "the client's id instead of its file; the client secret is asked for",
    parse(text) {
      const kind = credentialKind(text);
      if (kind === undefined) return text;
      throw new UsageError(
        `--client-id holds ${CREDENTIAL_NAMES[kind]}, and no client id`,
        'Write the id of the client, which ends with .apps.googleusercontent.com; its secret is asked for.',
      );
    },
    fallback: undefined,
  } satisfies OptionSpec<string | undefined>,
};

export const consentOptions = {
  jobs: textOption('<a,b>', 'the jobs to authorize for (default all that are installed)'),
  noBrowser: switchOption('open no browser: print the link, and take the address of the last page'),
  port: portOption,
  timeout: timeoutOption,
};

/** The remedy when no client is named. */
export const NAME_CLIENT =
  'Write --client <file> with the file of a Desktop client from the Cloud console, or --client-id <id>.';

/**
 * The client that the options name; null when they name none. Its secret is given to `hide` first.
 * @throws UsageError when they name two, ConfigError when it is none.
 */
export async function readClient(
  { client: file, clientId }: OptionValues<typeof clientOptions>,
  terminal: Terminal,
  hide: (secret: string) => void,
  signal: AbortSignal,
): Promise<OAuthClient | null> {
  if (file !== undefined && clientId !== undefined) {
    throw new UsageError('--client and --client-id are two ways to say the same', 'Leave one of them out.');
  }
  if (file !== undefined) return readClientFile(file, hide);
  if (clientId === undefined) return null;
  const answer = await terminal.ask('Client secret (it is not shown): ', signal, { secret: true });
  hide(answer?.trim() ?? '');
  return { clientId: clientId.trim(), clientSecret: requireClientSecret(answer) };
}
