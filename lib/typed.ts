/**
 * How a command of this program is typed where the person is. The code names commands as `job check`, in backticks; on a
 * laptop that is `bin/job check`, and for a run on a dyno `heroku run job check`.
 */
import type { Environment } from './config.ts';

/** Commands for a person's own computer: a dyno has no browser, no client file and not the person's AWS credentials. */
const OWN_COMPUTER: ReadonlySet<string> = new Set(['authorize', 'rotate', 'policy']);

export interface Typed {
  /** `text` with the commands in it as they are typed. What is so already stays as it is. */
  text(text: string): string;
  /** The command line of these words, the first of which is `job`. */
  command(words: readonly string[]): string;
}

/** As the code names them. */
export const AS_NAMED: Typed = { text: (text) => text, command: (words) => words.map(quote).join(' ') };

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
