import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { namedMailbox } from '../../../lib/aws/named-mailbox.ts';

const MAILBOX = 'alice@example.com';

describe('namedMailbox', () => {
  const named = [
    // JSON of which something else is wrong.
    `{"email":"${MAILBOX}"}`,
    `"{\\"email\\":\\"${MAILBOX}\\"}"`,
    `\ufeff{"email":" ${MAILBOX} ","client_id":"x","scopes":["a"]}`,
    `{"email":"${MAILBOX}","note":{"by":"bob@example.com"}}`,
    `{"type":"service_account","client_email":"x@p.iam.gserviceaccount.com","subject":"${MAILBOX}"}`,
    `{"private_key":"-----BEGIN PRIVATE KEY-----","subject":"${MAILBOX}","email":"${MAILBOX}"}`,
    // Broken JSON.
    `{"refresh_token":"1//0x","email":"${MAILBOX}",}`,
    `{"refresh_token":"1//0x--y#z;","email":"${MAILBOX}",}`,
    `{\n  "refresh_token": "1//0x"\n  "email": "${MAILBOX}"\n}`,
    `{'client_id': 'x', 'email': '${MAILBOX}'}`,
    `{“client_id”: “x”, “email”: “${MAILBOX}”}`,
    `{"client_id":"x" "email":"${MAILBOX}"}`,
    `{"scopes":["https://mail.google.com/"],"email":"${MAILBOX}", x}`,
    `{"email":"${MAILBOX}", "refresh_token": 1//0x}`,
    `{"email":${MAILBOX}, "refresh_token": "1//0x"}`,
    `{"email":"${MAILBOX}","refresh_token":"1//0x`,
    `{"type":"service_account","client_email":"x@p.iam.gserviceaccount.com","subject":"${MAILBOX}",}`,
  ];
  for (const text of named) {
    it(`finds the address in ${text}`, () => assert.equal(namedMailbox(text), MAILBOX));
  }

  const silent = [
    '',
    MAILBOX,
    'not JSON',
    // JSON: not the credentials' own, not a text, or contradicted.
    `{"client_email":"${MAILBOX}"}`,
    `{"login_email":"${MAILBOX}"}`,
    `{"EMAIL":"${MAILBOX}"}`,
    `{"email":["${MAILBOX}"]}`,
    `{"email":{"value":"bob@example.com"},"subject":"${MAILBOX}"}`,
    `{"subject":"${MAILBOX}","refresh_token":"1//0x"}`,
    `{"email":"${MAILBOX}","subject":"bob@example.com"}`,
    `{"type":"service_account","email":"${MAILBOX}"}`,
    `{"type":"service_account","subject":"${MAILBOX}","refresh_token":"1//0x"}`,
    `{"email":"${MAILBOX}","private_key":"x","type":"authorized_user"}`,
    `{"email":"Alice <${MAILBOX}>"}`,
    '{"email":"alice"}',
    '{"email":5}',
    '{"email":null}',
    `{"email":"bob@example.com","email":"${MAILBOX}"}`,
    `{"scope":"userinfo.email","owner":"${MAILBOX}"}`,
    `{"refresh_token":"1//0x","old":{"email":"${MAILBOX}"}}`,
    `{"refresh_token":"1//0x","history":[{"email":"${MAILBOX}"}]}`,
    `{"refresh_token":"1//0x","backup":{"refresh_token":"1//0y","email":"${MAILBOX}"}}`,
    `{"email":"${MAILBOX}","backup":{"refresh_token":"1//0y"}}`,
    `{"email":"${MAILBOX}","backup":"{\\"refresh_token\\":\\"1//0y\\"}"}`,
    `{"note":"{\\"email\\":\\"${MAILBOX}\\"}"}`,
    `{"installed":{"client_id":"x"},"email":"${MAILBOX}"}`,
    `{"installed":{"client_id":"x"},"old":{"email":"${MAILBOX}"}}`,
    `{${JSON.stringify(`{"email":"${MAILBOX}"}`)}:""}`,
    `[{"email":"${MAILBOX}"}]`,
    // Free text.
    `email: ${MAILBOX}`,
    `client_id: x\n  email = "${MAILBOX}"\n`,
    `"email": "${MAILBOX}"`,
    `EMAIL=${MAILBOX}`,
    `client_id=x&email=${MAILBOX}`,
    `old "email": "${MAILBOX}"`,
    `{client_id:x,email:${MAILBOX}}`,
    `{email: ${MAILBOX} -> bob}`,
    `{"note":"moved; email: ${MAILBOX}","mailbox":"bob", x`,
    `{"note":"was "email":"${MAILBOX}", x`,
    `{"note":"was, "email":"${MAILBOX}", x`,
    `{old "email":"${MAILBOX}", x`,
    // Broken JSON: comments.
    ...['// ', '//', '/* ', '# ', '-- ', '; ', '<!-- ', '//was: {', 'http: // '].map(
      (mark) => `{\n  ${mark}"email": "${MAILBOX}",\n  "refresh_token": "1//0x"\n}`,
    ),
    `{\n  /*\n  "email": "${MAILBOX}",\n  */\n  "refresh_token": "1//0x"\n}`,
    `{\n  <!--\n  "email": "${MAILBOX}",\n  -->\n  "refresh_token": "1//0x"\n}`,
    `{ "client_id": "x", // "email": "${MAILBOX}",\n "refresh_token": "1//0x"}`,
    `{ "email": "${MAILBOX}", // was\n "refresh_token": "1//0x"}`,
    `{\n # "email": "${MAILBOX}",\n "email": "bob@example.com"\n}`,
    // Broken JSON: more than one address or key, or not at depth 1.
    `{"email":"${MAILBOX}","email":"bob@example.com", x`,
    `{"email":"","email":"${MAILBOX}"`,
    `{"email":"${MAILBOX}","email":"${MAILBOX}", x`,
    `{"email":"${MAILBOX}","account":"bob@example.com", x`,
    `{"email":"${MAILBOX}","account":"bob%40example.com", x`,
    `{"email":"${MAILBOX} & bob", x`,
    `{"email":"${MAILBOX} -> bob", x`,
    `{"email":"${MAILBOX}" (old), x`,
    `{"email":"${MAILBOX}"}{"refresh_token":"1//0x"}`,
    `{"old":{"email":"${MAILBOX}"}, x`,
    `{"history":["email":"${MAILBOX}"], x`,
    `{"old":"x"},"email":"${MAILBOX}", x`,
    `{"email":["${MAILBOX}"], x`,
    `{"email":"${MAILBOX}`,
    `{"subject":"${MAILBOX}", x`,
    `{"type":"service_account","email":"${MAILBOX}", x`,
    Buffer.from(`{"email":"${MAILBOX}"}`).toString('base64'),
  ];
  for (const text of silent) {
    it(`finds no certain address in ${text}`, () => assert.equal(namedMailbox(text), undefined));
  }

  it('takes time in proportion to the length of the value', () => {
    const cpuMs = (part: string, times: number): number => {
      const before = process.cpuUsage();
      namedMailbox(`{${part.repeat(times)}"email":"${MAILBOX}", x`);
      return process.cpuUsage(before).user / 1_000;
    };
    for (const part of ['{', '[', '"', '"email":"a', ' "email" ', '{"email":"a@b.c",']) {
      const short = cpuMs(part, 2_000);
      // Ten times the length would take a hundred times as long if every place were looked at from every other.
      assert.ok(cpuMs(part, 20_000) < 50 * short + 200, part);
    }
  });
});
