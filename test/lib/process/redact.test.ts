import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { MIN_SECRET_LENGTH, REDACTED, Redactor } from '../../../lib/process/redact.ts';

/** Secrets in usual and unusual forms: description and secret. */
const SECRETS: ReadonlyArray<readonly [string, string]> = [
  ['a refresh token', '1//0gQ7r-Zk_xV2mN8pLwYt4uHs6JdCb9EfAi3OoKvRq1TzXlMWn5'],
  ['an AWS secret key', 'wJalr/UtnFEMI+K7MDENG/bPxRfiCY+EXAMPLE=='],
  ['an access token', `ya29.${'a0AfB_byC-kLmN3opQrStUvWxYz'.repeat(6)}`],
  ['quotes and backslashes', 'p"a\\s\'s"w\\\\o/r"d-2\\n4'],
  ['every mark that a URL encodes', "x!y*z(a)b~c'd&e=f+g%h#i?j/k@l:m;n,o$p"],
  ['a secret of the least length', 'k8#Zq/2='],
  ['bytes beyond ASCII', 'pässwörd-żółć-密码-🔑-end'],
];

const ENCODINGS: ReadonlyArray<readonly [string, (secret: string) => string]> = [
  ['raw', (secret) => secret],
  ['URL-encoded', encodeURIComponent],
  ['URL-encoded in lower case', (secret) => encodeURIComponent(secret).replace(/%../g, (hex) => hex.toLowerCase())],
  ['URL-encoded by RFC 3986', (secret) => encodeURIComponent(secret).replace(/[!'()*]/g, percent)],
  ['URL-encoded as a form', (secret) => new URLSearchParams({ s: secret }).toString().slice(2)],
  ['URL-encoded twice', (secret) => encodeURIComponent(encodeURIComponent(secret))],
  [
    'URL-encoded twice as a form',
    (secret) => encodeURIComponent(new URLSearchParams({ s: secret }).toString().slice(2)),
  ],
  ['in JSON', (secret) => JSON.stringify(secret).slice(1, -1)],
  ['in JSON with escaped slashes', (secret) => JSON.stringify(secret).slice(1, -1).replaceAll('/', '\\/')],
  ['in JSON in JSON', (secret) => JSON.stringify(JSON.stringify(secret)).slice(3, -3)],
  ['inspected', (secret) => inspect(secret).slice(1, -1)],
  ['hex', (secret) => Buffer.from(secret).toString('hex')],
  ['hex in upper case', (secret) => Buffer.from(secret).toString('hex').toUpperCase()],
  [
    'hex with colons',
    (secret) =>
      Buffer.from(secret)
        .toString('hex')
        .replace(/..(?=.)/g, '$&:'),
  ],
  ['escaped by bytes', (secret) => Buffer.from(secret).toString('hex').replace(/../g, '\\x$&')],
  ['escaped by characters', (secret) => escaped(secret)],
  ['escaped by characters in upper case', (secret) => escaped(secret).toUpperCase().replaceAll('U', 'u')],
  ['an inspected buffer', (secret) => /<Buffer (.*)>/.exec(inspect(Buffer.from(secret)))?.[1] ?? ''],
  ['a buffer in JSON', (secret) => JSON.stringify([...Buffer.from(secret)]).slice(1, -1)],
  ['base64', (secret) => core(Buffer.from(secret).toString('base64'))],
  ['base64url', (secret) => core(Buffer.from(secret).toString('base64url'))],
  ['base64 of UTF-16', (secret) => core(Buffer.from(secret, 'utf16le').toString('base64'))],
];

function percent(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function escaped(secret: string): string {
  return Buffer.from(secret, 'utf16le').swap16().toString('hex').replace(/.{4}/g, '\\u$&');
}

/** A base64 text without its last characters, which hold few bits of the secret or none. */
function core(base64: string): string {
  return base64.replace(/.?=*$/, '');
}

function redactorOf(...secrets: string[]): Redactor {
  const redactor = new Redactor();
  for (const secret of secrets) redactor.add(secret);
  return redactor;
}

/** The longest part of `encoded` in `text`. */
function longestLeft(text: string, encoded: string): string {
  let longest = '';
  for (let start = 0; start < encoded.length; start += 1) {
    while (start + longest.length < encoded.length && text.includes(encoded.slice(start, start + longest.length + 1))) {
      longest = encoded.slice(start, start + longest.length + 1);
    }
  }
  return longest;
}

describe('Redactor', () => {
  for (const [what, secret] of SECRETS) {
    for (const [how, encode] of ENCODINGS) {
      it(`cuts ${what} out of a text when it is ${how}`, () => {
        const encoded = encode(secret);
        const clean = redactorOf(secret).text(`before ${encoded} after`);
        assert.ok(!clean.includes(encoded), clean);
        assert.match(clean, /^before .*\[redacted\].* after$/);
        const left = longestLeft(clean.replaceAll(REDACTED, '\n').slice('before '.length, -' after'.length), encoded);
        assert.ok(left.length <= encoded.length / 6, `"${left}" is left of "${encoded}" in "${clean}"`);
      });
    }

    it(`cuts ${what} out of a base64 text at any alignment`, () => {
      const redactor = redactorOf(secret);
      for (const encoding of ['base64', 'base64url'] as const) {
        for (const before of ['', 'x', 'xy', 'xyz', 'Basic user:', '{"t":"']) {
          const clean = redactor.text(Buffer.from(`${before}${secret}" and more`).toString(encoding));
          assert.match(clean, /\[redacted\]/);
          // The rest around the mark may hold bits of the secret's first and last characters alone.
          for (const left of clean.split(REDACTED)) {
            const decoded = [0, 1, 2, 3].map((shift) => Buffer.from('AAAA'.slice(shift) + left, encoding).toString());
            for (const text of decoded) assert.ok(longestLeft(text, secret).length <= 2, `${left} holds ${text}`);
          }
        }
      }
    });
  }

  it('cuts out a secret wherever it stands in a large JSON text, and leaves the rest as it was', () => {
    const secret = SECRETS[0]?.[1] ?? '';
    const line = JSON.stringify({ event: 'x', error: `token ${secret} of alice`, nested: [{ url: `?t=${secret}` }] });
    const clean = redactorOf(secret).text(line);
    assert.deepEqual(JSON.parse(clean), {
      event: 'x',
      error: 'token [redacted] of alice',
      nested: [{ url: '?t=[redacted]' }],
    });
  });

  it('cuts out any part of a secret of twelve or more characters', () => {
    const secret = SECRETS[0]?.[1] ?? '';
    const redactor = redactorOf(secret);
    for (let length = 12; length < secret.length; length += 1) {
      for (const part of [secret.slice(0, length), secret.slice(-length), secret.slice(3, 3 + length)]) {
        if (part.length >= 12) assert.equal(redactor.text(`<${part}>`), `<${REDACTED}>`);
      }
    }
  });

  it('cuts out several secrets, next to each other and overlapping', () => {
    const [one, two] = ['GOCSPX-abcdefghijklmnop', 'ijklmnop-qrstuvwxyz'] as const;
    const redactor = redactorOf(one, two);
    assert.equal(redactor.text(`${one},${two}`), `${REDACTED},${REDACTED}`);
    assert.equal(redactor.text(`a ${one}-qrstuvwxyz b`), `a ${REDACTED} b`);
  });

  it('ignores spaces around a secret', () => {
    assert.equal(redactorOf('  GOCSPX-abcdefghijklmnop\n').text('=GOCSPX-abcdefghijklmnop='), `=${REDACTED}=`);
  });

  it('leaves ordinary text alone', () => {
    const redactor = redactorOf(...SECRETS.map(([, secret]) => secret));
    const words = [
      'run.finished',
      'https://gmail.googleapis.com/gmail/v1/users/me/messages?maxResults=500',
      '1//0',
      '',
    ];
    const random = [...Array(2_000)].map((_, n) => Buffer.from(`n${n * 7919}`).toString('base64')).join(' ');
    for (const text of [...words, random, 'Grüße, 日本語 🙂', '0123456789abcdef'.repeat(20)]) {
      assert.equal(redactor.text(text), text);
    }
  });

  it('leaves other text beyond ASCII whole', () => {
    const redactor = redactorOf('GOCSPX-abcdefghijklmnop');
    assert.equal(redactor.text('日本🙂GOCSPX-abcdefghijklmnopÄß🙂'), `日本🙂${REDACTED}Äß🙂`);
  });

  it('ignores secrets of fewer than eight characters', () => {
    const short = 'x'.repeat(MIN_SECRET_LENGTH - 1);
    assert.equal(redactorOf(short, '').text(`${short}!`), `${short}!`);
  });

  it('holds no secret itself', () => {
    const secret = SECRETS[0]?.[1] ?? '';
    const shown = inspect(redactorOf(secret), { showHidden: true, depth: 9 });
    assert.equal(longestLeft(shown, secret).length < 4, true);
  });
});

describe('the secrets of a run', () => {
  // Texts in the form of a credential would be cut out without being added.
  const secret = 'correct horse/battery+staple';
  const other = 'never "gonna" give\\you up';

  /** Starts a redactor; `elapse` lets a minute pass. */
  function start() {
    const timers: { readonly work: () => void; readonly ms: number }[] = [];
    const redactor = new Redactor((work, ms) => timers.push({ work, ms }));
    const elapse = () => {
      for (const { work } of timers.splice(0)) work();
    };
    return { redactor, timers, elapse };
  }

  it('are cut out until a minute after its end; then the redactor holds nothing of them', () => {
    const { redactor, timers, elapse } = start();
    const run = redactor.openRun();
    for (const one of [secret, other, secret]) run.add(one);
    assert.equal(redactor.text(`a ${secret} b ${other}`), `a ${REDACTED} b ${REDACTED}`);
    run[Symbol.dispose]();
    assert.deepEqual(
      timers.map(({ ms }) => ms),
      [60_000],
    );
    assert.equal(redactor.text(secret), REDACTED);
    elapse();
    for (const [how, encode] of ENCODINGS) {
      if (how !== 'an inspected buffer') assert.equal(redactor.text(encode(secret)), encode(secret), how);
    }
    // The length of the longest piece.
    assert.equal(redactor.reach, 0);
  });

  it('stay while another run or the process has the same secret', () => {
    const { redactor, elapse } = start();
    const [one, two] = [redactor.openRun(), redactor.openRun()];
    for (const run of [one, two]) run.add(secret);
    redactor.add(other);
    two.add(other);
    one[Symbol.dispose]();
    elapse();
    assert.equal(redactor.text(`a ${secret} b`), `a ${REDACTED} b`);
    two[Symbol.dispose]();
    elapse();
    assert.equal(redactor.text(`a ${secret} b`), `a ${secret} b`);
    assert.equal(redactor.text(`a ${other} b`), `a ${REDACTED} b`);
  });

  it('are forgotten when ten later runs have ended', () => {
    const { redactor, timers } = start();
    const live = redactor.openRun();
    live.add(other);
    const secrets = Array.from({ length: 300 }, (_, n) => `secret-of-run-${n}-${randomBytes(20).toString('hex')}`);
    for (const one of secrets) {
      using run = redactor.openRun();
      run.add(one);
    }
    const known = secrets.filter((one) => redactor.text(one) === REDACTED);
    assert.deepEqual(known, secrets.slice(-10));
    assert.equal(redactor.text(other), REDACTED);
    for (const { work } of timers) work();
    assert.deepEqual(
      secrets.filter((one) => redactor.text(one) === REDACTED),
      [],
    );
    assert.equal(redactor.text(other), REDACTED);
  });
});

describe('what Node prints for bytes', () => {
  it('is cut out even when its credential was not added: NODE_DEBUG prints it before', () => {
    const dump = inspect(Buffer.from('{"access_token":"ya29.unknown"}'));
    const shown = new Redactor().text(`STREAM 1: push ${dump} end`);
    assert.match(shown, /^STREAM 1: push <Buffer \[redacted\].*> end$/);
    assert.doesNotMatch(shown, /[0-9a-f]{2} [0-9a-f]{2}/);
  });

  for (const colors of [false, true]) {
    it(`is cut out of a Uint8Array too, ${colors ? 'with' : 'without'} colors`, () => {
      const bytes = new Uint8Array(Buffer.from('ya29.unknown'.repeat(9)));
      for (const value of [bytes, bytes.slice(0, 8), { answer: { bytes } }]) {
        const shown = new Redactor().text(inspect(value, { colors, depth: 3 }));
        assert.match(shown, /Uint8Array\(\d+\) \[\[redacted\](\.\.\. 8 more items)?\s*\]/);
        assert.doesNotMatch(shown, /\d\d,/);
      }
    });
  }

  it('stays when it has fewer than four bytes', () => {
    for (const text of ['<Buffer 0d 0a>', 'Uint8Array(2) [ 13, 10 ]']) assert.equal(new Redactor().text(text), text);
  });
});
