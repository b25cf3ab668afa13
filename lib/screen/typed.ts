/**
 * Turns the names of commands in texts into commands that a person can type. The code writes `job check` in backticks; a
 * person types `bin/job check` on a laptop, and `heroku run job check` for a dyno.
 */
import type { Environment } from '../base/environment.ts';

/** Commands for a person's own computer: a dyno has no browser, no client file and no AWS credentials of the person. */
const OWN_COMPUTER: ReadonlySet<string> = new Set(['authorize', 'rotate', 'policy']);

export interface Typed {
  /** Returns `text` with each command as a person types it. A command that is already in that form stays. */
  text(text: string): string;
  /** The command line of these words, the first of which is `job`. */
  command(words: readonly string[]): string;
}

export function typedIn({ DYNO }: Environment): Typed {
  const onDyno = Boolean(DYNO);
  const say = (rest: string) => {
    const [, name = ''] = /^\s+(\S+)/.exec(rest) ?? [];
    if (!onDyno) return `\`bin/job${rest}\``;
    if (OWN_COMPUTER.has(name)) return `\`bin/job${rest}\` on your own computer`;
    // The CLI takes `--help` for its own wherever it stands (`helpAddition` in oclif/core, src/main.ts).
    return `\`heroku run job${rest.replace(/^(.*?)\s+--help$/s, ' help$1')}\``;
  };
  return {
    text: (text) => text.replace(/`job(|\s[^`]*)`/g, (_, rest: string) => say(rest)),
    command: (words) =>
      onDyno && !OWN_COMPUTER.has(words[1] ?? '')
        ? onHeroku(words)
        : ['bin/job', ...words.slice(1)].map(quote).join(' '),
  };
}

/**
 * The CLI puts a single argument into the dyno's shell as it is, but of several it drops quotes and escapes nothing
 * (`buildCommand` in heroku/cli, packages/cli/src/lib/run/helpers.ts).
 */
function onHeroku(words: readonly string[]): string {
  const line = words.map(quote).join(' ');
  return `heroku run ${words.every(isPlain) ? line : quote(line)}`;
}

/** `word` as a shell takes it for one word. */
export function quote(word: string): string {
  return isPlain(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function isPlain(word: string): boolean {
  return /^[\w@%+=:,./-]+$/.test(word);
}
