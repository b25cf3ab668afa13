/** HTML that is escaped unless it is known to be HTML: a tagged template on top of escape-goat's. */
import { htmlEscape } from 'escape-goat';

/** A piece of HTML that was made by `html`, and so may stand in another one as it is. */
export class Html {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

type Value = Html | readonly Html[] | string | number;

/** HTML from a template: its own text as it is, strings and numbers escaped, HTML made by `html` left alone. */
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
