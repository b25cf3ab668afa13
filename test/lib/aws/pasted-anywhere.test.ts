/** Thousands of combinations of names, marks and a pasted credential: none leaks, and the program's own words stay readable. */
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { readCredentials } from '../../../lib/aws/shape.ts';
import { ConfigError } from '../../../lib/errors.ts';
import { Scrubber } from '../../../lib/process/output.ts';
import { Redactor } from '../../../lib/process/redact.ts';

const CLIENT_ID = '123456789012-abc.apps.googleusercontent.com';
const CLIENT_SECRET = 'GOCSPX-k3yOfTheClient5b2cKd9';
/** With the form of a refresh token, and without one. */
const TOKENS = ['1//0gRefreshTokenOfAlice-Zq7Wx3_Ty6', 'Zq7Wx3Hj4Tn85b2cKd9aUo1Ty6'];

const BEFORE = ['', '{', '"', "'", 'gmail ', 'client_secret', '- ', 'export ', '**', '<', '{"type":"authorized_user",'];
const NAMES = ['refresh_token', '"refresh_token"', '\\"refresh_token\\"', 'REFRESH_TOKEN', '“refresh_token”'];
const BETWEEN = [
  ...[
    ':',
    ': ',
    '=',
    ' ',
    '/',
    '->',
    ' => ',
    '":"',
    '\\":\\"',
    '\t',
    '|',
    ';',
    ',',
    '\\/',
    "': '",
    '(',
    '\\',
    '\\n',
    '%3D',
  ],
  ...['&quot;:&quot;', '\\u0022:\\u0022', '.', '~', '!', '?', '@', '*', '**: `', '+', '>', '#', '-', '</key><string>'],
];
const AFTER = ['', '"', '"}', ',', '\\"', '\n', '/', ')', '</refresh_token>', '`'];
const FORMS: Readonly<Record<string, (text: string) => string>> = {
  alone: (text) => text,
  'as the value of its key': (text) =>
    JSON.stringify({ client_id: CLIENT_ID, client_secret: CLIENT_SECRET, refresh_token: text }),
  'as the value of another key': (text) =>
    JSON.stringify({
      type: text,
      client_id: CLIENT_ID,
      client_secret: CLIENT_SECRET,
      refresh_token: text,
      email: text,
    }),
  'as a key': (text) => JSON.stringify({ [text]: '' }),
  'as a string': (text) => JSON.stringify(text),
};

for (const [where, form] of Object.entries(FORMS)) {
  it(`a credential pasted ${where} is hidden, and the final line is complete JSON`, () => {
    for (const token of where === 'as a key' ? TOKENS.slice(0, 1) : TOKENS) {
      for (const [at, before] of BEFORE.entries()) {
        for (const [nth, name] of NAMES.entries()) {
          for (const [index, between] of BETWEEN.entries()) {
            // All combinations take 14 s. Inside JSON, each mark comes with each name and with every third beginning.
            if (where !== 'alone' && (at + nth + index) % 3 !== 0) continue;
            const text = form(
              `${before}${name}${between}${token}${AFTER[(before.length + between.length) % AFTER.length]}`,
            );
            assertHidden(text, token);
          }
        }
      }
    }
  });
}

function assertHidden(text: string, token: string): void {
  const redactor = new Redactor();
  const read = readCredentials(text, 'gmail-jobs/alice', (secret) => redactor.add(secret));
  assert.equal(redactor.text(`x ${token} y`).replace(/\[redacted\][/"'`,)]*/g, '*'), 'x * y', text);
  if (!(read instanceof ConfigError)) return;
  const line = JSON.stringify({ error: read.message, remedy: read.remedy, runId: '20261127-044947-b1b5' });
  assert.equal(written(redactor, line), line, text);
}

it('a line of JSON stays valid whatever the redactor replaces in it', () => {
  const names = ['refresh_token', 'client_secret', 'error'];
  const marks = ['\t', '\\', '"', '\\"', '/', '\u0001', 'é', '{"', '":"', '","', '\\u0041', "\\'", '}', '[', ':'];
  for (const name of names) {
    for (const first of marks) {
      for (const second of marks) {
        const secret = `${name}${first}${second}Zq7Wx3Hj4${second}Tn85b2c${first}error`;
        const redactor = new Redactor();
        redactor.add(secret);
        const object = {
          error: `{"${name}":"…"}${first}${second}`,
          list: [`see ${secret}.`, secret],
          error2: 'Zq7Wx3Hj4',
        };
        for (const given of [object, { error: JSON.stringify(object) }]) {
          const line = written(redactor, JSON.stringify(given));
          assert.doesNotThrow(() => JSON.parse(line), `${JSON.stringify(secret)}: ${line}`);
          assert.ok(!line.includes('Zq7Wx3Hj4Tn'), line);
        }
      }
    }
  }
});

/** The output when `line` is written in two pieces. */
function written(redactor: Redactor, line: string): string {
  const scrubber = new Scrubber(redactor);
  const half = Math.floor(line.length / 2);
  const pieces = [line.slice(0, half), `${line.slice(half)}\n`].map((piece) => scrubber.write(Buffer.from(piece)));
  return Buffer.concat([...pieces, scrubber.flush()])
    .toString()
    .trimEnd();
}
