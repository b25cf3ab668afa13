// The made-up mailbox in a browser: a list of the newest messages of a search, and a page for one message. Messages may be
// hostile, so their HTML is shown in a frame without scripts and external content.
import { htmlEscape } from 'escape-goat';
import PostalMime from 'postal-mime';
import type { Answer, RecordedRequest, Service } from './http.ts';
import { QuerySyntaxError, type SandboxMailbox, type StoredMessage, UnknownOperatorError } from './mailbox.ts';

const NEWEST = 50;
const DEFAULT_QUERY = 'in:inbox';

const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-src 'self'; form-action 'self'";
/** Links open in a new tab, outside the frame. */
const SANDBOX = 'allow-popups allow-popups-to-escape-sandbox';
const BODY_POLICY = `sandbox ${SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; img-src data:`;

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; margin: 24px auto; max-width: 1000px; padding: 0 16px; color: #1f2328; }
a { color: inherit; text-decoration: none; } a:hover { text-decoration: underline; }
form { margin: 16px 0; } input { font: inherit; width: 60%; padding: 4px 8px; } button { font: inherit; padding: 4px 12px; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
td { padding: 6px 8px; border-top: 1px solid #e7e9ec; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
td:first-child { width: 10em; color: #656d76; font-weight: normal; } td:nth-child(2) { width: 15em; } td:last-child { width: 15em; color: #656d76; }
tr.unread { font-weight: 600; } small, dt { color: #656d76; } h1 { font-size: 22px; }
dl { display: grid; grid-template-columns: 6em 1fr; gap: 0 8px; } dd { margin: 0; overflow-wrap: anywhere; }
iframe { border: 1px solid #e7e9ec; width: 100%; height: 75vh; } pre { white-space: pre-wrap; overflow-wrap: anywhere; }
`;

export class SandboxMailPages implements Service {
  readonly name = 'mail';
  readonly #mailbox: SandboxMailbox;

  constructor(mailbox: SandboxMailbox) {
    this.#mailbox = mailbox;
  }

  verb(): string {
    return 'page';
  }

  async handle({ method, path, query }: RecordedRequest): Promise<Answer> {
    if (method !== 'GET') return { status: 405, body: 'Method Not Allowed', headers: { allow: 'GET' } };
    if (path === '/') return this.#list(query.get('q') ?? DEFAULT_QUERY);
    const [, id = '', body] = /^\/message\/([0-9a-f]{16})(\/body)?$/.exec(path) ?? [];
    const message = this.#mailbox.get(id);
    if (message === undefined) return page(404, 'Not found', '<p>There is no such message or page.</p>');
    return body === undefined ? this.#message(message) : await bodyOf(message);
  }

  #list(query: string): Answer {
    const form = htmlEscape`<form><input name="q" value="${query}" aria-label="search"> <button>Search</button></form>`;
    const title = `${this.#mailbox.email} (sandbox)`;
    try {
      const found = this.#mailbox.search(query);
      const rows = found.slice(0, NEWEST).map((message) => this.#row(message));
      const note = htmlEscape`<p><small>${found.length} found, the newest ${rows.length} shown</small></p>`;
      return page(200, title, `${form}${note}<table>\n${rows.join('\n')}\n</table>`);
    } catch (error) {
      if (!(error instanceof QuerySyntaxError || error instanceof UnknownOperatorError)) throw error;
      return page(400, title, `${form}${htmlEscape`<p>${error.message}</p>`}`);
    }
  }

  #row(message: StoredMessage): string {
    const { id, from, subject, labelIds } = message;
    const name = from.replace(/\s*<[^<>]*>$/, '') || from;
    const link = htmlEscape`<a href="/message/${id}" dir="auto">${subject || '(no subject)'}</a>`;
    const cells = [dateOf(message), htmlEscape`<span dir="auto">${name}</span>`, link, this.#labels(message)];
    const row = labelIds.has('UNREAD') ? 'unread' : 'read';
    return `<tr class="${row}">${cells.map((cell) => `<td>${cell}</td>`).join('')}</tr>`;
  }

  #message(message: StoredMessage): Answer {
    const { id, from, to, subject, messageId } = message;
    const heads = Object.entries({ From: from, To: to, Date: dateOf(message), 'Message-ID': messageId });
    const head = heads.map(([name, value]) => htmlEscape`<dt>${name}</dt><dd>${value}</dd>`).join('');
    const frame = htmlEscape`<iframe src="/message/${id}/body" sandbox="${SANDBOX}" title="the message"></iframe>`;
    return page(
      200,
      subject || '(no subject)',
      `<dl>${head}<dt>Labels</dt><dd>${this.#labels(message)}</dd></dl>\n${frame}\n<p><a href="/">Back</a></p>`,
    );
  }

  #labels({ labelIds }: StoredMessage): string {
    const names = new Map(this.#mailbox.labels().map(({ id, name }) => [id, name]));
    return htmlEscape`${[...labelIds].map((id) => names.get(id) ?? id).join(', ')}`;
  }
}

/** The HTML of a message, or its text when it has no HTML. */
async function bodyOf(message: StoredMessage): Promise<Answer> {
  const { html, text = message.body } =
    message.raw === undefined ? {} : await PostalMime.parse(Buffer.from(message.raw, 'latin1'));
  const shown = html ?? htmlEscape`<!DOCTYPE html><html><head></head><body><pre>${text}</pre></body></html>`;
  const base = '<base target="_blank">';
  const body = /<head\b[^>]*>/i.test(shown) ? shown.replace(/<head\b[^>]*>/i, `$&${base}`) : base + shown;
  return { status: 200, headers: headers(BODY_POLICY), body };
}

function page(status: number, title: string, content: string): Answer {
  const head = htmlEscape`<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>`;
  const heading = htmlEscape`<h1 dir="auto">${title}</h1>`;
  return {
    status,
    headers: headers(PAGE_POLICY),
    body: `<!DOCTYPE html>\n<html lang="en">\n<head>${head}<style>${STYLE}</style></head>\n<body>\n${heading}\n${content}\n</body>\n</html>\n`,
  };
}

function headers(policy: string): Record<string, string> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': policy,
    'referrer-policy': 'no-referrer',
    'cache-control': 'no-store',
  };
}

function dateOf({ internalDateMs }: StoredMessage): string {
  return new Date(internalDateMs).toISOString().slice(0, 16).replace('T', ' ');
}
