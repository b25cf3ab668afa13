/**
 * Spells commands in texts as the person must type them. The code writes `job check` in backticks; the person types
 * `bin/job check` on a laptop, and `heroku run job check` when the program runs on a dyno.
 */
import type { Environment } from '../base/environment.ts';

/** A dyno has no browser, no client file, not the AWS keys that these commands need, and no disk that lasts. */
const LAPTOP_ONLY: ReadonlySet<string> = new Set(['authorize', 'rotate', 'policy', 'new']);

export interface CommandSpelling {
  /** Returns `text` with the commands in backticks spelt for laptop or dyno. Idempotent. */
  text(text: string): string;
  /** The command line of `words`, which begin with `job`. */
  command(words: readonly string[]): string;
}

export function commandSpelling({ DYNO }: Environment): CommandSpelling {
  const onDyno = Boolean(DYNO);
  const say = (variable: string, rest: string) => {
    const [, name = ''] = /^\s+(\S+)/.exec(rest) ?? [];
    if (!onDyno) return `\`${variable}bin/job${rest}\``;
    // A variable before `heroku run` would be set on the person's computer only.
    if (LAPTOP_ONLY.has(name) || variable !== '') return `\`${variable}bin/job${rest}\` on your own computer`;
    // The Heroku CLI takes `--help` for itself at any position (`helpAddition` in oclif/core, src/main.ts).
    return `\`heroku run job${rest.replace(/^(.*?)\s+--help$/s, ' help$1')}\``;
  };
  return {
    text: (text) =>
      text.replace(/`([A-Z_]+=[^\s`]+ |)job(|\s[^`]*)`/g, (_, variable: string, rest: string) => say(variable, rest)),
    command: (words) =>
      onDyno && !LAPTOP_ONLY.has(words[1] ?? '')
        ? onHeroku(words)
        : ['bin/job', ...words.slice(1)].map(quote).join(' '),
  };
}

/**
 * The Heroku CLI passes a single argument to the dyno's shell unchanged, but drops the quotes of several arguments
 * (`buildCommand` in heroku/cli, packages/cli/src/lib/run/helpers.ts).
 */
function onHeroku(words: readonly string[]): string {
  const line = words.map(quote).join(' ');
  return `heroku run ${words.every(isPlain) ? line : quote(line)}`;
}

/** Quotes `word` for a POSIX shell where it needs quotes. */
export function quote(word: string): string {
  return isPlain(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function isPlain(word: string): boolean {
  return /^[\w@%+=:,./-]+$/.test(word);
}
