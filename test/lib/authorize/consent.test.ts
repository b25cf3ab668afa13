/** The link to the consent page, and the state that an answer must carry. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { consentLink, createTie, isState } from '../../../lib/authorize/consent.ts';

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
  it('are new each time, and of the length that RFC 7636 asks for', () => {
    const ties = Array.from({ length: 50 }, createTie);
    const all = ties.flatMap(({ state, verifier }) => [state, verifier]);
    assert.equal(new Set(all).size, 100);
    for (const text of all) assert.match(text, /^[\w-]{43}$/);
  });

  it('are compared whole', () => {
    const { state } = createTie();
    assert.ok(isState(state, state));
    for (const given of [null, '', state.slice(1), `${state}x`, state.toUpperCase()]) assert.ok(!isState(given, state));
  });
});
