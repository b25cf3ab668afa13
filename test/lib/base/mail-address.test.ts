import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isSameMailbox } from '../../../lib/base/mail-address.ts';

it('treats addresses as the same mailbox where Google does', () => {
  for (const [one, other, same] of [
    ['alice@example.com', 'Alice@Example.COM', true],
    ['alice@example.com', 'alice@example.org', false],
    ['first.last@gmail.com', 'firstlast@gmail.com', true],
    ['f.i.r.s.t@googlemail.com', 'First@gmail.com', true],
    ['first.last@example.com', 'firstlast@example.com', false],
    ['alice@googlemail.com.example', 'alice@gmail.com', false],
    ['alice+jobs@gmail.com', 'alice@gmail.com', false],
  ] as const) {
    assert.equal(isSameMailbox(one, other), same, `${one} ${other}`);
    assert.equal(isSameMailbox(other, one), same, `${other} ${one}`);
  }
});
