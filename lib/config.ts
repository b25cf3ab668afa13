/**
 * Reads the settings in the environment, and reports all missing and wrong variables at once, by name and never by value.
 * AWS's credentials are left to aws/keys.ts, Node's own variables to process/lockdown.ts.
 */
import { type AwsKeys, type ContainerToken, missingKeys, problemsOfKeys, readAwsKeys } from './aws/keys.ts';
import { hostOf, isRegion, isSecretId, regionOfSecret } from './aws/names.ts';
import type { SecretAddress } from './aws/secrets-manager.ts';
import { beginsLikeCredential } from './base/credential-like.ts';
import { DURATION_EXAMPLES, parseDuration } from './base/duration.ts';
import type { Environment } from './base/environment.ts';
import { isMailAddress } from './base/mail-address.ts';
import { ConfigError } from './errors.ts';
import { DEFAULT_BUDGET_MS, HEROKU_RUN_BUDGET_MS } from './options.ts';
import { proxiesIn } from './process/proxies.ts';
import type { Level, LogFormat } from './screen/log.ts';
import { type Place, parsePlace } from './store/place.ts';

export interface Config {
  /** Name or ARN of the secret in AWS Secrets Manager. */
  readonly secretId: string;
  /** The secret with the keys of jobs; undefined for the one in `secretId`. */
  readonly jobSecretId: string | undefined;
  /** The mailbox that every token must open; undefined without GMAIL_MAILBOX: the secret may name it. */
  readonly mailbox: ConfiguredMailbox | undefined;
  readonly awsRegion: string;
  /** AWS credentials; undefined when the environment only names another source of credentials, such as a profile. */
  readonly awsKeys: AwsKeys | ContainerToken | undefined;
  /** The variables of AWS that are not set: none, except for work on files alone, which may not need AWS. */
  readonly missingForAws: readonly string[];
  /** Path of the rules file; undefined for the rules.yaml beside the job. */
  readonly rulesFile: string | undefined;
  /** Path of the rules for attachments; undefined for the attachments.yaml beside the job. */
  readonly attachmentsFile: string | undefined;
  /** Path of the list of mailboxes of a fleet; undefined for mailboxes.yaml in the working folder. */
  readonly mailboxesFile: string | undefined;
  /** Where copies of mail and attachments are kept; undefined without EXPORT_URL. */
  readonly exportPlace: Place | undefined;
  /** Whether the process runs on a dyno, whose disk is deleted at its end. */
  readonly isDyno: boolean;
  readonly quotaProfile: QuotaProfile;
  /** The limit of the mailbox's user in quota units per minute; undefined for the limit of the profile. */
  readonly quotaPerMinute: number | undefined;
  /** Quota units per minute that all mailboxes of a fleet's process may use together. */
  readonly projectQuotaPerMinute: number;
  readonly budgetMs: number;
  /** How long one attempt of a request may take. */
  readonly requestTimeoutMs: number;
  readonly gmailApiUrl: string;
  readonly tokenUrl: string;
  /** Google's consent page. */
  readonly authUrl: string;
  readonly revokeUrl: string;
  /** The Admin SDK, which a fleet asks for the users of a Workspace. */
  readonly adminUrl: string;
}

export interface ConfiguredMailbox {
  readonly address: string;
  /** The setting that holds the address, as messages name it. */
  readonly expectedBy: 'GMAIL_MAILBOX' | 'the entry in mailboxes.yaml';
}

export interface LogConfig {
  readonly level: Level;
  readonly format: LogFormat;
}

/** Gmail's prices in quota units: Google changed them on 2026-05-01, and some projects keep the old ones. */
export type QuotaProfile = '2026' | 'legacy';

/**
 * Whether the variables are for the mailbox in GMAIL_SECRET_ID, for a fleet, whose mailboxes a file names, or for work on
 * files alone, which needs AWS only for files in S3.
 */
export type ConfigFor = 'mailbox' | 'fleet' | 'files';

/** Gmail's limit for a Cloud project, under both profiles: developers.google.com/workspace/gmail/api/reference/quota. */
export const PROJECT_UNITS_PER_MINUTE = 1_200_000;

export const GMAIL_API_URL = 'https://gmail.googleapis.com';
export const GOOGLE_TOKEN_URL = 'https://oauth2.googleapis.com/token';
const GOOGLE_ADMIN_URL = 'https://admin.googleapis.com';
const GOOGLE_AUTH_URL = 'https://accounts.google.com/o/oauth2/v2/auth';
const GOOGLE_REVOKE_URL = 'https://oauth2.googleapis.com/revoke';

const LEVELS: readonly string[] = ['debug', 'info', 'warn', 'error'] satisfies Level[];

/** Where the secret of the mailbox is, and the keys that open it. */
export function secretAddressOf({ secretId, awsRegion: region, awsKeys: keys }: Config): SecretAddress {
  return { secretId, region, keys };
}

/** Where the secrets of jobs are, when JOB_SECRET_ID names another secret than GMAIL_SECRET_ID. */
export function jobSecretAddressOf(config: Config): SecretAddress | undefined {
  const { jobSecretId } = config;
  if (jobSecretId === undefined || jobSecretId === config.secretId) return undefined;
  return { ...secretAddressOf(config), secretId: jobSecretId, variable: 'JOB_SECRET_ID' };
}

/** A wrong value gives the default, so that the ConfigError about it can be logged. */
export function readLogConfig(env: Environment, isTerminal: boolean): LogConfig {
  const level = env.LOG_LEVEL ?? 'info';
  const format = env.LOG_FORMAT ?? 'auto';
  return {
    level: LEVELS.includes(level) ? (level as Level) : 'info',
    format: format === 'pretty' || (format !== 'json' && isTerminal) ? 'pretty' : 'json',
  };
}

/** The monitor's address. Read apart from the rest, so that the monitor also hears of a wrong configuration. */
export function readMonitorUrl(env: Environment): string | undefined {
  return webUrl(env.HEARTBEAT_URL?.trim() ?? '') ?? undefined;
}

/**
 * The configuration in `env`.
 * @throws ConfigError that names every variable which is missing or wrong.
 */
export function readConfig(env: Environment): Config {
  const { config, error } = examineConfig(env);
  if (error !== null) throw error;
  return config;
}

/**
 * Reads `env` without throwing. `error` names all problems, `faulty` the missing and wrong variables. A field of `config`
 * is valid only when its variable is not in `faulty`.
 */
export function examineConfig(
  env: Environment,
  configFor: ConfigFor = 'mailbox',
): {
  readonly config: Config;
  readonly error: ConfigError | null;
  readonly faulty: ReadonlySet<string>;
} {
  const problems = new Map<string, string>();
  const missing: string[] = [];
  const text = (name: string): string | undefined => env[name]?.trim() || undefined;

  const parsed = <T>(name: string, parse: (value: string) => T | null, fallback: T, expected: string): T => {
    const value = text(name);
    if (value === undefined) return fallback;
    const result = parse(value);
    if (result !== null) return result;
    problems.set(name, expected);
    return fallback;
  };
  const oneOf = <const T extends string>(name: string, allowed: readonly T[], fallback: T): T =>
    parsed(name, (value) => allowed.find((one) => one === value) ?? null, fallback, `must be ${allowed.join(' or ')}`);
  const loopback = <T extends string | undefined>(name: string, fallback: T): string | T =>
    parsed<string | T>(
      name,
      loopbackUrl,
      fallback,
      'must be the address of a stand-in on this machine (http://127.0.0.1:…)',
    );

  const secretId = text('GMAIL_SECRET_ID');
  const jobSecretId = text('JOB_SECRET_ID');
  const regionOfArn = regionOfSecret(secretId ?? '');
  const awsRegion = text('AWS_REGION') ?? text('AWS_DEFAULT_REGION') ?? regionOfArn;
  if (secretId === undefined && configFor === 'mailbox') missing.push('GMAIL_SECRET_ID');
  for (const [name, value] of Object.entries({ GMAIL_SECRET_ID: secretId, JOB_SECRET_ID: jobSecretId })) {
    if (value === undefined || isSecretId(value)) continue;
    problems.set(
      name,
      beginsLikeCredential(value)
        ? 'holds text that begins like a credential, but must be the name or ARN of the secret that holds the credentials'
        : "must be the name of a secret in AWS Secrets Manager (letters, digits and /_+=.@-) or such a secret's ARN",
    );
  }
  const missingForAws = [...(awsRegion === undefined ? ['AWS_REGION'] : []), ...missingKeys(text)];
  if (configFor !== 'files') missing.push(...missingForAws);
  const awsKeys = readAwsKeys(text);
  const regionVariable = text('AWS_REGION') === undefined ? 'AWS_DEFAULT_REGION' : 'AWS_REGION';
  if (awsRegion !== undefined && !isRegion(awsRegion)) {
    problems.set(regionVariable, 'must be a region such as eu-central-1');
  } else if (regionOfArn !== undefined && regionOfArn !== awsRegion) {
    problems.set(regionVariable, `must be ${regionOfArn}, the region in the ARN in GMAIL_SECRET_ID, or be left out`);
  }
  const regionOfJobSecret = regionOfSecret(jobSecretId ?? '');
  if (awsRegion !== undefined && regionOfJobSecret !== undefined && regionOfJobSecret !== awsRegion) {
    problems.set('JOB_SECRET_ID', 'must lie in the same region as the secret in GMAIL_SECRET_ID');
  }
  for (const [name, problem] of problemsOfKeys(text, awsKeys)) problems.set(name, problem);

  const mailbox = parsed<Config['mailbox']>(
    'GMAIL_MAILBOX',
    (address) => (isMailAddress(address) ? { address, expectedBy: 'GMAIL_MAILBOX' } : null),
    undefined,
    'must be a mail address such as alice@example.com',
  );
  const exportUrl = text('EXPORT_URL');
  let exportPlace: Place | undefined;
  if (exportUrl !== undefined) {
    const place = parsePlace(exportUrl);
    if ('problem' in place) problems.set('EXPORT_URL', place.problem);
    else exportPlace = place;
  }
  const config: Config = {
    secretId: secretId ?? '',
    jobSecretId,
    mailbox: configFor === 'fleet' ? undefined : mailbox,
    awsRegion: awsRegion ?? '',
    awsKeys,
    missingForAws,
    rulesFile: text('RULES_FILE'),
    attachmentsFile: text('ATTACHMENTS_FILE'),
    mailboxesFile: text('MAILBOXES_FILE'),
    exportPlace,
    isDyno: Boolean(env.DYNO),
    quotaProfile: oneOf('GMAIL_QUOTA_PROFILE', ['2026', 'legacy'], '2026'),
    quotaPerMinute: parsed(
      'GMAIL_QUOTA_PER_MINUTE',
      wholeNumber(50, 1_000_000),
      undefined,
      'must be a whole number from 50 to 1000000',
    ),
    projectQuotaPerMinute: parsed(
      'GMAIL_PROJECT_QUOTA_PER_MINUTE',
      wholeNumber(50, 100_000_000),
      PROJECT_UNITS_PER_MINUTE,
      'must be a whole number from 50 to 100000000',
    ),
    budgetMs: parsed(
      'RUN_BUDGET',
      parseDuration,
      defaultBudgetMs(env),
      `is no duration: write it like ${DURATION_EXAMPLES}`,
    ),
    requestTimeoutMs: parsed(
      'REQUEST_TIMEOUT',
      parseDuration,
      20_000,
      `is no duration: write it like ${DURATION_EXAMPLES}`,
    ),
    gmailApiUrl: loopback('GMAIL_API_URL', GMAIL_API_URL),
    tokenUrl: loopback('GOOGLE_TOKEN_URL', GOOGLE_TOKEN_URL),
    authUrl: loopback('GOOGLE_AUTH_URL', GOOGLE_AUTH_URL),
    revokeUrl: loopback('GOOGLE_REVOKE_URL', GOOGLE_REVOKE_URL),
    adminUrl: loopback('GOOGLE_ADMIN_URL', GOOGLE_ADMIN_URL),
  };
  parsed('HEARTBEAT_URL', webUrl, undefined, 'must be an https address');
  oneOf('LOG_LEVEL', LEVELS, 'info');
  oneOf('LOG_FORMAT', ['auto', 'json', 'pretty'], 'auto');
  const proxies = proxiesIn(env, addressesOf(config, env));
  for (const name of proxies) problems.set(name, 'is set, but the program does not support proxies');

  const faulty = new Set([...missing, ...problems.keys()]);
  const error = faulty.size === 0 ? null : configError(missing, problems, proxies, Boolean(env.DYNO));
  return { config, error, faulty };
}

function configError(
  missing: readonly string[],
  problems: ReadonlyMap<string, string>,
  proxies: readonly string[],
  isDyno: boolean,
): ConfigError {
  const notSet = missing.length === 0 ? [] : [`${list(missing)} ${missing.length === 1 ? 'is' : 'are'} not set`];
  const wrong = [...problems].map(([name, expected]) => `${name} ${expected}`);
  const toSet = missing.length + problems.size - proxies.length;
  const [setting, unsetting] = isDyno ? ['heroku config:set', 'heroku config:unset'] : ['export', 'unset'];
  const sources = missing.length === 0 ? '' : ' "Set it up" in README.md says where the values come from.';
  const [only = ''] = [...missing, ...problems.keys()].filter((name) => !proxies.includes(name));
  const [what, name] = toSet === 1 ? ['it', only] : ['them', 'NAME'];
  const set = `Set ${what} with \`${setting} ${name}=value\`, then run again.${sources}`;
  const unset = `Unset ${list(proxies)} for this program (\`${unsetting} ${proxies.join(' ')}\`), or set NO_PROXY=* if this machine reaches the program's hosts without the proxy.`;
  return new ConfigError(
    `configuration: ${[...notSet, ...wrong].join('; ')}`,
    [...(toSet > 0 ? [set] : []), ...(proxies.length > 0 ? [unset] : [])].join(' '),
  );
}

function defaultBudgetMs({ DYNO }: Environment): number {
  return DYNO?.startsWith('run.') ? HEROKU_RUN_BUDGET_MS : DEFAULT_BUDGET_MS;
}

/** The addresses to which every run sends requests: Gmail, Google's token endpoint, AWS and the monitor. */
function addressesOf({ gmailApiUrl, tokenUrl, awsRegion }: Config, env: Environment): string[] {
  const endpoint = env.AWS_ENDPOINT_URL_SECRETS_MANAGER?.trim() || env.AWS_ENDPOINT_URL?.trim();
  const aws = `https://${hostOf('secretsmanager', awsRegion)}`;
  return [gmailApiUrl, tokenUrl, endpoint ?? aws, readMonitorUrl(env) ?? []].flat();
}

function wholeNumber(least: number, most: number): (text: string) => number | null {
  return (text) => {
    const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    return number >= least && number <= most ? number : null;
  };
}

function webUrl(text: string): string | null {
  const url = URL.parse(text);
  const plainHttp = url?.protocol === 'http:' && isLoopback(url.hostname);
  return url !== null && (url.protocol === 'https:' || plainHttp) ? text : null;
}

function loopbackUrl(text: string): string | null {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && isLoopback(url.hostname) ? text : null;
}

/** Whether the host is this machine. Accepts IPv6 addresses with and without brackets. */
export function isLoopback(hostname: string): boolean {
  return /^(?:localhost|::1|\[::1\])$/.test(hostname) || /^127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/.test(hostname);
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
