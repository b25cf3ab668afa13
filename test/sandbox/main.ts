// `npm run sandbox`: runs a sandbox until Ctrl-C and prints the commands to try a job, and a fleet, on it by hand. Writes the
// variables, a client file for `job authorize` and a list of mailboxes to a temporary folder.
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { formatCount } from '../../lib/base/count.ts';
import { RESERVED_NAMES } from '../../lib/commands/index.ts';
import { Registry } from '../../lib/registry.ts';
import { quote } from '../../lib/screen/command-spelling.ts';
import { createDatabase } from '../fixtures/postgres.ts';
import { Faults } from './faults.ts';
import { listen } from './http.ts';
import { type Sandbox, startSandbox } from './index.ts';
import { addMadeUpFleet, FLEET_LIST, FLEET_NAMES, REVOKED_SECRET } from './made-up-fleet.ts';
import { SandboxMailPages } from './mail-pages.ts';

const OPTIONS = {
  messages: { type: 'string', default: '2000' },
  seed: { type: 'string', default: '1' },
  email: { type: 'string', default: 'alice@example.com' },
  'quota-profile': { type: 'string', default: '2026' },
  'latency-ms': { type: 'string', default: '0' },
  'search-lag-ms': { type: 'string', default: '0' },
  help: { type: 'boolean', default: false },
} satisfies ParseArgsConfig['options'];

const HELP = `Usage: npm run sandbox -- [options]

Stand-ins for Gmail, Google's consent page and token endpoint, AWS Secrets Manager, KMS, STS and S3, and a monitor,
on loopback ports. KMS has one key, alias/gmail-jobs, for authorize --kms-key. S3 has one empty bucket, which EXPORT_URL
names. The consent page waits for you to press its buttons. A page shows the mailbox in a browser. job fleet finds this mailbox and nine smaller ones.

With PostgreSQL, several processes can share these mailboxes: .ci/postgres.sh npm run sandbox

  --messages <n>        messages in the made-up mailbox (2000)
  --seed <n>            another number makes up other mail (1)
  --email <address>     the mailbox's address (alice@example.com)
  --quota-profile <p>   2026 or legacy: Gmail's unit costs and limit (2026)
  --latency-ms <n>      how long each answer is held back (0)
  --search-lag-ms <n>   how long searches miss a change (0)
`;

/** Variables that a terminal for a real mailbox may have set, and that the sandbox must not use. */
const TAKEN_AWAY = [
  ...['AWS_PROFILE', 'AWS_SESSION_TOKEN', 'GMAIL_MAILBOX', 'DATABASE_URL'],
  ...['http_proxy', 'https_proxy', 'all_proxy'].flatMap((name) => [name, name.toUpperCase()]),
];

class UsageError extends Error {}

function readOptions() {
  const values = parse();
  const profile = values['quota-profile'];
  if (profile !== '2026' && profile !== 'legacy') throw new UsageError('--quota-profile must be 2026 or legacy');
  if (!/^\S+@\S+$/.test(values.email)) throw new UsageError('--email must be an address');
  return {
    help: values.help,
    sandbox: {
      email: values.email,
      messages: wholeNumber('messages', values.messages),
      seed: wholeNumber('seed', values.seed),
      quota: { profile },
      latencyMs: wholeNumber('latency-ms', values['latency-ms']),
      searchLagMs: wholeNumber('search-lag-ms', values['search-lag-ms']),
    },
  } as const;
}

function parse() {
  // npm also has a setting `email`, which may be in a person's .npmrc.
  const taken = Object.keys(OPTIONS).filter(
    (name) => name !== 'email' && process.env[`npm_config_${name.replaceAll('-', '_')}`] !== undefined,
  );
  if (taken.length > 0) {
    const typed = taken.map((name) => `--${name}`).join(', ');
    throw new UsageError(`npm took ${typed} for its own: write npm run sandbox -- ${typed.replaceAll(',', '')} …`);
  }
  try {
    return parseArgs({ options: OPTIONS, strict: true, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,7}$/.test(text)) throw new UsageError(`--${name} must be a whole number, and not "${text}"`);
  return Number(text);
}

async function main(): Promise<void> {
  const options = readOptions();
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const stopped = Promise.race(['SIGINT', 'SIGTERM', 'SIGHUP'].map((signal) => once(process, signal)));
  await using database = process.env.POSTGRES_TEST_URL === undefined ? undefined : await createDatabase();
  await using sandbox = await startSandbox(options.sandbox);
  addMadeUpFleet(sandbox, options.sandbox);
  sandbox.consent.behave({ decision: 'ignore' });
  sandbox.kms.createKey({ alias: 'gmail-jobs' });
  const pages = await listen(new SandboxMailPages(sandbox.mailbox), { requests: [], faults: new Faults() });
  const folder = await mkdtemp(join(tmpdir(), 'gmail-jobs-sandbox-'));
  try {
    const variables = {
      ...sandbox.env,
      GMAIL_QUOTA_PROFILE: options.sandbox.quota.profile,
      EXPORT_URL: sandbox.s3.url('{mailbox}'),
      ...(database && { DATABASE_URL: database.url }),
    };
    const files = await writeFiles(folder, sandbox, variables);
    const show = (commands: readonly string[]) => ['', ...commands.map((words) => `  bin/job ${words}`), ''];
    process.stdout.write(
      [
        `A mailbox of ${formatCount(options.sandbox.messages)} made-up messages is up. In another terminal, in this folder, type:`,
        '',
        `  . ${files.env}`,
        '',
        'Then, for instance:',
        ...show(['list', ...exampleRuns(), `authorize --client ${files.client}`]),
        `A fleet of ${FLEET_NAMES.length} mailboxes, of which this is one, is in ${files.mailboxes}.`,
        `${REVOKED_SECRET} fails, because its refresh token was revoked; so a run of the fleet exits with 65:`,
        ...show(exampleFleets(database !== undefined)),
        database === undefined
          ? 'For a database, which several fleets share, start `.ci/postgres.sh npm run sandbox`.'
          : 'Fleets share a database: in each hour, the job runs once in a mailbox (a dry run does not count).',
        '',
        `EXPORT_URL, where jobs keep files: ${variables.EXPORT_URL}`,
        `The mailbox in a browser: ${pages.url}`,
        `Ctrl-C ends the sandbox and removes its files${database === undefined ? '' : ' and its database'}.`,
        '',
      ].join('\n'),
    );
    await stopped;
  } finally {
    await rm(folder, { recursive: true, force: true });
    await pages.close();
  }
}

/** Runs of those standard jobs that the owner has not removed or renamed. */
function exampleRuns(
  runs: readonly string[] = [
    'apply-rules --dry-run',
    'apply-rules',
    'digest',
    'export --query newer_than:7d',
    'restore --dry-run',
  ],
): string[] {
  const { names } = new Registry(new URL('../../jobs/', import.meta.url), RESERVED_NAMES);
  return runs.filter((run) => names.includes(run.split(' ')[0] ?? ''));
}

function exampleFleets(hasDatabase: boolean): string[] {
  const runs = exampleRuns(['apply-rules --dry-run', 'apply-rules']);
  return ['--list', ...runs, ...(hasDatabase ? ['--status'] : [])].map((words) => `fleet ${words}`);
}

/** Writes the files, and returns their paths as a shell takes them. */
async function writeFiles(folder: string, sandbox: Sandbox, variables: Record<string, string>) {
  const files = {
    env: join(folder, 'sandbox.env'),
    client: join(folder, 'client.json'),
    mailboxes: join(folder, 'mailboxes.yaml'),
  };
  const all = { ...variables, HEARTBEAT_URL: sandbox.monitorUrl, MAILBOXES_FILE: files.mailboxes };
  const exports = Object.entries(all).map(([name, value]) => `export ${name}=${quote(value)}`);
  const lines = ['# To be read by a shell: . sandbox.env', `unset ${TAKEN_AWAY.join(' ')}`, ...exports, ''];
  await writeFile(files.env, lines.join('\n'), { mode: 0o600 });
  await writeFile(files.client, `${JSON.stringify(sandbox.clientFile, null, 2)}\n`, { mode: 0o600 });
  await writeFile(files.mailboxes, FLEET_LIST, { mode: 0o600 });
  return { env: quote(files.env), client: quote(files.client), mailboxes: quote(files.mailboxes) };
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message.split('\n')[0]}\n`);
  process.exitCode = 2;
}
