/** Puts a method of ours in the place of one of Node's. */

export type Method = (this: never, ...args: unknown[]) => unknown;

/** Replaces `holder[name]`, where there is one, by what `make` makes of it. What hangs on the function stays on it. */
export function replace(holder: object, name: string, make: (original: Method) => Method): void {
  const functions = holder as Record<string, Method | undefined>;
  const original = functions[name];
  if (typeof original !== 'function') return;
  const made = make(original);
  for (const key of Reflect.ownKeys(original)) {
    const own = Object.getOwnPropertyDescriptor(made, key);
    if (own?.configurable === false) continue;
    Object.defineProperty(made, key, Object.getOwnPropertyDescriptor(original, key) as PropertyDescriptor);
  }
  functions[name] = made;
}
