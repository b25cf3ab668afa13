// `npm run sandbox`: keeps a sandbox running until Ctrl-C and prints what to type to try a job on it by hand.
import { once } from 'node:events';
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { startSandbox } from './index.ts';

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

Stand-ins for Gmail, Google's consent page and token endpoint, AWS Secrets Manager and STS, and a monitor, on loopback
ports. The consent page waits for you to press its buttons.

  --messages <n>        messages in the made-up mailbox (2000)
  --seed <n>            another number makes up other mail (1)
  --email <address>     the mailbox's address (alice@example.com)
  --quota-profile <p>   2026 or legacy: Gmail's unit costs and limit (2026)
  --latency-ms <n>      how long each answer is held back (0)
  --search-lag-ms <n>   how long searches miss a change (0)
`;

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
  await using sandbox = await startSandbox(options.sandbox);
  sandbox.consent.behave({ decision: 'ignore' });
  const stopped = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  const variables = {
    ...sandbox.env,
    GMAIL_QUOTA_PROFILE: options.sandbox.quota.profile,
    HEARTBEAT_URL: sandbox.heartbeatUrl,
  };
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}='${value}'`);
  process.stdout.write(
    [
      `A mailbox of ${options.sandbox.messages} made-up messages is up. Paste this into another terminal:`,
      '',
      ...lines,
      '',
      'Then type: bin/job apply-rules --dry-run',
      'Ctrl-C ends the sandbox.',
      '',
    ].join('\n'),
  );
  await stopped;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof UsageError)) throw error;
  process.stderr.write(`${error.message.split('\n')[0]}\n`);
  process.exitCode = 2;
}
