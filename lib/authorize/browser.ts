/**
 * Opens the person's browser. Not with a package such as `open`: those hand the whole environment down, and the browser
 * and all that it starts would carry AWS's keys in theirs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { delimiter } from 'node:path';
import type { Environment } from '../base/environment.ts';

/** What a browser needs to find its files, its screen and its running instance. Nothing else is handed down. */
const HANDED_DOWN =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LC_\w+|TZ|TMPDIR|DISPLAY|WAYLAND_DISPLAY|XAUTHORITY|XDG_\w+|DBUS_SESSION_BUS_ADDRESS|DESKTOP_SESSION|GNOME_DESKTOP_SESSION_ID|KDE_\w+|BROWSER|WSL_DISTRO_NAME|WSL_INTEROP|WSLENV|SYSTEMROOT|SYSTEMDRIVE|WINDIR|USERPROFILE|APPDATA|LOCALAPPDATA|PROGRAMFILES|PROGRAMFILES\(X86\)|PROGRAMDATA|PATHEXT|COMSPEC|TEMP|TMP)$/i;

/** A browser that did not end within this time with an error is taken for one that started. */
const STARTED_AFTER_MS = 1_000;

/** Opens `link` and returns true; false when there is no browser or it could not be started. */
export async function openBrowser(link: string, env: Environment, platform = process.platform): Promise<boolean> {
  const words = browserCommand(link, env, platform);
  const [program, ...args] = words ?? [];
  if (program === undefined) return false;
  let child: ChildProcess;
  try {
    child = spawn(program, args, { detached: true, stdio: 'ignore', env: handDown(env) });
  } catch (error) {
    // On Heroku the process may start no other.
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
 * The command that opens `link`: `$BROWSER` (a list, with `%s` for the link, as xdg-open takes it), else the system's.
 * Null where there is none, such as on a Linux without a screen.
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

/** The variables of `env` that a browser may see. */
export function handDown(env: Environment): Record<string, string> {
  const entries = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries.filter(([name]) => HANDED_DOWN.test(name)));
}
