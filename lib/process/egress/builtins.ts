/**
 * What the gatekeeper needs of JavaScript itself, taken before a job is loaded: a job that replaces `Reflect.apply` or
 * `RegExp.prototype.exec` afterwards learns nothing from it, and changes no answer.
 */

/** An object without a prototype: what is not in it is not found elsewhere. */
export type Table<T> = { [key: string]: T | undefined };

export const { apply } = Reflect;
const { toLowerCase, slice } = String.prototype;
const { exec } = RegExp.prototype;

export function newTable<T>(): Table<T> {
  return { __proto__: null } as unknown as Table<T>;
}

export function lowerCase(text: string): string {
  return apply(toLowerCase, text, []);
}

export function part(text: string, from: number, to: number): string {
  return apply(slice, text, [from, to]);
}

export function matches(pattern: RegExp, text: string): boolean {
  return apply(exec, pattern, [text]) !== null;
}
