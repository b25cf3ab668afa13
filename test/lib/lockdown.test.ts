import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ConfigError } from '../../lib/errors.ts';
import { refuseUnlocked } from '../../lib/lockdown.ts';

/** What is said about `env`; null when it may stay as it is. */
function refusal(env: Record<string, string>): string | null {
  try {
    refuseUnlocked(env);
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
  for (const value of harmless) it(`may be "${value}"`, () => assert.equal(refusal({ NODE_OPTIONS: value }), null));

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
    it(`may not be "${value}"`, () => {
      const said = refusal({ NODE_OPTIONS: value });
      assert.match(String(said), named);
      assert.match(String(said), /heroku config:unset NODE_OPTIONS/);
      assert.doesNotMatch(String(said), /evil|\/tmp|0\.0\.0\.0/, 'a value is shown');
    });
  }

  it("names Heroku's language metrics when they set it", () => {
    const said = refusal({ NODE_OPTIONS: '--require /app/.heroku/plugin', HEROKU_METRICS_URL: 'http://localhost' });
    assert.match(String(said), /HEROKU_SKIP_NODE_PLUGIN=1/);
  });
});

describe('the other variables of Node', () => {
  it('may not turn off the check of certificates, load code or write files', () => {
    for (const name of ['NODE_V8_COVERAGE', 'NODE_REPL_EXTERNAL_MODULE', 'OPENSSL_CONF', 'SSLKEYLOGFILE']) {
      assert.match(String(refusal({ [name]: '/tmp/x' })), new RegExp(`${name} .* → .*unset ${name}`));
    }
    assert.match(String(refusal({ NODE_TLS_REJECT_UNAUTHORIZED: '0' })), /turns off the check of certificates/);
    assert.equal(refusal({ NODE_TLS_REJECT_UNAUTHORIZED: '1', NODE_V8_COVERAGE: '' }), null);
  });

  it('may add certificates and say where Node runs', () => {
    assert.equal(refusal({ NODE_EXTRA_CA_CERTS: '/etc/ca.pem', NODE_ENV: 'production', DYNO: 'run.1' }), null);
  });
});
