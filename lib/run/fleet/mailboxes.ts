/** Finds the mailboxes of each entry in mailboxes.yaml, and keeps each mailbox once. */
import { listSecretNames } from '../../aws/list-secrets.ts';
import { secretNameOf } from '../../aws/names.ts';
import { type FetchedSecret, noVersion } from '../../aws/secret.ts';
import type { ServiceAccount } from '../../aws/shape.ts';
import type { SharedSecrets } from '../../aws/shared-secrets.ts';
import { systemClock } from '../../base/clock.ts';
import { mailboxKey } from '../../base/mail-address.ts';
import { mapAtOnce } from '../../base/pool.ts';
import type { Config } from '../../config.ts';
import { ConfigError, JobError } from '../../errors.ts';
import { tryPrevious } from '../../google/fallback.ts';
import { exchangeAssertion } from '../../google/service-account.ts';
import { TokenRefusal } from '../../google/token.ts';
import { hostOfUrl } from '../../process/hosts.ts';
import type { Log } from '../../screen/log.ts';
import type { ChosenMailbox, Surroundings } from '../run.ts';
import { type MailboxSource, readMailboxesFile } from './mailboxes-file.ts';

/** `name` is the secret's name, or the subject. */
export interface FleetMailbox extends ChosenMailbox {
  /** The entry of mailboxes.yaml, as messages name it. */
  readonly source: string;
}

export interface FoundMailboxes {
  readonly sources: readonly MailboxSource[];
  /** In the order of the file; each mailbox once. */
  readonly mailboxes: readonly FleetMailbox[];
  readonly repeated: readonly RepeatedMailbox[];
  /** Entries that could not be read, or gave no mailbox. */
  readonly failures: readonly { readonly source: string; readonly error: JobError }[];
}

/** A mailbox that a later entry names again. The fleet uses the first entry. */
export interface RepeatedMailbox {
  readonly name: string;
  readonly source: string;
  readonly firstSource: string;
}

export interface FindingOptions {
  readonly secrets: SharedSecrets;
  readonly signal: AbortSignal;
}

type FindingSurroundings = Pick<Surroundings, 'redactor' | 'allowHosts'> & { readonly log: Log };

/** The scope of users.list that lets the service account change nothing. */
export const DIRECTORY_SCOPE = 'https://www.googleapis.com/auth/admin.directory.user.readonly';

const SOURCES_AT_ONCE = 4;

/**
 * Reads mailboxes.yaml and finds the mailboxes of its entries. An entry that fails is in `failures`.
 * @throws ConfigError for a missing or wrong file; the signal's reason on abort.
 */
export async function findMailboxes(
  config: Config,
  surroundings: FindingSurroundings,
  options: FindingOptions,
): Promise<FoundMailboxes> {
  const sources = await readMailboxesFile(config);
  const notMailboxes = secretsOfNoMailbox(sources, config);
  const answers = await mapAtOnce(sources, SOURCES_AT_ONCE, async (source) => {
    try {
      return await mailboxesOf(source, config, { ...options, ...surroundings, notMailboxes });
    } catch (error) {
      options.signal.throwIfAborted();
      if (error instanceof JobError) return error;
      throw error;
    }
  });
  const failures: { source: string; error: JobError }[] = [];
  const found = new UniqueMailboxes();
  for (const [index, answer] of answers.entries()) {
    const source = (sources[index] as MailboxSource).label;
    if (answer instanceof JobError) failures.push({ source, error: answer });
    else for (const mailbox of answer) found.add({ ...mailbox, source });
  }
  return { sources, mailboxes: found.mailboxes, repeated: found.repeated, failures };
}

/** Names of secrets that secretPrefix must leave out: those of service accounts, and the secret JOB_SECRET_ID. */
function secretsOfNoMailbox(sources: readonly MailboxSource[], { jobSecretId }: Config): ReadonlySet<string> {
  const ids = sources.flatMap((source) =>
    source.kind === 'subjects' || source.kind === 'directory' ? [source.secretId] : [],
  );
  return new Set([...ids, ...(jobSecretId === undefined ? [] : [jobSecretId])].map(secretNameOf));
}

/** Keeps the first of several mailboxes with the same secret or address. */
class UniqueMailboxes {
  readonly mailboxes: FleetMailbox[] = [];
  readonly repeated: RepeatedMailbox[] = [];
  /** The name of a secret, or an address, → the mailbox. */
  readonly #known = new Map<string, FleetMailbox>();

  add(mailbox: FleetMailbox): void {
    const { name, subject, source, mailbox: expected } = mailbox;
    const keys = [
      ...(subject === undefined ? [`secret ${name}`] : []),
      ...(expected === undefined ? [] : [`mailbox ${mailboxKey(expected.address)}`]),
    ];
    const first = keys.map((key) => this.#known.get(key)).find((known) => known !== undefined);
    if (first !== undefined) {
      this.repeated.push({ name, source, firstSource: first.source });
      return;
    }
    for (const key of keys) this.#known.set(key, mailbox);
    this.mailboxes.push(mailbox);
  }
}

type DirectorySource = Extract<MailboxSource, { kind: 'directory' }>;

type Finding = FindingOptions & FindingSurroundings & { readonly notMailboxes: ReadonlySet<string> };

type MailboxOfSource = Omit<FleetMailbox, 'source'>;

const expectByEntry = (address: string) => ({ address, expectedBy: 'the entry in mailboxes.yaml' }) as const;

/** @throws JobError when the source cannot be read, or has no mailbox. */
async function mailboxesOf(source: MailboxSource, config: Config, options: Finding): Promise<MailboxOfSource[]> {
  const rules = source.rulesFile === undefined ? {} : { rulesFile: source.rulesFile };
  const bySecret = (secretId: string, email?: string): MailboxOfSource => ({
    name: secretNameOf(secretId),
    secretId,
    mailbox: email === undefined ? undefined : expectByEntry(email),
    ...rules,
  });
  const bySubject =
    (secretId: string) =>
    (subject: string): MailboxOfSource => ({
      name: subject,
      secretId,
      mailbox: expectByEntry(subject),
      subject,
      ...rules,
    });
  switch (source.kind) {
    case 'secret':
      return [bySecret(source.secretId, source.email)];
    case 'prefix':
      return (await listSecrets(source, config, options)).map((name) => bySecret(name));
    case 'subjects':
      return source.subjects.map(bySubject(source.secretId));
    case 'directory':
      return (await listUsers(source, config, options)).map(bySubject(source.secretId));
  }
}

async function listSecrets(
  { prefix }: Extract<MailboxSource, { kind: 'prefix' }>,
  { awsRegion: region, awsKeys: keys }: Config,
  { secrets, notMailboxes, signal }: Finding,
): Promise<string[]> {
  const all = await listSecretNames(secrets.client, prefix, { region, keys }, signal);
  const names = all.filter((name) => !notMailboxes.has(name));
  if (names.length > 0) return names;
  throw new ConfigError(
    `AWS Secrets Manager (${region}) has no mailbox's secret with a name that begins with ${prefix}`,
    'Correct secretPrefix in mailboxes.yaml (upper and lower case count) or AWS_REGION. AWS lists a new secret up to five minutes late.',
  );
}

async function listUsers(source: DirectorySource, config: Config, options: Finding): Promise<string[]> {
  const { admin, query } = source;
  const { adminUrl, requestTimeoutMs: timeoutMs } = config;
  const accessToken = await adminToken(source, config, options);
  options.allowHosts([hostOfUrl(adminUrl)]);
  const { listActiveUsers } = await import('../../directory/users.ts');
  const access = { accessToken, adminUrl, timeoutMs, clock: systemClock, random: Math.random };
  const users = await listActiveUsers({ admin, query }, access, options.signal);
  if (users.length > 0) return users;
  throw new ConfigError(
    `The directory has no active user with a mailbox${query === undefined ? '' : ` for the query ${query}`}`,
    'Correct query in mailboxes.yaml: developers.google.com/workspace/admin/directory/v1/guides/search-users describes searches.',
  );
}

/** An access token with which the service account reads the directory as the administrator. */
async function adminToken(
  { secretId, admin }: DirectorySource,
  { tokenUrl, requestTimeoutMs: timeoutMs }: Config,
  { secrets, redactor, log, signal }: Finding,
): Promise<string> {
  const fetchSecret = secrets.fetcherFor(secretId, admin);
  const hide = (secret: string) => redactor.add(secret);
  const exchange = { tokenUrl, timeoutMs, hide, clock: systemClock, random: Math.random };
  /** Returns the access token, or the error for which AWSPREVIOUS is tried. */
  const open = async ({ credentials }: FetchedSecret<ServiceAccount>): Promise<string | JobError> => {
    if (credentials instanceof ConfigError) return credentials;
    const token = await exchangeAssertion(credentials, [DIRECTORY_SCOPE], signal, exchange).catch(orRefusal);
    return token instanceof TokenRefusal ? token : token.value;
  };
  const current = await fetchSecret('AWSCURRENT', signal);
  if (current === null) throw noVersion('AWSCURRENT');
  const opened = await open(current);
  if (!(opened instanceof JobError)) return opened;
  const token = await tryPrevious(opened, () => fetchSecret('AWSPREVIOUS', signal), expectByEntry(admin), open);
  if (token instanceof JobError) throw token;
  log.error('secret.fallback', {
    secret: secretId,
    error: opened.message,
    remedy: `The directory was read with AWSPREVIOUS; correct the current version soon. ${opened.remedy}`,
  });
  return token;
}

function orRefusal(error: unknown): TokenRefusal {
  if (error instanceof TokenRefusal) return error;
  throw error;
}
