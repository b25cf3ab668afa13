/** A template tag for HTML that escapes every value which the tag itself did not make. */
import { htmlEscape } from 'escape-goat';

/** HTML that `html` inserts unescaped. */
export class Html {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

type Value = Html | readonly Html[] | string | number;

/** Escapes strings and numbers; inserts `Html` unescaped. */
export function html(strings: TemplateStringsArray, ...values: readonly Value[]): Html {
  const source = values.reduce<string>(
    (before, value, index) => before + sourceOf(value) + (strings[index + 1] ?? ''),
    strings[0] ?? '',
  );
  return new Html(source);
}

function sourceOf(value: Value): string {
  if (value instanceof Html) return value.source;
  if (typeof value === 'object') return value.map(({ source }) => source).join('');
  return htmlEscape(String(value));
}
