import assert from 'node:assert/strict';
import { test } from 'node:test';
import { generateMailbox, SANDBOX_LABELS } from './generate.ts';
import { SandboxMailbox } from './mailbox.ts';

const NOW = Date.UTC(2024, 5, 15, 12);
const DAY_MS = 86_400_000;
const MESSAGES = generateMailbox({ count: 3000, now: NOW });
const MAILBOX = new SandboxMailbox({
  email: 'alice@example.com',
  messages: MESSAGES,
  labels: SANDBOX_LABELS,
  now: () => NOW,
});

test('the same seed gives the same mailbox and another seed another', () => {
  assert.deepEqual(generateMailbox({ count: 3000, now: NOW }), MESSAGES);
  assert.notDeepEqual(generateMailbox({ count: 3000, now: NOW, seed: 2 }), MESSAGES);
});

test('only the dates depend on now', () => {
  const later = generateMailbox({ count: 3000, now: NOW + DAY_MS });
  assert.deepEqual(
    later.map(({ subject, internalDateMs }) => [subject, internalDateMs - DAY_MS]),
    MESSAGES.map(({ subject, internalDateMs }) => [subject, internalDateMs]),
  );
});

test('messages come newest first with ids that are unique and sort by date', () => {
  const ids = MESSAGES.map(({ id }) => id);
  assert.equal(new Set(ids).size, 3000);
  assert.deepEqual(ids, ids.toSorted().reverse());
  assert.ok(ids.every((id) => /^[0-9a-f]{16}$/.test(id)));
});

test('ages reach from less than two hours to more than nine years', () => {
  assert.ok(NOW - (MESSAGES[0]?.internalDateMs ?? 0) < DAY_MS / 12);
  assert.ok(NOW - (MESSAGES.at(-1)?.internalDateMs ?? 0) > 9 * 365 * DAY_MS);
  assert.ok(MAILBOX.search('newer_than:30d').length > MAILBOX.search('older_than:30d -older_than:60d').length);
});

test('threads hold received mail and later answers to it', () => {
  const starts = new Set(MESSAGES.filter(({ id, threadId }) => id === threadId).map(({ id }) => id));
  const answers = MESSAGES.filter(({ id, threadId }) => id !== threadId);
  assert.ok(answers.length > 100);
  assert.ok(answers.every(({ id, threadId }) => starts.has(threadId) && threadId < id));
  assert.ok(answers.some(({ labelIds }) => labelIds.has('SENT')));
});

const KINDS = [
  'category:promotions is:unread in:inbox older_than:14d',
  'subject:"verification code"',
  'subject:(invoice OR rechnung) filename:pdf larger:1M',
  'list:announce.sailing.example category:forums',
  'category:social',
  'category:primary is:important',
  'in:sent subject:re',
  'in:drafts',
  'in:spam',
  'in:trash',
  'in:archive',
  'is:starred',
  '請求書',
  'from:الهادي',
  'from:dana',
  'subject:gesla',
  'subject:script',
  'from:onerror',
  ...SANDBOX_LABELS.map((name) => `label:"${name}"`),
];

for (const query of KINDS) {
  test(`some mail is found by ${query}`, () => assert.notEqual(MAILBOX.search(query).length, 0));
}

test('some subjects are empty and some very long', () => {
  assert.ok(MESSAGES.some(({ subject }) => subject === ''));
  assert.ok(MESSAGES.some(({ subject }) => subject.length > 2000));
});

test('every address is at a domain reserved for examples', () => {
  for (const { from, to, cc } of MESSAGES) {
    for (const [, domain] of `${from} ${to} ${cc}`.matchAll(/@([\w.-]+)/g))
      assert.match(domain ?? '', /(^|\.)example(\.com)?$/);
  }
});

test('a mailbox of any size can be made, also an empty one', () => {
  assert.deepEqual(generateMailbox({ count: 0, now: NOW }), []);
  assert.equal(
    generateMailbox({ count: 1, now: NOW, email: 'bob@example.com' })[0]?.to.includes('bob@example.com'),
    true,
  );
});
