/** Reads the OAuth client that asks for consent, from its options, its file of the Cloud console, or a question. */
import { readFile } from 'node:fs/promises';
import { readPasted } from '../aws/pasted.ts';
import { secretsInText } from '../aws/secrets-in-text.ts';
import { CREDENTIAL_NAMES, credentialKind } from '../base/credential-like.ts';
import { isObject } from '../base/json.ts';
import { ConfigError, UsageError } from '../errors.ts';
import { type OptionValues, textOption, valueOption } from '../options.ts';
import { MIN_SECRET_LENGTH } from '../process/redact.ts';
import type { Terminal } from '../screen/terminal.ts';

export interface OAuthClient {
  readonly clientId: string;
  readonly clientSecret: string;
}

export const clientOptions = {
  client: textOption('<file>', "the client's file from the Cloud console (type Desktop app)"),
  clientId: valueOption('<id>', "the client's id instead of its file; asks for the client secret", (text) => {
    const kind = credentialKind(text);
    if (kind === undefined) return text;
    throw new UsageError(
      `--client-id holds ${CREDENTIAL_NAMES[kind]}, and no client id`,
      'Write the id of the client, which ends with .apps.googleusercontent.com. The command asks for its secret.',
    );
  }),
};

/** The remedy when no client is named. */
export const NAME_CLIENT =
  'Write --client <file> with the file of a Desktop client from the Cloud console, or --client-id <id>.';

/**
 * The client that the options name; null when neither is used. Passes the client's secret to `hide` first.
 * @throws UsageError when both options are used, ConfigError when the file or the secret does not belong to a client.
 */
export async function readClient(
  { client: file, clientId }: OptionValues<typeof clientOptions>,
  terminal: Terminal,
  hide: (secret: string) => void,
  signal: AbortSignal,
): Promise<OAuthClient | null> {
  if (file !== undefined && clientId !== undefined) {
    throw new UsageError('--client and --client-id both name a client', 'Leave one of them out.');
  }
  if (file !== undefined) return readClientFile(file, hide);
  if (clientId === undefined) return null;
  const answer = await terminal.ask('Client secret (it is not shown): ', signal, { secret: true });
  hide(answer?.trim() ?? '');
  return { clientId: clientId.trim(), clientSecret: requireClientSecret(answer) };
}

const MAKE_CLIENT =
  'Make a client of type Desktop app in the Cloud console (Google Auth Platform → Clients → Create client) and download its JSON.';

/**
 * Reads only id and secret. The file also holds addresses, but a file must not decide where a secret is sent.
 * @throws ConfigError, which never quotes the file's text.
 */
async function readClientFile(file: string, hide: (secret: string) => void): Promise<OAuthClient> {
  const text = await readText(file);
  for (const secret of secretsInText(text)) hide(secret);
  const refuse = (problem: string, remedy = MAKE_CLIENT) => new ConfigError(`--client: ${file} ${problem}`, remedy);
  const pasted = readPasted(text);
  if ('problem' in pasted) throw refuse(pasted.problem);
  const { value: content } = pasted;
  if (!isObject(content)) throw refuse('is no JSON object');
  if (content.type === 'service_account') {
    throw refuse(
      'is the key of a service account, which needs no consent: an administrator authorizes the service account for the whole Workspace',
      'Put the key file itself, with "subject" added, into the secret (see "A service account instead of consent" in jobs/README.md); or use a Desktop client.',
    );
  }
  if (isObject(content.web)) {
    throw refuse('is a client of type Web application, which Google does not let a program on your computer use');
  }
  if (content.type === 'authorized_user') {
    throw refuse('holds the credentials of a user, and not of a client');
  }
  const { client_id: clientId, client_secret: clientSecret } = isObject(content.installed) ? content.installed : {};
  if (!isCredential(clientId) || !isCredential(clientSecret)) {
    throw refuse('is not the file of a Desktop client ({"installed":{"client_id":…,"client_secret":…}})');
  }
  return { clientId, clientSecret };
}

function requireClientSecret(text: string | null): string {
  const secret = text?.trim() ?? '';
  if (isCredential(secret)) return secret;
  throw new ConfigError(
    secret === '' ? 'no client secret was given' : 'the answer is no client secret',
    'Paste it from the Cloud console (Google Auth Platform → Clients → the client), or use --client with its file.',
  );
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why = code === 'ENOENT' ? 'does not exist' : code === 'EISDIR' ? 'is a folder' : `cannot be read (${code})`;
    throw new ConfigError(`--client: ${file} ${why}`, 'Write the path of the file as the browser saved it.');
  }
}

function isCredential(value: unknown): value is string {
  return typeof value === 'string' && value.length >= MIN_SECRET_LENGTH && /^[\x21-\x7e]+$/.test(value);
}
