/**
 * Refuses environment variables that would unlock the process: variables by which Node loads other code, widens its
 * permissions, opens its inspector, writes reports or stops checking certificates. A laptop has no locks and may have a
 * debugger, so only variables that leak credentials are refused there. Code that NODE_OPTIONS loads runs before this
 * check, when the process has no credentials but those in the environment.
 */
import type { Environment } from '../base/environment.ts';
import { ConfigError } from '../errors.ts';

/** Options of Node and V8 that unlock nothing. A locked process refuses all others in NODE_OPTIONS. */
const HARMLESS: ReadonlySet<string> = new Set([
  '--disable-sigusr1',
  '--disable-warning',
  '--disallow-code-generation-from-strings',
  '--dns-result-order',
  '--enable-source-maps',
  '--initial-old-space-size',
  '--max-http-header-size',
  '--max-old-space-size',
  '--max-old-space-size-percentage',
  '--max-semi-space-size',
  '--min-semi-space-size',
  '--network-family-autoselection',
  '--network-family-autoselection-attempt-timeout',
  '--no-addons',
  '--no-deprecation',
  '--no-experimental-sqlite',
  '--no-network-family-autoselection',
  '--no-warnings',
  '--optimize-for-size',
  '--pending-deprecation',
  '--permission',
  '--secure-heap',
  '--secure-heap-min',
  '--stack-trace-limit',
  '--tls-min-v1.2',
  '--tls-min-v1.3',
  '--trace-deprecation',
  '--trace-warnings',
  '--use-system-ca',
  '--use-bundled-ca',
]);

/** Harmless options whose value may be the next word. */
const WITH_VALUE: ReadonlySet<string> = new Set([
  '--disable-warning',
  '--dns-result-order',
  '--max-http-header-size',
  '--max-old-space-size-percentage',
  '--network-family-autoselection-attempt-timeout',
  '--secure-heap',
  '--secure-heap-min',
  '--stack-trace-limit',
]);

/**
 * Options that a laptop refuses too: they write credentials or the keys of connections into files or onto the screen, or
 * weaken connections. Node's fetch does not work under `--jitless`.
 */
const LEAKING: ReadonlySet<string> = new Set([
  '--abort-on-uncaught-exception',
  '--heapsnapshot-near-heap-limit',
  '--heapsnapshot-signal',
  '--insecure-http-parser',
  '--jitless',
  '--report-on-fatalerror',
  '--report-on-signal',
  '--report-uncaught-exception',
  '--tls-cipher-list',
  '--tls-keylog',
  '--tls-min-v1.0',
  '--tls-min-v1.1',
  '--trace-tls',
]);

/** An inspector that others on the network could attach to: its address is no loopback address. */
const OPEN_INSPECTOR =
  /^--(?:inspect(?:-brk|-wait|-port)?|debug-port)=(?!(?:127\.\d+\.\d+\.\d+|localhost|\[::1\])(?::\d*)?$|\d+$)/;

/** Other variables that Node reads, and the harm of each. A laptop refuses only variables with `everywhere`. */
const HARMFUL: readonly {
  readonly name: string;
  readonly harm: string;
  readonly everywhere?: true;
  /** The only value that does harm. */
  readonly only?: string;
}[] = [
  { name: 'NODE_TLS_REJECT_UNAUTHORIZED', harm: 'turns off the check of certificates', only: '0', everywhere: true },
  { name: 'NODE_V8_COVERAGE', harm: 'writes files about the run' },
  { name: 'NODE_REPL_EXTERNAL_MODULE', harm: 'loads other code' },
  { name: 'OPENSSL_CONF', harm: 'loads other code' },
  { name: 'SSLKEYLOGFILE', harm: 'gives away the keys of connections', everywhere: true },
];

export const METRICS_REMEDY =
  "Heroku's language metrics set --require. Run `heroku config:set HEROKU_SKIP_NODE_PLUGIN=1`, and unset the other variables named above.";

/**
 * Checks `env` for a process that is `locked`: on a dyno, or under Node's permission model.
 * @throws ConfigError that names every variable and option that must not be set, never a value.
 */
export function refuseUnlocked(env: Environment, locked: boolean): void {
  const problems = HARMFUL.flatMap(({ name, harm, only, everywhere }) => {
    const value = env[name]?.trim() ?? '';
    const harmful = value !== '' && (only === undefined || value === only) && (locked || everywhere === true);
    return harmful ? [`${name} ${harm}`] : [];
  });
  const options = locked ? unlocking(env.NODE_OPTIONS ?? '') : leaking(env.NODE_OPTIONS ?? '');
  const unset = problems.map((problem) => problem.split(' ', 1)[0]);
  if (options.length > 0) {
    const harm = locked ? 'may unlock the process' : 'may leak credentials or break the program';
    problems.push(`NODE_OPTIONS holds ${options.join(', ')}, which ${harm}`);
    unset.push('NODE_OPTIONS');
  }
  if (problems.length === 0) return;
  const metrics = env.HEROKU_METRICS_URL && options.includes('--require');
  throw new ConfigError(
    `environment: ${problems.join('; ')}`,
    metrics
      ? METRICS_REMEDY
      : `Run \`${env.DYNO ? 'heroku config:unset' : 'unset'} ${unset.join(' ')}\`. NODE_OPTIONS may hold options such as --max-old-space-size=400.`,
  );
}

/** The names of the options in `nodeOptions` that are not known to be harmless. */
function unlocking(nodeOptions: string): string[] {
  const names = new Set<string>();
  let stray = false;
  const words = split(nodeOptions);
  for (let i = 0; i < words.length; i += 1) {
    const [first = '', ...value] = (words[i] ?? '').split('=');
    const name = first.replaceAll('_', '-');
    if (/^--?[\w.-]+$/.test(name) && !HARMLESS.has(name)) names.add(name.slice(0, 60));
    else if (!HARMLESS.has(name)) stray = true;
    else if (WITH_VALUE.has(name) && value.length === 0 && words[i + 1]?.startsWith('-') === false) i += 1;
  }
  return names.size === 0 && stray ? ['words that are no option'] : [...names];
}

/** The names of the options in `nodeOptions` that a laptop refuses too. */
function leaking(nodeOptions: string): string[] {
  const options = split(nodeOptions).map((word) => {
    const [name = '', ...value] = word.split('=');
    return { name: name.replaceAll('_', '-'), value: value.join('=') };
  });
  const refused = options.filter(
    ({ name, value }) => LEAKING.has(name) || (value !== '' && OPEN_INSPECTOR.test(`${name}=${value}`)),
  );
  return [...new Set(refused.map(({ name }) => name))];
}

/** The words of NODE_OPTIONS as Node splits them: at spaces outside double quotes. */
function split(nodeOptions: string): string[] {
  const words = nodeOptions.match(/(?:"(?:\\.|[^"\\])*"?|[^\s"])+/g) ?? [];
  return words.map((word) =>
    word.replace(/"((?:\\.|[^"\\])*)"?/g, (_, inside: string) => inside.replace(/\\(.)/g, '$1')),
  );
}
