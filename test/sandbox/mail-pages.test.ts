import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Faults } from './faults.ts';
import { type Listener, listen } from './http.ts';
import { SandboxMailPages } from './mail-pages.ts';
import { SandboxMailbox } from './mailbox.ts';

const HOSTILE = '<script>alert(1)</script>"\'><img src=x onerror=alert(2)>';

const SOURCE = [
  `From: ${HOSTILE.replaceAll('"', '')} <mallory@example.com>`,
  'To: alice@example.com',
  `Subject: ${HOSTILE}`,
  'Content-Type: text/html; charset=utf-8',
  '',
  `<html><head><title>t</title></head><body>Hello ${HOSTILE}</body></html>`,
];

describe('the pages of the made-up mailbox', () => {
  const mailbox = new SandboxMailbox({ email: 'alice@example.com', labels: ['Work & play'] });
  let pages: Listener;
  let html = '';
  let plain = '';
  before(async () => {
    pages = await listen(new SandboxMailPages(mailbox), { requests: [], faults: new Faults() });
    ({ id: html } = await mailbox.insert(SOURCE.join('\r\n'), ['INBOX', 'Label_1']));
    ({ id: plain } = await mailbox.insert(`Subject: plain\r\n\r\nHello ${HOSTILE}`, ['SPAM']));
  });
  after(() => pages.close());

  async function get(path: string, init: RequestInit = {}) {
    const response = await fetch(`${pages.url}${path}`, init);
    return {
      status: response.status,
      policy: response.headers.get('content-security-policy') ?? '',
      body: await response.text(),
    };
  }

  it('list what a search finds, the inbox without one', async () => {
    const { status, body, policy } = await get('/');
    assert.equal(status, 200);
    assert.match(body, new RegExp(`href="/message/${html}"`));
    assert.match(body, /INBOX, Work &amp; play/);
    assert.match(policy, /^default-src 'none';/);
    assert.ok(!body.includes(plain));
    assert.match((await get('/?q=in%3Aspam')).body, new RegExp(`href="/message/${plain}"`));
  });

  it('show a message in a frame without scripts, which loads nothing', async () => {
    const { status, body, policy } = await get(`/message/${html}`);
    assert.equal(status, 200);
    assert.match(body, new RegExp(`<iframe src="/message/${html}/body" sandbox="(?!.*allow-scripts)`));
    assert.match(policy, /^default-src 'none';.* frame-src 'self'/);
    const framed = await get(`/message/${html}/body`);
    assert.match(framed.policy, /^sandbox (?!.*allow-(scripts|same-origin)).*; default-src 'none';/);
    assert.match(framed.body, /<head><base target="_blank"><title>/);
  });

  it('escape the headers and the text of a message, and a search', async () => {
    for (const path of ['/', `/message/${html}`, `/message/${plain}/body`, `/?q=${encodeURIComponent(HOSTILE)}`]) {
      const { body } = await get(path);
      assert.doesNotMatch(body, /<script|<img/, path);
      assert.match(body, /&lt;script&gt;alert\(1\)/, path);
    }
  });

  for (const [path, status, method] of [
    ['/?q=is%3Astared', 400],
    ['/?q=(', 400],
    ['/message/0000000000000000', 404],
    ['/message/../x', 404],
    ['/elsewhere', 404],
    ['/', 405, 'POST'],
  ] as const) {
    it(`answer ${method ?? 'GET'} ${path} with ${status}`, async () => {
      assert.equal((await get(path, { method: method ?? 'GET' })).status, status);
    });
  }
});
