/** The page that the browser shows at the end of an authorization. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { it } from 'node:test';
import { failurePage, PAGE_HEADERS, renderPage } from '../../../lib/authorize/outcome-page.ts';
import { CredentialError } from '../../../lib/errors.ts';

const PAGE = { tone: 'good', title: 'Done', text: 'It worked.', next: ['Run `job check`.'] } as const;

it('escapes all texts, and shows commands as code', () => {
  const evil = '<img src=x onerror=alert(1)>"\'&';
  const html = renderPage({
    ...PAGE,
    title: evil,
    text: evil,
    facts: [[evil, evil]],
    next: [evil, 'Run `job check`.'],
  });
  assert.ok(!html.includes('<img'));
  assert.match(html, /Run <code>job check<\/code>\./);
});

it('has one style, which the headers allow by its hash, and loads or runs nothing', () => {
  const html = renderPage(PAGE);
  const styles = [...html.matchAll(/<style>(.*?)<\/style>/gs)].map(([, style]) => style ?? '');
  const hash = createHash('sha256').update(styles.join()).digest('base64');
  assert.ok(PAGE_HEADERS['content-security-policy']?.includes(`style-src 'sha256-${hash}'`));
  assert.doesNotMatch(html, /<script|<link|<img|<iframe|src=|href=|style=|url\(|@import/);
});

it('has styles for dark mode and for a narrow screen', () => {
  const html = renderPage(PAGE);
  for (const part of ['prefers-color-scheme: dark', 'max-width: 520px', 'width=device-width']) {
    assert.ok(html.includes(part), part);
  }
});

it('shows an expected failure with its remedy, and hides the message of a bug', () => {
  const refused = failurePage('Nothing was stored', new CredentialError('access was denied', 'Run it again'));
  assert.deepEqual([refused.text, refused.next], ['Access was denied.', ['Run it again.']]);
  const bug = failurePage('Nothing was stored', new Error('ya29.secret'));
  assert.ok(!JSON.stringify(bug).includes('ya29'));
});
