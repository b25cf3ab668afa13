import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { Scrubber } from '../../../lib/process/output.ts';
import { REDACTED, Redactor } from '../../../lib/process/redact.ts';

const SECRETS = {
  'a refresh token': '1//0gQ7r-Zk_xV2mN8pLwYt4uHs6JdCb9EfAi3OoKvRq1TzXlMWn5',
  'an AWS secret key': 'wJalr/UtnFEMI+K7MDENG/bPxRfiCY+EXAMPLE==',
  'marks of all kinds': 'p"a\\s\'s&w{o}r!d(4)#x,y;z<0>|^$q',
  'the least length': 'k8#Zq/2=',
} as const;

const ENCODINGS: Readonly<Record<string, (secret: string) => string>> = {
  raw: (secret) => secret,
  'URL-encoded': encodeURIComponent,
  'in JSON': (secret) => JSON.stringify(secret).slice(1, -1),
  hex: (secret) => Buffer.from(secret).toString('hex'),
  'hex with colons': (secret) =>
    Buffer.from(secret)
      .toString('hex')
      .replace(/..(?=.)/g, '$&:'),
  'escaped by characters': escaped,
  base64: (secret) => Buffer.from(secret).toString('base64').replace(/.?=*$/, ''),
  'base64url behind a byte': (secret) => Buffer.from(`:${secret}`).toString('base64url').slice(2),
  'an inspected buffer': (secret) => /<Buffer (.*)>/.exec(inspect(Buffer.from(secret)))?.[1] ?? '',
  'a list of bytes': (secret) => [...Buffer.from(secret)].join(', '),
};

function escaped(secret: string): string {
  return Buffer.from(secret, 'utf16le').swap16().toString('hex').replace(/.{4}/g, '\\u$&');
}

function scrubberOf(...secrets: string[]): Scrubber {
  const redactor = new Redactor();
  for (const secret of secrets) redactor.add(secret);
  return new Scrubber(redactor);
}

/** The output of a scrubber for `chunks`, one after the other. */
function through(scrubber: Scrubber, chunks: readonly (string | Buffer)[]): string {
  return Buffer.concat([...chunks.map((chunk) => scrubber.write(Buffer.from(chunk))), scrubber.flush()]).toString();
}

describe('Scrubber', () => {
  for (const [what, secret] of Object.entries(SECRETS)) {
    for (const [how, encode] of Object.entries(ENCODINGS)) {
      const text = `before ${encode(secret)} after\n`;
      const whole = through(scrubberOf(secret), [text]);

      it(`cuts out ${what}, ${how}, the same way wherever two writes split it`, () => {
        assert.match(whole, /^before .{0,6}\[redacted\](.{0,6}|\.{3} \d more bytes?) after\n$/);
        for (let at = 1; at < text.length; at += 1) {
          assert.equal(through(scrubberOf(secret), [text.slice(0, at), text.slice(at)]), whole, `split at ${at}`);
        }
      });

      it(`cuts out ${what}, ${how}, written byte by byte`, () => {
        assert.equal(through(scrubberOf(secret), [...text]), whole);
      });
    }
  }

  it('cuts secrets out of a large write across the borders of its pieces, in every encoding', () => {
    const secret = SECRETS['a refresh token'];
    for (const [how, encode] of Object.entries(ENCODINGS)) {
      const shown = encode(secret);
      const alone = through(scrubberOf(secret), [`before ${shown} after\n`]);
      for (const border of [65_536, 131_072]) {
        for (let at = 1; at < shown.length; at += 23) {
          const filler = 'plain words '.repeat(20_000).slice(0, border - at - 'before '.length);
          const clean = through(scrubberOf(secret), [`${filler}before ${shown} after\n${filler}`]);
          assert.ok(clean === filler + alone + filler, `${how}, ${at} bytes before ${border}`);
        }
      }
    }
  });

  it('cuts out a secret of escapes in a line of JSON, which stays valid, wherever two writes split it', () => {
    const secret = SECRETS['a refresh token'];
    const line = `{"a":"\\u00e4${escaped(secret)}\\n\\u00e4","b":1}\n`;
    for (let at = 1; at < line.length; at += 1) {
      const shown = through(scrubberOf(secret), [line.slice(0, at), line.slice(at)]);
      assert.deepEqual(JSON.parse(shown), { a: `ä${REDACTED}\nä`, b: 1 }, `split at ${at}`);
    }
  });

  it('searches a large write in pieces of a bounded size', () => {
    let [looks, longest] = [0, 0];
    class CountingRedactor extends Redactor {
      override mask(text: string): Uint8Array | null {
        looks += 1;
        longest = Math.max(longest, text.length);
        return super.mask(text);
      }
    }
    const redactor = new CountingRedactor();
    for (const secret of Object.values(SECRETS)) redactor.add(secret);
    const scrubber = new Scrubber(redactor);
    const line = Buffer.from('plain words and no secret '.repeat(40_000));
    assert.equal(Buffer.concat([scrubber.write(line), scrubber.flush()]).length, line.length);
    // A piece, the context before it and the bytes that were held back.
    assert.ok(longest < 65_536 + 2_000, `${longest} bytes`);
    assert.ok(looks < 20, `${looks} looks`);
  });

  it('cuts out the beginning of a secret whose rest never comes', () => {
    const secret = SECRETS['a refresh token'];
    for (let length = 12; length < secret.length; length += 1) {
      const scrubber = scrubberOf(secret);
      assert.equal(through(scrubber, ['cut off: ', secret.slice(0, length)]), `cut off: ${REDACTED}`);
    }
  });

  it('writes whole lines at once', () => {
    const scrubber = scrubberOf(...Object.values(SECRETS));
    for (const line of ['{"event":"run.started"}\n', 'abc\n', '\n']) {
      assert.equal(scrubber.write(Buffer.from(line)).toString(), line);
    }
  });

  it('holds nothing back while it knows no secret', () => {
    assert.equal(scrubberOf().write(Buffer.from('no newline')).toString(), 'no newline');
  });

  it('writes the bytes that it held back once, when it is flushed', () => {
    const scrubber = scrubberOf(SECRETS['a refresh token']);
    const first = scrubber.write(Buffer.from('a word')).toString();
    assert.equal(first + scrubber.flush().toString(), 'a word');
    assert.equal(scrubber.flush().toString(), '');
  });

  it('learns a secret between two writes', () => {
    const redactor = new Redactor();
    const scrubber = new Scrubber(redactor);
    const before = scrubber.write(Buffer.from('token '));
    redactor.add(SECRETS['a refresh token']);
    const after = scrubber.write(Buffer.from(`${SECRETS['a refresh token']}\n`));
    assert.equal(Buffer.concat([before, after]).toString(), `token ${REDACTED}\n`);
  });

  it('writes one mark for a secret in many pieces, and one for each of two secrets', () => {
    const [one, two] = [SECRETS['a refresh token'], SECRETS['an AWS secret key']];
    const chunks = [`${one} ${two}`.slice(0, 5), `${one} ${two}`.slice(5, 30), `${one} ${two}`.slice(30), '\n'];
    assert.equal(through(scrubberOf(one, two), chunks), `${REDACTED} ${REDACTED}\n`);
  });

  it('leaves other text beyond ASCII whole, wherever two writes split it', () => {
    const secret = SECRETS['a refresh token'];
    const bytes = Buffer.from(`Grüße 日本 🙂 ${secret} 🙂 żółć\n`);
    for (let at = 1; at < bytes.length; at += 1) {
      const clean = through(scrubberOf(secret), [bytes.subarray(0, at), bytes.subarray(at)]);
      assert.equal(clean, `Grüße 日本 🙂 ${REDACTED} 🙂 żółć\n`, `split at ${at}`);
    }
  });

  it('passes ordinary bytes through unchanged, in chunks of any size', () => {
    const text = `${JSON.stringify({ url: 'https://gmail.googleapis.com/gmail/v1?q=a%20b', text: 'ü'.repeat(50) })}\n`;
    for (const size of [1, 2, 3, 7, 50]) {
      const bytes = Buffer.from(text.repeat(3));
      const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) =>
        bytes.subarray(n * size, (n + 1) * size),
      );
      assert.equal(through(scrubberOf(...Object.values(SECRETS)), chunks), text.repeat(3));
    }
  });
});
