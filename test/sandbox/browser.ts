// A person's browser, as far as a consent needs one: opens the consent page and goes where it is sent.

/** What the browser shows at the end. */
export interface Visit {
  status: number;
  headers: Headers;
  body: string;
  /** Where the first page sent it, with code and state in it; absent when that page sent it nowhere. */
  location?: string;
}

/**
 * Opens a page and follows where it is sent, as often as a browser does, until a page that sends no further.
 * @param options.follow False stops at the first redirect: for the address that a person pastes.
 * @throws TypeError when nothing listens where it was sent.
 */
export async function visit(url: string, options: { follow?: boolean } = {}): Promise<Visit> {
  let at = url;
  let location: string | undefined;
  for (let hops = 0; hops <= 20; hops += 1) {
    const response = await fetch(at, { redirect: 'manual', headers: { accept: 'text/html' } });
    const next = response.status >= 300 && response.status < 400 ? response.headers.get('location') : null;
    const body = await response.text();
    if (next !== null) at = new URL(next, at).href;
    if (next !== null) location ??= at;
    if (next === null || options.follow === false) {
      return { status: response.status, headers: response.headers, body, ...(location ? { location } : {}) };
    }
  }
  throw new Error('the browser was redirected too often');
}
