import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { furtherKeysIn, joinKeys } from '../../../lib/aws/further-keys.ts';

const OWN = '"client_id":"x.apps.googleusercontent.com","client_secret":"GOCSPX-made-up","refresh_token":"1//0made-up"';
const ACCOUNT = '"client_email":"a@p.iam.gserviceaccount.com","private_key":"-----BEGIN","private_key_id":"1"';
type Pairs = readonly (readonly [key: string, written: string])[];

const whole = (inner: string) => JSON.stringify(`{${inner}}`);

/** Description of the value → the value, whether its credentials are sound, and its further keys. */
const VALUES: Record<string, readonly [text: string, areSound: boolean, keys: Pairs | Record<string, string> | null]> =
  {
    'credentials alone': [`{"type":"authorized_user",${OWN},"email":"alice@example.com"}`, true, {}],
    "a service account's key alone": [`{"type":"service_account",${ACCOUNT},"subject":"alice@example.com"}`, true, {}],
    'an empty object': ['{}', false, {}],
    'strings, numbers, objects and lists as they are written': [
      `{ "A" : "x\\u0041\\"y" ,${OWN}, "B": 1.50e3 , "C": {"2": [1, {"a:b,c}": "]"}], "1": null},"D":true}`,
      true,
      { A: '"x\\u0041\\"y"', B: '1.50e3', C: '{"2": [1, {"a:b,c}": "]"}], "1": null}', D: 'true' },
    ],
    'a number that JavaScript cannot hold': [
      `{${OWN},"ID":12345678901234567890}`,
      true,
      { ID: '12345678901234567890' },
    ],
    'keys that objects of JavaScript treat in their own way': [
      `{"10":"a","__proto__":"b",${OWN},"2":"c","constructor":"d"}`,
      true,
      [
        ['10', '"a"'],
        ['__proto__', '"b"'],
        ['2', '"c"'],
        ['constructor', '"d"'],
      ],
    ],
    'the last of two equal keys': [`{${OWN},"A":"first","A":"second"}`, true, { A: '"second"' }],
    'a value inside quotes, with a byte order mark': [`\ufeff'{${OWN},"A":"x"}'\n`, true, { A: '"x"' }],
    'JSON encoded in a JSON string': [whole(`${OWN},"A":"x"`), true, { A: '"x"' }],
    'credentials inside one key': [`{"gmail":{${OWN},"A":"inner"},"B":"x"}`, true, { A: '"inner"', B: '"x"' }],
    'credentials as text in one key': [
      `{"B":"x","gmail":${whole(`${OWN},"A":"inner"`)}}`,
      true,
      { B: '"x"', A: '"inner"' },
    ],
    'the whole JSON pasted as a refresh token': [`{"refresh_token":${whole(`${OWN},"A":"x"`)}}`, true, { A: '"x"' }],
    'credentials of another service beside sound ones': [`{${OWN},"CRM":{${OWN}}}`, true, { CRM: `{${OWN}}` }],
    'broken credentials': ['{"client_id":"x","A":"x"}', false, { A: '"x"' }],
    'no credentials': ['{"A":"x"}', false, { A: '"x"' }],
    "the file of Google's client": [`{"installed":{${OWN}},"A":"x"}`, false, { A: '"x"' }],
    'a credential in place of a key': ['{"1//0gRefreshTokenOfAlice-_x":"","A":"x"}', false, { A: '"x"' }],
    'no JSON': ['client_id=x', false, null],
    'JSON that is no object': ['["A"]', false, null],
    'JSON that is nested too deeply': [`{"A":${'['.repeat(200)}${']'.repeat(200)}}`, false, null],
  };

describe('furtherKeysIn', () => {
  for (const [what, [text, areSound, expected]] of Object.entries(VALUES)) {
    it(`finds the keys beside the credentials: ${what}`, () => {
      const keys = furtherKeysIn(text, areSound);
      const pairs = Array.isArray(expected) ? expected : expected && Object.entries(expected);
      assert.deepEqual(keys && [...keys], pairs);
    });
  }

  it('reads a value of 64 KB', () => {
    const long = JSON.stringify(`${'\\"'.repeat(10_000)}${'x'.repeat(20_000)}`);
    assert.equal(furtherKeysIn(`{"A":${long},${OWN}}`, true)?.get('A'), long);
  });
});

it('joinKeys prefers the values of the newer version, and loses no key', () => {
  const older = new Map([
    ['A', '1'],
    ['B', '2'],
  ]);
  const newer = new Map([
    ['B', '3'],
    ['C', '4'],
  ]);
  assert.deepEqual(Object.fromEntries(joinKeys(older, newer)), { A: '1', B: '3', C: '4' });
  assert.deepEqual([...joinKeys(null, null)], []);
});
