// The browser of a person who consents: opens the consent page and follows its redirects.

/** The last page that the browser shows. */
export interface Visit {
  status: number;
  headers: Headers;
  body: string;
  /** The URL of the first redirect, with code and state; absent when the first page does not redirect. */
  location?: string;
}

/**
 * Opens a page and follows redirects, as many as a browser does.
 * @param options.follow False stops at the first redirect: for the address that a person pastes.
 * @throws TypeError when nothing listens at the address of a redirect.
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
