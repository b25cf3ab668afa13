/**
 * A job as data: a file in `jobs/` whose default export comes from `defineJob`. The run calls its functions in this order:
 *
 * - `hosts`: computes the hosts that the job needs, where they depend on its options.
 * - `prepare`: refuses wrong options and files, without the network.
 * - `run`: does one batch of work through the mailbox's methods. These count, retry, wait and handle dry runs, so a job
 *   does none of that and reads no environment.
 *
 * `job check` calls `inspect` in place of `run`, to show what the next run would find. `inspect` changes nothing.
 */
import { requireJobKey } from './aws/key-names.ts';
import type { FileStore } from './base/file-store.ts';
import type { Tally } from './base/tally.ts';
import { ConfigError, type JobError } from './errors.ts';
import type { Mailbox } from './gmail/mailbox.ts';
import type { OptionSpecs, OptionValues } from './options.ts';
import { type Host, parseHost } from './process/hosts.ts';
import type { Progress } from './screen/progress.ts';
import type { Place } from './store/place.ts';

export { ConfigError, RefusedError, UnavailableError } from './errors.ts';
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

/** A job's positional argument: a job has at most one. */
export interface ArgumentSpec {
  readonly name: string;
  readonly summary: string;
  /** The option, in camelCase, that replaces the argument: the argument is then ''. */
  readonly orSwitch?: string;
  /** The option, in camelCase, without which the job takes no argument: the argument is then ''. */
  readonly onlyWith?: string;
  /** The remedy of the UsageError for a missing argument. */
  readonly remedy: string;
  /** Returns the argument in the job's form. @throws UsageError for an invalid one. */
  readonly parse: (text: string) => string;
}

export interface PrepareContext<O extends OptionSpecs> {
  readonly options: OptionValues<O>;
  /** '' for a job without an argument. */
  readonly argument: string;
  readonly dryRun: boolean;
  /** Whether a person at a terminal can answer questions. */
  readonly interactive: boolean;
  /** Whether subjects and senders may be shown: a person reads the screen, and no log keeps them. */
  readonly canShowMail: boolean;
  /** The path in RULES_FILE; undefined when the variable is not set. */
  readonly rulesFile: string | undefined;
  /** The path in ATTACHMENTS_FILE; undefined when the variable is not set. @internal */
  readonly attachmentsFile: string | undefined;
}

export interface PostJsonOptions {
  /**
   * Sent as the header Idempotency-Key with each attempt, so that the host can tell a repetition from a second post. Give
   * the same key for the same thing in every run, such as the message's id. Left out, each call gets a key of its own.
   */
  readonly idempotencyKey?: string;
  /**
   * Signs the post: the header, `X-Signature` unless named, is `t=<unix seconds>,v1=<hex>`, where v1 is the HMAC-SHA256 of
   * `<t>.<body>` with this secret.
   */
  readonly hmac?: { readonly secret: string; readonly header?: string };
  /** Further headers, such as Authorization. */
  readonly headers?: Readonly<Record<string, string>>;
  /** For one attempt, in milliseconds; REQUEST_TIMEOUT when left out. */
  readonly timeoutMs?: number;
}

export interface PostAnswer {
  /** False in a dry run, which sends nothing. */
  readonly sent: boolean;
  /** 200 to 299; 0 in a dry run. */
  readonly status: number;
  /** The parsed answer; undefined in a dry run, and when the answer is no JSON or longer than 1 MB. */
  readonly json: unknown;
}

/**
 * Posts `body` as JSON to a host that the job declares; https, or http on a loopback address. A failure of the network, and
 * the statuses 408, 425, 429 and 5xx, are retried for about 15 seconds (429: one minute), or as Retry-After says.
 * @throws UnavailableError when the host stays away (75), CredentialError for 401 and 403 (77), ConfigError for a redirect,
 * for an address that the host does not know (404, 405, 410 and the like) or that the job may not use (78), RefusedError for
 * other statuses (65: the message of `mailbox.messages` counts as failed, and the run goes on).
 * @example await postJson('https://api.example.com/mail', { id, subject }, { idempotencyKey: id });
 */
export type PostJson = (url: string | URL, body: unknown, options?: PostJsonOptions) => Promise<PostAnswer>;

/**
 * The log of a run. Each call writes one line with the event, such as `invoices.posted`, and the fields. The log is kept:
 * give it no subjects, senders or bodies.
 * @throws Error (1), which also ends the run, for an event that is no text, or that begins with a name of the program's:
 * run, fleet, secret, token, egress, process or heartbeat.
 */
export interface JobLog {
  debug(event: string, fields?: Readonly<Record<string, unknown>>): void;
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface RunContext<O extends OptionSpecs, P, S extends string = string> {
  readonly options: OptionValues<O>;
  /** The secrets that the job names, fetched for this run. The redactor cuts them out of all output. */
  readonly secrets: Readonly<Record<S, string>>;
  readonly postJson: PostJson;
  /** The value that `prepare` returned. */
  readonly prepared: P;
  readonly argument: string;
  readonly runId: string;
  readonly startedAt: Date;
  readonly mailbox: Mailbox;
  readonly log: JobLog;
  /** For the standard jobs: the mailbox's methods count for all other jobs. @internal */
  readonly tally: Tally;
  /** Records the argument that an option such as `--last` stands for, so that a continued run uses the same one. */
  readonly resolveArgument: (argument: string) => void;
  /** Whether a person at a terminal can answer questions. */
  readonly interactive: boolean;
  /** Prints the text of `render` for a person at a terminal, `columns` wide. Nothing is logged. */
  readonly show: (render: (columns: number) => string) => void;
  /** Asks the person whether to continue. Rejects, which ends the run, unless the answer is yes. */
  readonly confirm: (question: string) => Promise<void>;
  /** The files of a job with `files`; undefined for others. @internal */
  readonly store: FileStore | undefined;
  /** The time that the run may take, in milliseconds. @internal */
  readonly budgetMs: number;
  /** Aborted when the run must stop. The mailbox's methods check it themselves. */
  readonly signal: AbortSignal;
  /** Aborted 20 seconds after `signal`, when changes under way must end too. @internal */
  readonly giveUp: AbortSignal;
  /** Waits for `ms`. Rejects as soon as the run must stop. */
  readonly wait: (ms: number) => Promise<void>;
}

/** The context of a job that works on files alone, without a mailbox. */
export type FilesContext<O extends OptionSpecs> = Pick<
  RunContext<O, unknown>,
  'options' | 'runId' | 'startedAt' | 'tally' | 'log' | 'signal' | 'giveUp' | 'wait'
> & {
  readonly store: FileStore;
  readonly progress: Progress;
  readonly dryRun: boolean;
  /** Whether the process runs on a dyno, whose disk is deleted at its end. */
  readonly isDyno: boolean;
};

/** How a job keeps files in EXPORT_URL. */
export interface FilesSpec<O extends OptionSpecs> {
  /** The option that names another place, such as `--into`. */
  readonly option: string;
  /** The place in that option; undefined for EXPORT_URL. */
  place(options: OptionValues<O>): Place | undefined;
  /** Whether the run only verifies the files: the next run would begin from the start, so that this one cannot be continued. */
  onlyVerifies?(options: OptionValues<O>): boolean;
  /** Work for which the run opens no mailbox and needs no credentials of Google. `isMeant` tells whether the options ask for it. */
  readonly withoutMailbox?: {
    isMeant(options: OptionValues<O>): boolean;
    run(context: FilesContext<O> & { readonly argument: string }): Promise<void>;
  };
}

export interface InspectContext<O extends OptionSpecs, P> {
  readonly options: OptionValues<O>;
  /** The value that `prepare` returned. */
  readonly prepared: P;
  /** Sends no change to Gmail. */
  readonly mailbox: Mailbox;
}

/** The lines of `job check` about a job. */
export interface Inspection {
  /** One line. */
  readonly detail: string;
  /** Rows of cells, shown below `detail`. */
  readonly rows: readonly (readonly string[])[];
  /** Problems that do not stop a run. */
  readonly warnings: readonly string[];
  /** The error with which a run would fail. */
  readonly problem?: JobError | undefined;
  /** The findings for `--json`. */
  readonly data: Readonly<Record<string, unknown>>;
}

export type HostsContext<O extends OptionSpecs> = Pick<PrepareContext<O>, 'options' | 'argument' | 'rulesFile'>;

/** Hosts such as `api.example.com` (port 443) or `api.example.com:8443`. */
export type JobHosts<O extends OptionSpecs> = readonly string[] | ((context: HostsContext<O>) => readonly string[]);

/** A limit, or a function that computes the limit from the job's options; undefined stands for the default. */
export type MaxChanges<O extends OptionSpecs> =
  | number
  | ((context: { readonly options: OptionValues<O> }) => number | undefined);

export interface Job<O extends OptionSpecs = OptionSpecs, P = unknown, S extends string = string> {
  /** One line. */
  readonly summary: string;
  /** A paragraph for `job <name> --help`. */
  readonly description?: string;
  /** Google's scopes. The access token of a run has these and no others. */
  readonly scopes: readonly string[];
  readonly argument?: ArgumentSpec;
  /**
   * The hosts that this job needs beyond those of every run; none when left out. The run allows connections to them before
   * `prepare`.
   */
  readonly hosts: JobHosts<O>;
  /**
   * Keys, such as `WEBHOOK_TOKEN`, of the secret JOB_SECRET_ID (without that variable, of GMAIL_SECRET_ID). `run` gets
   * their values. Each value is a string of at least 8 characters. No keys when left out.
   */
  readonly secrets: readonly S[];
  /** The keys are the options' names in camelCase. */
  readonly options: O;
  /** The most changes of a run; 5,000 when left out. A run that would make more makes none. */
  readonly maxChanges?: MaxChanges<O>;
  /** True gives the job --from, --to and the other options of a backfill, which limit its searches to a span of time. */
  readonly backfill?: true;
  /** For the standard jobs. @internal */
  readonly files?: FilesSpec<O>;
  /** May be left out. */
  prepare(context: PrepareContext<O>): P | Promise<P>;
  inspect?(context: InspectContext<O, P>): Promise<Inspection>;
  run(context: RunContext<O, P, S>): Promise<void>;
}

/** The argument of `defineJob`. A type with a name keeps the compiler's messages about a mistake short. */
export interface JobDefinition<O extends OptionSpecs, P, S extends string>
  extends Omit<Job<O, P, S>, 'prepare' | 'hosts' | 'secrets'> {
  readonly hosts?: JobHosts<O>;
  readonly secrets?: readonly S[];
  prepare?(context: PrepareContext<O>): P | Promise<P>;
}

/**
 * Makes a job; `prepare`, `hosts` and `secrets` are optional.
 * @throws TypeError when `hosts` lists a malformed host, or `secrets` a malformed key or one of the credentials' keys.
 */
export function defineJob<const O extends OptionSpecs, P = undefined, const S extends string = never>(
  definition: JobDefinition<O, P, S>,
): Job<O, P, S> {
  const { hosts = [], secrets = [], prepare = () => undefined as P } = definition;
  // The registry refuses values that are no lists.
  if (Array.isArray(hosts)) hosts.forEach(parseHost);
  if (Array.isArray(secrets)) secrets.forEach(requireJobKey);
  return { ...definition, prepare, hosts, secrets: Array.isArray(secrets) ? [...new Set(secrets)] : secrets };
}

/**
 * The hosts that a job needs for these options.
 * @throws ConfigError when the job computes a malformed host, TypeError when it computes no list.
 */
export function hostsOf(name: string, { hosts }: Pick<Job, 'hosts'>, context: HostsContext<OptionSpecs>): Host[] {
  if (typeof hosts !== 'function') return hosts.map(parseHost);
  const computed: unknown = hosts(context);
  if (!Array.isArray(computed)) throw new TypeError(`hosts of the job ${name} returned no list of hosts`);
  return computed.map((host) => {
    try {
      return parseHost(host);
    } catch (error) {
      throw new ConfigError(
        `hosts of the job ${name}: "${hostPart(String(host))}" is no host name`,
        'Correct the option or variable that this host comes from. Write a host like api.example.com, or with a port like api.example.com:8443.',
        { cause: error },
      );
    }
  });
}

/**
 * The job's limit on the changes of a run with these options; undefined for the default.
 * @throws ConfigError when the limit is not a whole number above 0.
 */
export function maxChangesOf(
  name: string,
  { maxChanges }: Pick<Job, 'maxChanges'>,
  options: OptionValues<OptionSpecs>,
): number | undefined {
  const limit = typeof maxChanges === 'function' ? maxChanges({ options }) : maxChanges;
  if (limit === undefined || (Number.isSafeInteger(limit) && limit > 0)) return limit;
  throw new ConfigError(
    `maxChanges of the job ${name} is ${limit}, which is not a whole number above 0`,
    `Correct maxChanges in jobs/${name}.ts, or the option that it comes from.`,
  );
}

/** Drops user, path and query: in the URL of a webhook they are credentials. */
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
