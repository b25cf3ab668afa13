/** The link to Google's consent page: builds it, opens it in the person's browser, and checks the state of an answer. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { delimiter } from 'node:path';
import type { Environment } from '../base/environment.ts';
import { CredentialError } from '../errors.ts';

export interface ConsentQuestion {
  /** The address of Google's consent page. */
  readonly authUrl: string;
  readonly clientId: string;
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  /** The address of the account that Google's page selects; undefined lets the person choose. */
  readonly loginHint: string | undefined;
}

/** Random values of one link. They tie an answer to this process. */
export interface LinkSecrets {
  /** Google sends the state back with the answer. */
  readonly state: string;
  /** PKCE (RFC 7636): sent only with the exchange of the code, so a stolen code is worth nothing. */
  readonly verifier: string;
}

export function createLinkSecrets(): LinkSecrets {
  return { state: randomBytes(32).toString('base64url'), verifier: randomBytes(32).toString('base64url') };
}

/**
 * The link to the consent page. Without `prompt=consent`, Google issues no refresh token to a person who consented before.
 * Source: developers.google.com/identity/protocols/oauth2/native-app.
 */
export function consentLink(question: ConsentQuestion, { state, verifier }: LinkSecrets): string {
  const link = new URL(question.authUrl);
  const parameters = {
    client_id: question.clientId,
    redirect_uri: question.redirectUri,
    response_type: 'code',
    scope: question.scopes.join(' '),
    state,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
    access_type: 'offline',
    prompt: 'consent',
  };
  for (const [name, value] of Object.entries(parameters)) link.searchParams.set(name, value);
  if (question.loginHint !== undefined) link.searchParams.set('login_hint', question.loginHint);
  return link.href;
}

/** Compares in constant time, so that the duration does not reveal how many characters are right. */
export function isState(given: string | null, state: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return given !== null && timingSafeEqual(digest(given), digest(state));
}

/** The remedy for an answer or a code that does not belong to this command. */
export const USE_NEW_LINK = 'Run the command again, and use the new link.';

export function wrongState(): CredentialError {
  return new CredentialError(
    'the answer has another state than the link of this command: the answer belongs to an earlier link, or somebody else made it',
    USE_NEW_LINK,
  );
}

/**
 * Variables that a browser needs to find its files, its screen and its running instance. The browser gets no others:
 * packages such as `open` would pass on the whole environment, with AWS's keys.
 */
const BROWSER_VARIABLES =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TMPDIR|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|XDG_\w+|DBUS_SESSION_BUS_ADDRESS|DESKTOP_SESSION|GNOME_DESKTOP_SESSION_ID|KDE_\w+|BROWSER|WSL_DISTRO_NAME|WSL_INTEROP|WSLENV|SYSTEMROOT|SYSTEMDRIVE|WINDIR|USERPROFILE|APPDATA|LOCALAPPDATA|PROGRAMFILES|PROGRAMFILES\(X86\)|PROGRAMDATA|PATHEXT|COMSPEC|TEMP|TMP)$/i;

/** A browser counts as started when it did not exit with an error within this time. */
const STARTED_AFTER_MS = 1_000;

/** Opens `link`. Returns false when there is no browser or it did not start. */
export async function openBrowser(link: string, env: Environment, platform = process.platform): Promise<boolean> {
  const words = browserCommand(link, env, platform);
  const [program, ...args] = words ?? [];
  if (program === undefined) return false;
  let child: ChildProcess;
  try {
    child = spawn(program, args, { detached: true, stdio: 'ignore', env: browserEnvironment(env) });
  } catch (error) {
    // On Heroku, Node's permission model allows no child processes.
    if ((error as NodeJS.ErrnoException).code === 'ERR_ACCESS_DENIED') return false;
    throw error;
  }
  const started = await new Promise<boolean>((resolve) => {
    const timer = setTimeout(() => resolve(true), STARTED_AFTER_MS);
    const end = (good: boolean) => {
      clearTimeout(timer);
      resolve(good);
    };
    child.on('error', () => end(false));
    child.on('exit', (code) => end(code === 0));
  });
  child.unref();
  return started;
}

/**
 * The command that opens `link`: the first entry of `$BROWSER`, in xdg-open's format, else the system's command. Null
 * without a browser, as on a Linux server.
 */
export function browserCommand(link: string, env: Environment, platform: NodeJS.Platform): readonly string[] | null {
  const wanted = env.BROWSER?.trim() ?? '';
  if (wanted !== '') {
    const words = (wanted.split(delimiter)[0] ?? '').split(/\s+/).filter((word) => word !== '');
    if (words.some((word) => word.includes('%s'))) return words.map((word) => word.replaceAll('%s', () => link));
    return [...words, link];
  }
  if (platform === 'darwin') return ['open', link];
  if (platform === 'win32') return ['rundll32', 'url.dll,FileProtocolHandler', link];
  const hasScreen = ['DISPLAY', 'WAYLAND_DISPLAY', 'WSL_DISTRO_NAME'].some((name) => (env[name] ?? '') !== '');
  return hasScreen ? ['xdg-open', link] : null;
}

export function browserEnvironment(env: Environment): Record<string, string> {
  const entries = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries.filter(([name]) => BROWSER_VARIABLES.test(name)));
}
