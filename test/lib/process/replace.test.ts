import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { ConfigError } from '../../../lib/errors.ts';
import { DNS_QUERIES, guardEgress } from '../../../lib/process/egress.ts';
import { guardOutput } from '../../../lib/process/output.ts';
import { Redactor } from '../../../lib/process/redact.ts';
import { replaceFunction } from '../../../lib/process/replace.ts';

/** An object tree with a function at each of `paths`. */
function treeOf(paths: readonly string[]): Record<string, unknown> {
  const tree = {};
  for (const path of paths) {
    const names = path.split('.');
    const name = names.pop() ?? '';
    let holder: Record<string, unknown> = tree;
    for (const key of names) {
      holder[key] ??= {};
      holder = holder[key] as Record<string, unknown>;
    }
    holder[name] = Object.assign(() => undefined, holder[name]);
  }
  return tree;
}

/** All functions that the guards replace in every version of Node. */
const EGRESS = [
  'net.Socket.prototype.connect',
  'net.Server.prototype.listen',
  ...['bind', 'connect', 'send'].map((name) => `dgram.Socket.prototype.${name}`),
  ...['dns', 'dns.promises'].flatMap((module) => [
    `${module}.lookup`,
    `${module}.lookupService`,
    ...[module, `${module}.Resolver.prototype`].flatMap((holder) =>
      [...DNS_QUERIES, 'setServers'].map((name) => `${holder}.${name}`),
    ),
  ]),
];

const OUTPUT = ['process.stdout.write', 'process.stdout.end', 'process.stderr.write', 'process.stderr.end'];

function guardEgressIn(tree: Record<string, unknown>): void {
  guardEgress(() => undefined, tree as never);
}

function guardOutputIn(tree: Record<string, unknown>): void {
  const { process, fs = {} } = tree as { process: Record<string, object>; fs?: object };
  for (const name of ['stdout', 'stderr']) process[name] = { on: () => undefined, ...process[name] };
  guardOutput(new Redactor(), process as never, { fs } as never);
}

describe('a guard', () => {
  for (const [guard, paths] of [
    [guardEgressIn, EGRESS],
    [guardOutputIn, [...OUTPUT, 'fs.writeSync']],
  ] as const) {
    it(`starts when every function is there: ${guard.name}`, () => guard(treeOf(paths)));

    it(`refuses to start without any one of its functions, and names it: ${guard.name}`, () => {
      for (const path of paths) {
        const isNamed = (error: unknown) =>
          error instanceof ConfigError &&
          error.message.startsWith(`Node ${process.version} has no function ${path}, `) &&
          error.exitCode === 78;
        assert.throws(() => guard(treeOf(paths.filter((other) => other !== path))), isNamed, path);
      }
    });
  }

  it('of the output needs no process._rawDebug, which is undocumented, and guards it where it exists', () => {
    const stdout = new PassThrough();
    const stderr = new PassThrough();
    const redactor = new Redactor();
    redactor.add('GOCSPX-abcdefghijklmnop');
    const process = { stdout, stderr, _rawDebug: () => assert.fail('it is not guarded') };
    guardOutput(redactor, process as never, { fs: { writeSync: () => 0 } } as never);
    (process._rawDebug as (...values: unknown[]) => void)('the %s is', 'secret', 'GOCSPX-abcdefghijklmnop');
    assert.equal(String(stderr.read()), 'the secret is [redacted]\n');
  });
});

describe('replaceFunction', () => {
  it('keeps the properties of the function, which util.promisify reads', async () => {
    const modules = { dns: { lookup: Object.assign(() => undefined, { [promisify.custom]: async () => 'promised' }) } };
    replaceFunction(modules, 'dns.lookup', () => () => undefined);
    assert.equal(await promisify(modules.dns.lookup as never)(), 'promised');
  });

  it('replaces an inherited function on the object alone', () => {
    class Base {
      speak() {
        return 'base';
      }
    }
    const one = new Base();
    replaceFunction({ one }, 'one.speak', () => () => 'replaced');
    assert.deepEqual([one.speak(), new Base().speak()], ['replaced', 'base']);
  });
});
