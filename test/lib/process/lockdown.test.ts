import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '../../../lib/errors.ts';
import { refuseUnlocked } from '../../../lib/process/lockdown.ts';

/** The refusal of `env` as one line; null when `env` passes. */
function refusal(env: Record<string, string>, locked = true): string | null {
  try {
    refuseUnlocked(env, locked);
    return null;
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return `${error.message} → ${error.remedy}`;
  }
}

describe('NODE_OPTIONS', () => {
  const harmless = [
    '',
    '   ',
    '--max-old-space-size=400',
    '--max_old_space_size=400',
    '--max-semi-space-size=8 --enable-source-maps',
    '--dns-result-order ipv4first --no-warnings',
    '--dns-result-order=ipv4first',
    '"--max-old-space-size=400"',
    '--disable-warning ExperimentalWarning --trace-deprecation',
  ];
  for (const value of harmless) it(`passes as "${value}"`, () => assert.equal(refusal({ NODE_OPTIONS: value }), null));

  const harmful: [value: string, named: RegExp][] = [
    ['--require /tmp/evil.js', /holds --require,/],
    ['-r ./evil.js', /holds -r,/],
    ['--require=/tmp/evil.js', /holds --require,/],
    ['"--require" "/tmp/evil code.js"', /holds --require,/],
    ['--max-old-space-size=400 --import data:text/javascript,1', /holds --import,/],
    ['--loader=./x.mjs --experimental-loader ./y.mjs', /--loader, --experimental-loader/],
    ['--experimental_loader=./x.mjs', /--experimental-loader/],
    ['--allow-fs-write=*', /--allow-fs-write/],
    ['--allow-child-process --allow-worker --allow-addons --allow-wasi --allow-fs-read=/', /--allow-fs-read/],
    ['--allow-inspector', /--allow-inspector/],
    ['--no-permission', /--no-permission/],
    ['--permission-audit', /--permission-audit/],
    ['--inspect=0.0.0.0:9229', /holds --inspect,/],
    ['--inspect-brk', /--inspect-brk/],
    ['--debug-port=1', /--debug-port/],
    ['--cpu-prof', /--cpu-prof/],
    ['--heap-prof --prof', /--heap-prof, --prof/],
    ['--report-on-signal --report-uncaught-exception', /--report-on-signal, --report-uncaught-exception/],
    ['--heapsnapshot-signal=SIGUSR2', /--heapsnapshot-signal/],
    ['--trace-event-categories=v8', /--trace-event-categories/],
    ['--redirect-warnings=/tmp/x', /--redirect-warnings/],
    ['--diagnostic-dir=/tmp', /--diagnostic-dir/],
    ['--tls-keylog=/tmp/keys', /--tls-keylog/],
    ['--use-env-proxy', /--use-env-proxy/],
    ['--openssl-config=/tmp/x', /--openssl-config/],
    ['--experimental-sqlite', /--experimental-sqlite/],
    ['--conditions=evil', /--conditions/],
    ['--something-new', /--something-new/],
    ['stray', /words that are no option/],
    ['--enable-source-maps stray', /words that are no option/],
  ];
  for (const [value, named] of harmful) {
    it(`is refused as "${value}"`, () => {
      const said = refusal({ NODE_OPTIONS: value });
      assert.match(String(said), named);
      assert.match(String(said), /→ Run `unset NODE_OPTIONS`/);
      assert.doesNotMatch(String(said), /evil|\/tmp|0\.0\.0\.0/, 'a value is shown');
    });
  }

  it("names Heroku's language metrics when they set --require", () => {
    const said = refusal({ NODE_OPTIONS: '--require /app/.heroku/plugin', HEROKU_METRICS_URL: 'http://localhost' });
    assert.match(String(said), /HEROKU_SKIP_NODE_PLUGIN=1/);
  });
});

describe('other variables of Node', () => {
  it('are refused when they turn off the check of certificates, load code or write files', () => {
    for (const name of ['NODE_V8_COVERAGE', 'NODE_REPL_EXTERNAL_MODULE', 'OPENSSL_CONF', 'SSLKEYLOGFILE']) {
      assert.match(String(refusal({ [name]: '/tmp/x' })), new RegExp(`${name} .* → .*unset ${name}`));
    }
    assert.match(String(refusal({ NODE_TLS_REJECT_UNAUTHORIZED: '0' })), /turns off the check of certificates/);
    assert.equal(refusal({ NODE_TLS_REJECT_UNAUTHORIZED: '1', NODE_V8_COVERAGE: '' }), null);
  });

  it('pass when they add certificates or name the surroundings', () => {
    assert.equal(refusal({ NODE_EXTRA_CA_CERTS: '/etc/ca.pem', NODE_ENV: 'production', DYNO: 'run.1' }), null);
  });
});

describe('a laptop', () => {
  const fine: Record<string, string>[] = [
    { NODE_OPTIONS: '--use-openssl-ca' },
    { NODE_OPTIONS: '--use-system-ca --openssl-legacy-provider' },
    { NODE_OPTIONS: '--require "/opt/Visual Studio Code/js-debug/bootloader.js" --inspect-publish-uid=http' },
    { NODE_OPTIONS: '-r ./trace.js --import=tsx --enable-source-maps' },
    { NODE_OPTIONS: '--inspect' },
    { NODE_OPTIONS: '--inspect-brk=9229' },
    { NODE_OPTIONS: '--inspect=127.0.0.1:9229 --inspect-port=localhost:0 --inspect-wait=[::1]:9229' },
    { NODE_OPTIONS: '--cpu-prof --experimental-sqlite' },
    { NODE_V8_COVERAGE: '/tmp/coverage', OPENSSL_CONF: '/etc/ssl/openssl.cnf', NODE_REPL_EXTERNAL_MODULE: 'x' },
    { NODE_EXTRA_CA_CERTS: '/etc/ca.pem', NODE_TLS_REJECT_UNAUTHORIZED: '1' },
  ];
  for (const env of fine) it(`may have ${JSON.stringify(env)}`, () => assert.equal(refusal(env, false), null));

  const leaking: [env: Record<string, string>, named: RegExp][] = [
    [{ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, /NODE_TLS_REJECT_UNAUTHORIZED turns off/],
    [{ SSLKEYLOGFILE: '/tmp/keys' }, /SSLKEYLOGFILE gives away/],
    [{ NODE_OPTIONS: '--require x --tls-keylog=/tmp/keys' }, /holds --tls-keylog, which may leak/],
    [{ NODE_OPTIONS: '--tls_keylog /tmp/keys' }, /holds --tls-keylog,/],
    [
      { NODE_OPTIONS: '--heapsnapshot-signal=SIGUSR2 --report-on-signal' },
      /holds --heapsnapshot-signal, --report-on-signal,/,
    ],
    [{ NODE_OPTIONS: '--inspect=0.0.0.0:9229' }, /holds --inspect,/],
    [{ NODE_OPTIONS: '--inspect-brk=0.0.0.0' }, /holds --inspect-brk,/],
    [{ NODE_OPTIONS: '--inspect=127.0.0.1.evil.example:9229' }, /holds --inspect,/],
    [{ NODE_OPTIONS: '"--inspect_port=[::]:9229"' }, /holds --inspect-port,/],
    [{ NODE_OPTIONS: '--tls-min-v1.0' }, /holds --tls-min-v1.0,/],
    [{ NODE_OPTIONS: '--trace-tls --jitless' }, /holds --trace-tls, --jitless,/],
  ];
  for (const [env, named] of leaking) {
    it(`may not have ${JSON.stringify(env)}`, () => {
      const said = String(refusal(env, false));
      assert.match(said, named);
      assert.match(said, /Run `unset /);
      assert.doesNotMatch(said, /evil|\/tmp|0\.0\.0\.0/, 'a value is shown');
    });
  }
});
