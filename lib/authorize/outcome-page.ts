/** The page that the browser shows at the end of an authorization or rotation, as HTML that loads nothing. */
import { createHash } from 'node:crypto';
import { JobError } from '../errors.ts';
import type { CommandSpelling } from '../screen/command-spelling.ts';
import { type Html, html } from '../screen/markup.ts';

/** Names and values of a table. */
export type PageFacts = readonly (readonly [string, string])[];

export interface OutcomePage {
  readonly tone: 'good' | 'bad' | 'neutral';
  readonly title: string;
  /** The outcome in a sentence or two. */
  readonly text: string;
  readonly facts?: PageFacts;
  /** The next steps. Words in backticks are commands to type. */
  readonly next: readonly string[];
}

export function spellPage(page: OutcomePage, spelling: CommandSpelling): OutcomePage {
  return { ...page, text: spelling.text(page.text), next: page.next.map(spelling.text) };
}

/** The page for an error. A bug's own message may hold a secret and is not shown. */
export function failurePage(title: string, error: unknown, facts: PageFacts = []): OutcomePage {
  const [text, remedy] =
    error instanceof JobError
      ? [sentence(error.message), sentence(error.remedy)]
      : ['The command failed.', 'The terminal shows why.'];
  return { tone: 'bad', title, text, facts, next: [remedy] };
}

const STYLE = `
:root { color-scheme: light dark; --page: #f4f5f7; --paper: #fff; --ink: #1f2328; --soft: #5b636d; --line: #e6e8eb; --code: #f0f2f4; --good: #1a7f4b; --good-soft: #e3f4ea; --bad: #b3402f; --bad-soft: #fbeae6; --neutral: #4a6fb5; --neutral-soft: #e8eef9; }
@media (prefers-color-scheme: dark) {
  :root { --page: #101214; --paper: #1a1d21; --ink: #e6e8eb; --soft: #9ba3ad; --line: #2b3036; --code: #24282d; --good: #5cc98d; --good-soft: #17301f; --bad: #f0917f; --bad-soft: #3a1f1a; --neutral: #8fb0ee; --neutral-soft: #1c2740; }
}
* { box-sizing: border-box; margin: 0; }
body { min-height: 100vh; min-height: 100dvh; display: grid; place-items: center; padding: 24px; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
main { width: 100%; max-width: 540px; padding: 44px 44px 36px; background: var(--paper); border: 1px solid var(--line); border-radius: 18px; box-shadow: 0 1px 2px rgb(0 0 0 / 4%), 0 12px 32px rgb(0 0 0 / 5%); }
.mark { display: grid; place-items: center; width: 52px; height: 52px; margin-bottom: 22px; border-radius: 50%; }
.mark svg { width: 26px; height: 26px; fill: none; stroke: currentColor; stroke-width: 2.4; stroke-linecap: round; stroke-linejoin: round; }
.good .mark { color: var(--good); background: var(--good-soft); }
.bad .mark { color: var(--bad); background: var(--bad-soft); }
.neutral .mark { color: var(--neutral); background: var(--neutral-soft); }
h1 { font-size: 25px; line-height: 1.25; font-weight: 650; letter-spacing: -0.015em; text-wrap: balance; }
.text { margin-top: 10px; color: var(--soft); overflow-wrap: anywhere; }
dl { margin-top: 26px; border-top: 1px solid var(--line); }
dl div { display: grid; grid-template-columns: 108px 1fr; gap: 16px; padding: 11px 0; border-bottom: 1px solid var(--line); }
dt { color: var(--soft); font-size: 14px; line-height: 25px; }
dd { overflow-wrap: anywhere; }
h2 { margin-top: 28px; font-size: 13px; font-weight: 600; color: var(--soft); }
ul { margin-top: 6px; padding: 0; list-style: none; }
li { margin-top: 6px; overflow-wrap: anywhere; }
code { padding: 2px 6px; border-radius: 6px; background: var(--code); font: 0.88em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
footer { margin-top: 30px; font-size: 13px; color: var(--soft); }
@media (max-width: 520px) {
  body { padding: 0; place-items: stretch; background: var(--paper); }
  main { padding: 36px 22px 28px; border: 0; border-radius: 0; box-shadow: none; }
  dl div { grid-template-columns: 1fr; gap: 0; }
}
`;

const MARKS: Readonly<Record<OutcomePage['tone'], Html>> = {
  good: html`<path d="M5 12.5l4.5 4.5L19 7.5"/>`,
  bad: html`<path d="M12 5v8.5M12 18.6v.1"/>`,
  neutral: html`<path d="M8.5 6v12M15.5 6v12"/>`,
};

export function renderPage({ tone, title, text, facts = [], next }: OutcomePage): string {
  const rows = facts.map(([name, value]) => html`<div><dt>${name}</dt><dd>${withCode(value)}</dd></div>`);
  const list = rows.length === 0 ? html`` : html`<dl>${rows}</dl>`;
  // STYLE is inserted unescaped, because its hash in the Content-Security-Policy must match.
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${html`${title}`.source} · gmail-jobs</title><style>${STYLE}</style></head>
<body>${
    html`<main class="${tone}">
<div class="mark"><svg viewBox="0 0 24 24" aria-hidden="true">${MARKS[tone]}</svg></div>
<h1>${title}</h1>
<p class="text">${withCode(text)}</p>
${list}
<h2>What to do now</h2>
<ul>${next.map((step) => html`<li>${withCode(step)}</li>`)}</ul>
<footer>gmail-jobs, on this computer. You can close this tab.</footer>
</main>`.source
  }</body>
</html>
`;
}

/** Headers that forbid the page to load, run or submit anything, forbid frames around the page, and forbid caching. */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

function withCode(text: string): Html {
  const parts = text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));
  return html`${parts}`;
}

function sentence(text: string): string {
  const capital = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`;
}
