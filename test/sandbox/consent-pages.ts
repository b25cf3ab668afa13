// The pages of Google's consent: the question with its boxes and buttons, and the error page.
import { htmlEscape } from 'escape-goat';
import type { AuthorizationRequest } from './consent-request.ts';
import type { Answer } from './http.ts';

/** The question, for a person at a real browser; its form is answered at the same address. */
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

/** The page that ends it: Google tells the person, and the program never hears of it. */
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
