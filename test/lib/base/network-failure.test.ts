import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { judgeFailure, passingFailure } from '../../../lib/base/network-failure.ts';
import { ConfigError } from '../../../lib/errors.ts';

/** An error as libraries wrap it: the code lies in a cause, or in one of several. */
function wrapped(code: string): Error[] {
  const inner = Object.assign(new Error(`hidden words about ${code}`), { code });
  return [
    inner,
    new TypeError('fetch failed', { cause: inner }),
    new Error('outer', { cause: new TypeError('fetch failed', { cause: new AggregateError([inner]) }) }),
  ];
}

describe('a request without an answer', () => {
  it('may succeed in the next run after a named failure of the network', () => {
    const names = [
      ...['ECONNREFUSED', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'ECONNRESET', 'EPIPE', 'ENETUNREACH', 'EHOSTUNREACH'],
      ...[
        'EPROTO',
        'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR',
        'UND_ERR_SOCKET',
        'UND_ERR_HEADERS_TIMEOUT',
        'HPE_INVALID_CONSTANT',
      ],
    ];
    for (const error of names.flatMap(wrapped)) {
      assert.ok(names.includes(passingFailure(error) ?? ''));
      assert.equal(judgeFailure(error, 'Gmail'), passingFailure(error));
    }
  });

  it('needs a person when a certificate is not accepted, a redirect comes, or a key cannot be sent', () => {
    const certificates = [
      ...['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'SELF_SIGNED_CERT_IN_CHAIN'],
      ...['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ];
    for (const [codes, told] of [
      [certificates, /^Gmail shows a certificate that Node does not accept \([A-Z_]+\)$/],
      [['ERR_INVALID_CHAR'], /^the request to Gmail cannot be sent/],
    ] as const) {
      for (const error of codes.flatMap(wrapped)) {
        const judged = judgeFailure(error, 'Gmail');
        assert.ok(judged instanceof ConfigError);
        assert.match(judged.message, told);
      }
    }
  });

  it('may succeed in the next run after an answer that fetch could not read, whatever the code', () => {
    const fetched = ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'ZSTD_error_prefix_unknown', 'SomethingNew'].map(
      (code) => new TypeError('fetch failed', { cause: Object.assign(new Error('hidden words'), { code }) }),
    );
    for (const error of [...fetched, new TypeError('terminated', { cause: new Error('hidden words') })]) {
      assert.equal(judgeFailure(error, 'Gmail'), 'an answer that cannot be read');
    }
    const proxy = judgeFailure(
      new TypeError('fetch failed', { cause: new Error('proxy authentication required') }),
      'Gmail',
    );
    assert.ok(proxy instanceof ConfigError);
    assert.match(proxy.message, /proxy .* wants a login/);
  });

  it('is a bug after any other error, whose message is not shown', () => {
    for (const error of [
      ...wrapped('ERR_ASSERTION').slice(0, 1),
      new TypeError('hidden words'),
      'hidden words',
      undefined,
    ]) {
      assert.throws(
        () => judgeFailure(error, 'Gmail'),
        (bug: Error) => !(bug instanceof ConfigError) && !/hidden/.test(`${bug.stack}${bug.cause}`),
      );
    }
  });
});

const answers: Record<string, (socket: Socket) => void> = {
  'no HTTP': (socket) => socket.end('nonsense\r\n\r\n'),
  'no answer but an end': (socket) => socket.destroy(),
  'half of an answer': (socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nabc'),
  'a damaged encoding': (socket) =>
    socket.end('HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc'),
  'damaged chunks': (socket) => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\n'),
  'headers without end': (socket) => socket.end(`HTTP/1.1 200 OK\r\nx: ${'a'.repeat(100_000)}\r\n\r\n`),
};

describe('fetch', () => {
  for (const [what, answer] of Object.entries(answers)) {
    it(`fails with a passing code on ${what}`, async () => {
      const error = await fetchFrom(answer);
      assert.ok(passingFailure(error), String((error as Error).cause));
    });
  }

  it('fails for good on a redirect', async () => {
    const error = await fetchFrom((socket) =>
      socket.end('HTTP/1.1 302 Found\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n'),
    );
    const judged = judgeFailure(error, 'Google');
    assert.ok(judged instanceof ConfigError && /redirect/.test(judged.message));
  });
});

async function fetchFrom(answer: (socket: Socket) => void): Promise<unknown> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => answer(socket));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    const { port } = server.address() as AddressInfo;
    const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body: 'x', redirect: 'error' });
    await response.text();
    return assert.fail('it was answered');
  } catch (error) {
    return error;
  } finally {
    server.close();
  }
}
