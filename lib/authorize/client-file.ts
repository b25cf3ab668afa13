/** The OAuth client that consent is asked for: the file that Google's console gives for a Desktop client. */
import { readFile } from 'node:fs/promises';
import { readPasted } from '../aws/pasted.ts';
import { secretsInText } from '../aws/secrets-in-text.ts';
import { isObject } from '../base/json.ts';
import { ConfigError } from '../errors.ts';
import { MIN_SECRET_LENGTH } from '../process/redact.ts';

export interface OAuthClient {
  readonly clientId: string;
  readonly clientSecret: string;
}

const WHERE =
  'Make a client of type Desktop app in the Cloud console (Google Auth Platform → Clients → Create client) and download its JSON.';

/**
 * The client in `file`. Its secret is given to `hide` before anything else. The addresses that the file names are not
 * used: a file must not decide where a secret is sent.
 * @throws ConfigError that says what is wrong with the file, never what is in it.
 */
export async function readClientFile(file: string, hide: (secret: string) => void): Promise<OAuthClient> {
  const text = await readText(file);
  for (const secret of secretsInText(text)) hide(secret);
  const refuse = (problem: string, remedy = WHERE) => new ConfigError(`--client: ${file} ${problem}`, remedy);
  const pasted = readPasted(text);
  if ('problem' in pasted) throw refuse(pasted.problem);
  const { value: content } = pasted;
  if (!isObject(content)) throw refuse('is no JSON object');
  if (content.type === 'service_account') {
    throw refuse(
      'is the key of a service account, which nobody consents to: an administrator allows it for the whole Workspace',
      'Put the key file itself, with "subject" added, into the secret (the README says how); or use a Desktop client.',
    );
  }
  if (isObject(content.web)) {
    throw refuse(
      'is a client of type Web application, which Google does not let a program on your computer use',
      WHERE,
    );
  }
  if (content.type === 'authorized_user') {
    throw refuse('holds the credentials of a user and not those of a client');
  }
  const { client_id: clientId, client_secret: clientSecret } = isObject(content.installed) ? content.installed : {};
  if (!isCredential(clientId) || !isCredential(clientSecret)) {
    throw refuse('is not the file of a Desktop client ({"installed":{"client_id":…,"client_secret":…}})');
  }
  return { clientId, clientSecret };
}

/** @throws ConfigError when it cannot be a client secret. */
export function requireClientSecret(text: string | null): string {
  const secret = text?.trim() ?? '';
  if (isCredential(secret)) return secret;
  throw new ConfigError(
    secret === '' ? 'no client secret was given' : 'what was given is no client secret',
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
