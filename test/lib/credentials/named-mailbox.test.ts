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

  it('takes time in proportion to the length of the value', () => {
    const cpuMs = (part: string, times: number): number => {
      const before = process.cpuUsage();
      namedMailbox(part.repeat(times));
      return process.cpuUsage(before).user / 1_000;
    };
    for (const part of ['email:', '"email":"a', 'email\t', 'email: a@b.', 'email:a@b.c,']) {
      const short = cpuMs(part, 2_000);
      // Ten times the length would take a hundred times as long if every place were looked at from every other.
      assert.ok(cpuMs(part, 20_000) < 50 * short + 200, part);
    }
  });
});
