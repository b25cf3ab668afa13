// Google's consent page with its checkboxes and buttons, and its error page.
import { htmlEscape } from 'escape-goat';
import type { AuthorizationRequest } from './consent-request.ts';
import type { Answer } from './http.ts';

/** The consent page for a real browser; its form posts to the same URL. */
export function consentPage({ clientId, scopes }: AuthorizationRequest, email: string): Answer {
  const boxes = scopes.map(
    (scope) => htmlEscape`<p><label><input type="checkbox" name="${scope}" checked> ${scope}</label></p>`,
  );
  return page(
    200,
    'Sign in - Google Accounts (sandbox)',
    [
      htmlEscape`<h1>${clientId} wants access to the account ${email}</h1>`,
      '<form method="post">',
      ...boxes,
      '<button name="decision" value="deny">Cancel</button> <button name="decision" value="allow">Continue</button>',
      '</form>',
    ].join('\n'),
  );
}

/** The error page: Google shows the error to the person and does not redirect to the program. */
export function errorPage(status: number, error: string, description: string): Answer {
  return page(
    status,
    `Error ${status}: ${error}`,
    htmlEscape`<h1>Access blocked</h1>\n<p>${description}</p>\n<p>Error ${status}: ${error}</p>`,
  );
}

function page(status: number, title: string, body: string): Answer {
  return {
    status,
    headers: { 'content-type': 'text/html; charset=utf-8', 'cache-control': 'no-store' },
    body: `<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>${title}</title></head>\n<body>\n${body}\n</body>\n</html>\n`,
  };
}
