import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { defineJob } from '../../../lib/job.ts';
import { AllowedHosts, hostOfUrl, parseHost } from '../../../lib/process/hosts.ts';

describe('a host that a job declares', () => {
  it('is a name with an optional port, by default 443', () => {
    assert.deepEqual(parseHost('API.example.com'), { name: 'api.example.com', port: 443 });
    assert.deepEqual(parseHost('api.example.com:8443'), { name: 'api.example.com', port: 8443 });
    assert.deepEqual(parseHost('127.0.0.1:80'), { name: '127.0.0.1', port: 80 });
    assert.deepEqual(parseHost('[::1]:80'), { name: '::1', port: 80 });
  });

  it('is no URL, pattern or path', () => {
    const wrong = [
      '',
      'https://api.example.com',
      'api.example.com/v1',
      '*.example.com',
      '*',
      'a:0',
      'a:65536',
      'a b',
      '-a',
    ];
    for (const text of wrong) {
      assert.throws(() => parseHost(text), /must be a host's name/, text);
      assert.throws(
        () => defineJob({ summary: '', scopes: [], hosts: [text], options: {}, async run() {} }),
        TypeError,
      );
    }
  });
});

describe('AllowedHosts', () => {
  const hosts = new AllowedHosts();
  hosts.add(parseHost('api.example.com'));
  hosts.add(hostOfUrl('http://127.0.0.1:8080/path?query'));
  hosts.add({ name: 'sts.*.amazonaws.com', port: 443 });

  it('has a declared name at its port, in any spelling', () => {
    for (const name of ['api.example.com', 'API.EXAMPLE.COM', 'api.example.com.']) {
      assert.ok(hosts.has(name, 443) && hosts.has(name), name);
    }
    assert.ok(hosts.has('127.0.0.1', 8080));
    assert.ok(hosts.has('sts.eu-central-1.amazonaws.com', 443));
  });

  it('has an IPv6 address in any spelling', () => {
    const own = new AllowedHosts();
    own.add(parseHost('[2001:DB8:0:0:0:0:0:1]'));
    for (const name of ['2001:db8::1', '[2001:0db8::0001]']) assert.ok(own.has(name, 443), name);
    assert.equal(own.has('2001:db8::2', 443), false);
  });

  it('has no other name, port or address', () => {
    for (const [name, port] of [
      ['api.example.com', 80],
      ['api.example.com', Number.NaN],
      ['example.com', 443],
      ['evil.api.example.com', 443],
      ['api.example.com.evil.com', 443],
      ['127.0.0.1', 8081],
      ['localhost', 8080],
      ['sts.a.b.amazonaws.com', 443],
      ['stsxeu.amazonaws.com', 443],
      ['sts..amazonaws.com', 443],
    ] as const) {
      assert.equal(hosts.has(name, port), false, `${name}:${port}`);
    }
  });
});
