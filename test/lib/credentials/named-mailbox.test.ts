import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { namedMailbox } from '../../../lib/credentials/named-mailbox.ts';

const MAILBOX = 'alice@example.com';

describe('namedMailbox', () => {
  const named = [
    `{"refresh_token":"1//0x","email":"${MAILBOX}",}`,
    `{'client_id': 'x', 'email': '${MAILBOX}'}`,
    `{“email”: “${MAILBOX}”}`,
    `"{\\"email\\":\\"${MAILBOX}\\"}"`,
    `{"client_id":"x" "email":"${MAILBOX}"}`,
    `{client_id:x,email:${MAILBOX}}`,
    `client_id: x\n  email = "${MAILBOX}"\n`,
    `- email: ${MAILBOX}`,
    `EMAIL=${MAILBOX}`,
    `email\t${MAILBOX}`,
    `client_id=x&email=${MAILBOX}`,
    `{"type":"service_account","client_email":"x@p.iam.gserviceaccount.com","subject":"${MAILBOX}"}`,
    `{"email":"${MAILBOX}"}\n{"email":"Alice@Example.com"}`,
    `{"email":"","email":"${MAILBOX}"`,
    `email: ${MAILBOX}\nclient_email: x@p.iam.gserviceaccount.com`,
  ];
  for (const text of named) {
    it(`finds the address in ${text}`, () => assert.equal(namedMailbox(text), MAILBOX));
  }

  const silent = [
    '',
    MAILBOX,
    'not JSON',
    `{"client_email":"${MAILBOX}"}`,
    `{"login_email":"${MAILBOX}"}`,
    `Notify this email: ${MAILBOX}`,
    `{"email":"${MAILBOX}"}{"email":"bob@example.com"}`,
    `{"email":"${MAILBOX}","subject":"bob@example.com"}`,
    `email: ${MAILBOX}, bob@example.com`,
    `email: ${MAILBOX} bob@example.com\nsubject: ${MAILBOX}`,
    `{"email":["${MAILBOX}"]}`,
    `{"email":"Alice <${MAILBOX}>"}`,
    '{"email":"alice"}',
    `{"scope":"userinfo.email","owner":"${MAILBOX}"}`,
  ];
  for (const text of silent) {
    it(`finds none, or more than one, in ${text}`, () => assert.equal(namedMailbox(text), undefined));
  }

  it('takes no longer for what is huge', () => {
    const startedAt = performance.now();
    for (const part of ['email:', '"email":"a', 'email\t', 'email: a@b.', 'email:a@b.c,'])
      namedMailbox(part.repeat(20_000));
    assert.ok(performance.now() - startedAt < 2_000);
  });
});
