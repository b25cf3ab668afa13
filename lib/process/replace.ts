/**
 * Replaces a function of Node by a guard. A missing function stops the start: without the guard, the process would be
 * open and nobody would know.
 */
import { ConfigError } from '../errors.ts';

export type Method = (this: never, ...args: unknown[]) => unknown;

/**
 * Replaces the function at `path` below `modules`, such as `net.Socket.prototype.connect`, by what `make` returns for it.
 * Properties of the function stay, since util.promisify reads one of `dns.lookup`.
 * @throws ConfigError that names the function and Node's version when Node has no such function.
 */
export function replaceFunction(
  modules: object,
  path: string,
  make: (original: Method) => Method,
  version = process.version,
): void {
  const names = path.split('.');
  const name = names.pop() ?? '';
  const holder = names.reduce<Holder | undefined>((at, key) => at?.[key] as Holder | undefined, modules as Holder);
  const original = holder?.[name];
  if (holder === undefined || typeof original !== 'function') {
    throw new ConfigError(
      `Node ${version} has no function ${path}, so the program cannot guard it and does not start`,
      'Run the program with the newest Node 24: check engines.node in package.json, then deploy again.',
    );
  }
  holder[name] = Object.defineProperties(make(original as Method), Object.getOwnPropertyDescriptors(original));
}

type Holder = Record<string, unknown>;
