/** Which command opens the browser, and what of the environment it gets to see. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { browserCommand, handDown, openBrowser } from '../../../lib/authorize/browser.ts';

const LINK = 'https://accounts.google.com/o/oauth2/v2/auth?a=1&b=$&c=$(x)';

describe('the command that opens the browser', () => {
  it('is the one of the system', () => {
    assert.deepEqual(browserCommand(LINK, {}, 'darwin'), ['open', LINK]);
    assert.deepEqual(browserCommand(LINK, {}, 'win32'), ['rundll32', 'url.dll,FileProtocolHandler', LINK]);
    assert.deepEqual(browserCommand(LINK, { DISPLAY: ':0' }, 'linux'), ['xdg-open', LINK]);
    assert.deepEqual(browserCommand(LINK, { WAYLAND_DISPLAY: 'wayland-0' }, 'linux'), ['xdg-open', LINK]);
  });

  it('is none on a Linux without a screen', async () => {
    assert.equal(browserCommand(LINK, { DISPLAY: '' }, 'linux'), null);
    assert.equal(await openBrowser(LINK, {}, 'linux'), false);
  });

  it('is that in $BROWSER, the first of a list, with the link put in where %s stands', () => {
    const command = (BROWSER: string) => browserCommand(LINK, { BROWSER }, 'linux');
    assert.deepEqual(command('firefox'), ['firefox', LINK]);
    assert.deepEqual(command('firefox -P work:chromium'), ['firefox', '-P', 'work', LINK]);
    assert.deepEqual(command('my-browser --app=%s --new'), ['my-browser', `--app=${LINK}`, '--new']);
  });
});

it('hands down what a browser needs, and no key, token or setting of this program', () => {
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
  assert.deepEqual(handDown({ ...needed, ...kept, EMPTY: undefined }), needed);
});
