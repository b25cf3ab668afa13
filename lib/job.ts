/**
 * What a job is, as data: a summary, the scopes and options that it needs, and what it does with a mailbox.
 *
 * - A job is a file in `jobs/`; its name is the file's name, and its default export comes from `defineJob`.
 * - `prepare` looks at everything that can be refused before the network is touched.
 * - `inspect`, for those that have something to show, tells `job check` what the next run would meet; it changes nothing.
 * - `run` does one batch of work through the mailbox's verbs. It never reads the environment, retries, sleeps, counts or
 *   asks whether it is a dry run: the verbs do.
 */

import type { Tally } from './base/tally.ts';
import { ConfigError, type JobError } from './errors.ts';
import type { Mailbox } from './gmail/mailbox.ts';
import type { OptionSpecs, OptionValues } from './options.ts';
import { type Host, parseHost } from './process/hosts.ts';
import type { Log } from './screen/log.ts';
import type { RunJournal } from './undo/journal.ts';

export { searchOption } from './gmail/query/search-option.ts';
export {
  choiceOption,
  countOption,
  switchOption,
  textOption,
  textsOption,
  timeZoneOption,
  yesOption,
} from './options.ts';

/** The one word that a job needs on its command line besides options. */
export interface ArgumentSpec {
  readonly name: string;
  readonly summary: string;
  /** The switch, in camelCase, that may stand in its place: the argument is then ''. */
  readonly orSwitch?: string;
  /** What to do when it is missing. */
  readonly remedy: string;
  /** Returns it as the job wants it; throws UsageError for a text that is none. */
  readonly parse: (text: string) => string;
}

export interface PrepareContext<O extends OptionSpecs> {
  readonly options: OptionValues<O>;
  /** '' for a job that takes none. */
  readonly argument: string;
  readonly dryRun: boolean;
  /** Whether there is a person who can be asked. */
  readonly interactive: boolean;
  /** Whether there is a person who can be shown what is not for a log. */
  readonly canShowMail: boolean;
  /** The path in RULES_FILE, when it is set. */
  readonly rulesFile: string | undefined;
}

/** One window of a backfill, for a job that is run for each. */
export interface BackfillWindow {
  /** For people: `2023-04`. */
  readonly name: string;
  /** Null when it has no beginning, or no end. */
  readonly from: Date | null;
  readonly to: Date | null;
  /** What the search of the job's `backfill` found in it, the newest first. */
  readonly ids: readonly string[];
}

/**
 * How a job is backfilled. `changes`: it only changes labels, so it runs once, and its searches find what lies in the
 * whole span. `reads`: it reads messages, so it runs window by window, for the messages that this search finds.
 */
export type BackfillKind<O extends OptionSpecs, P> =
  | 'changes'
  | { readonly reads: (context: { readonly options: OptionValues<O>; readonly prepared: P }) => string };

export interface RunContext<O extends OptionSpecs, P> {
  readonly options: OptionValues<O>;
  /** What `prepare` returned. */
  readonly prepared: P;
  readonly argument: string;
  readonly runId: string;
  readonly startedAt: Date;
  readonly mailbox: Mailbox;
  readonly tally: Tally;
  readonly log: Log;
  /** Records the argument that a switch such as `--last` was resolved to, so that a continued run uses the same argument. */
  readonly resolveArgument: (argument: string) => void;
  /** Whether there is a person who can be asked. */
  readonly interactive: boolean;
  /** Shows a text, made for that many columns, to the person who looks on; it is no part of the log. */
  readonly show: (render: (columns: number) => string) => void;
  /** Asks the person whether to go on; rejects when that is no yes, or the run is told to stop: it then ends. */
  readonly confirm: (question: string) => Promise<void>;
  /** Aborted when the run is told to stop; the mailbox's verbs heed it by themselves. */
  readonly signal: AbortSignal;
  /** Waits; rejects as soon as the run is told to stop. */
  readonly wait: (ms: number) => Promise<void>;
  /** Writes down how the run is taken back, by `job undo`. */
  readonly journal: RunJournal;
  /** In a backfill of a job that reads messages, the window that this call is about. */
  readonly window?: BackfillWindow;
}

export interface InspectContext<O extends OptionSpecs, P> {
  readonly options: OptionValues<O>;
  /** What `prepare` returned. */
  readonly prepared: P;
  /** A mailbox that changes nothing. */
  readonly mailbox: Mailbox;
}

/** What `job check` shows about a job. */
export interface Inspection {
  /** The whole in one line. */
  readonly detail: string;
  /** The parts, each as a row of cells. */
  readonly rows: readonly (readonly string[])[];
  /** What a person should think about; the run does its work all the same. */
  readonly warnings: readonly string[];
  /** What would make the run fail. */
  readonly problem?: JobError | undefined;
  /** The same for machines. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** What the hosts of a job may depend on. */
export type HostsContext<O extends OptionSpecs> = Pick<PrepareContext<O>, 'options' | 'argument' | 'rulesFile'>;

/** Hosts such as `api.example.com` (port 443) or `api.example.com:8443`. */
export type JobHosts<O extends OptionSpecs> = readonly string[] | ((context: HostsContext<O>) => readonly string[]);

export interface Job<O extends OptionSpecs = OptionSpecs, P = unknown> {
  /** What the job does, in one line. */
  readonly summary: string;
  /** More for `job <name> --help`. */
  readonly description?: string;
  /** Google's scopes that it needs, and no others. */
  readonly scopes: readonly string[];
  readonly argument?: ArgumentSpec;
  /** The hosts that it connects to besides Google's: granted to the process before `prepare`. */
  readonly hosts: JobHosts<O>;
  /** Option name in camelCase → its specification. */
  readonly options: O;
  /** Undefined for a job that cannot be backfilled. */
  readonly backfill?: BackfillKind<O, P>;
  prepare(context: PrepareContext<O>): P | Promise<P>;
  inspect?(context: InspectContext<O, P>): Promise<Inspection>;
  run(context: RunContext<O, P>): Promise<void>;
}

/** A job from its definition; `prepare` and `hosts` may be left out. @throws TypeError when a listed host is malformed. */
export function defineJob<const O extends OptionSpecs, P = undefined>(
  definition: Omit<Job<O, P>, 'prepare' | 'hosts'> & {
    hosts?: JobHosts<O>;
    prepare?(context: PrepareContext<O>): P | Promise<P>;
  },
): Job<O, P> {
  const { hosts = [] } = definition;
  if (typeof hosts !== 'function') hosts.forEach(parseHost);
  return { prepare: () => undefined as P, ...definition, hosts };
}

/**
 * The hosts of a job that runs with these options.
 * @throws ConfigError when the job computes a malformed host.
 */
export function hostsOf(name: string, { hosts }: Pick<Job, 'hosts'>, context: HostsContext<OptionSpecs>): Host[] {
  if (typeof hosts !== 'function') return hosts.map(parseHost);
  return hosts(context).map((host) => {
    try {
      return parseHost(host);
    } catch (error) {
      throw new ConfigError(
        `the job ${name} needs the host "${hostPart(String(host))}", which is malformed`,
        'Correct the option or variable that the host comes from: it must be a name such as api.example.com, or api.example.com:8443.',
        { cause: error },
      );
    }
  });
}

/** `text` without user, path and query, since those of a webhook's URL are credentials. */
function hostPart(text: string): string {
  const [, scheme = '', rest = ''] = /^([a-z]+:\/\/)?(?:[^/?#]*@)?(.*)$/is.exec(text) ?? [];
  return `${scheme}${rest.replace(/[/?#].*$/s, '/…')}`.slice(0, 200);
}

/** Gmail's scopes by their short names. Source: developers.google.com/workspace/gmail/api/auth/scopes. */
export const Scope = {
  readonly: 'https://www.googleapis.com/auth/gmail.readonly',
  modify: 'https://www.googleapis.com/auth/gmail.modify',
  labels: 'https://www.googleapis.com/auth/gmail.labels',
  insert: 'https://www.googleapis.com/auth/gmail.insert',
} as const;
