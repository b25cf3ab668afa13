/** The link to the consent page, the state of an answer, and the browser that opens the link. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import {
  browserCommand,
  browserEnvironment,
  consentLink,
  createLinkSecrets,
  isState,
  openBrowser,
} from '../../../lib/authorize/link.ts';

const QUESTION = {
  authUrl: 'https://accounts.google.com/o/oauth2/v2/auth',
  clientId: 'id.apps.googleusercontent.com',
  redirectUri: 'http://127.0.0.1:4711/oauth2callback',
  scopes: ['https://www.googleapis.com/auth/gmail.modify', 'https://www.googleapis.com/auth/gmail.labels'],
  loginHint: undefined,
};

describe('the link to the consent page', () => {
  it('asks for a code with PKCE, offline access and a new consent, and for nothing else', () => {
    const link = new URL(consentLink(QUESTION, { state: 'the-state', verifier: 'the-verifier' }));
    assert.equal(link.origin + link.pathname, QUESTION.authUrl);
    assert.deepEqual(Object.fromEntries(link.searchParams), {
      client_id: QUESTION.clientId,
      redirect_uri: QUESTION.redirectUri,
      response_type: 'code',
      scope: QUESTION.scopes.join(' '),
      state: 'the-state',
      code_challenge: createHash('sha256').update('the-verifier').digest('base64url'),
      code_challenge_method: 'S256',
      access_type: 'offline',
      prompt: 'consent',
    });
  });

  it('names the mailbox when it is known, and never the verifier', () => {
    const link = consentLink({ ...QUESTION, loginHint: 'a+b@example.com' }, { state: 's', verifier: 'the-verifier' });
    assert.equal(new URL(link).searchParams.get('login_hint'), 'a+b@example.com');
    assert.ok(!link.includes('the-verifier'));
  });
});

describe('state and verifier', () => {
  it('are new for each link, and as long as RFC 7636 requires', () => {
    const links = Array.from({ length: 50 }, createLinkSecrets);
    const all = links.flatMap(({ state, verifier }) => [state, verifier]);
    assert.equal(new Set(all).size, 100);
    for (const text of all) assert.match(text, /^[\w-]{43}$/);
  });

  it('match only as a whole', () => {
    const { state } = createLinkSecrets();
    assert.ok(isState(state, state));
    for (const given of [null, '', state.slice(1), `${state}x`, state.toUpperCase()]) assert.ok(!isState(given, state));
  });
});

const LINK = 'https://accounts.google.com/o/oauth2/v2/auth?a=1&b=$&c=$(x)';

describe('the command that opens the browser', () => {
  it('is the system command', () => {
    assert.deepEqual(browserCommand(LINK, {}, 'darwin'), ['open', LINK]);
    assert.deepEqual(browserCommand(LINK, {}, 'win32'), ['rundll32', 'url.dll,FileProtocolHandler', LINK]);
    assert.deepEqual(browserCommand(LINK, { DISPLAY: ':0' }, 'linux'), ['xdg-open', LINK]);
    assert.deepEqual(browserCommand(LINK, { WAYLAND_DISPLAY: 'wayland-0' }, 'linux'), ['xdg-open', LINK]);
  });

  it('is null on a Linux server', async () => {
    assert.equal(browserCommand(LINK, { DISPLAY: '' }, 'linux'), null);
    assert.equal(await openBrowser(LINK, {}, 'linux'), false);
  });

  it('is the first entry of $BROWSER, with the link in place of %s', () => {
    const command = (BROWSER: string) => browserCommand(LINK, { BROWSER }, 'linux');
    assert.deepEqual(command('firefox'), ['firefox', LINK]);
    assert.deepEqual(command('firefox -P work:chromium'), ['firefox', '-P', 'work', LINK]);
    assert.deepEqual(command('my-browser --app=%s --new'), ['my-browser', `--app=${LINK}`, '--new']);
  });
});

it('passes the browser its own variables, and no key, token or setting of this program', () => {
  const needed = {
    PATH: '/bin',
    HOME: '/home/a',
    DISPLAY: ':0',
    XDG_RUNTIME_DIR: '/run',
    LC_ALL: 'C',
    SystemRoot: 'C:',
  };
  const kept = {
    AWS_SECRET_ACCESS_KEY: 'x',
    AWS_PROFILE: 'x',
    GMAIL_SECRET_ID: 'x',
    GOOGLE_TOKEN_URL: 'x',
    HEARTBEAT_URL: 'x',
    NODE_OPTIONS: 'x',
    DATABASE_URL: 'x',
    MY_PATH: 'x',
    HOMEBREW_GITHUB_API_TOKEN: 'x',
  };
  assert.deepEqual(browserEnvironment({ ...needed, ...kept, EMPTY: undefined }), needed);
});
