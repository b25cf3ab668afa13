import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SandboxMailbox } from '../mailbox.ts';
import { messageIdAt, type StoredMessage } from '../message.ts';
import { QuerySyntaxError, UnknownOperatorError } from './tokenize.ts';

const NOW = Date.UTC(2024, 5, 15, 12);
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const LABELS = ['keep', 'Clients/Nord & Süd', 'A&E'];

function message(
  sequence: number,
  fields: Partial<StoredMessage> & { labels?: string[]; ageMs?: number },
): StoredMessage {
  const { labels = ['INBOX'], ageMs = sequence * DAY_MS, ...rest } = fields;
  const internalDateMs = rest.internalDateMs ?? NOW - ageMs;
  return {
    id: messageIdAt(internalDateMs, sequence),
    threadId: messageIdAt(internalDateMs, sequence),
    internalDateMs,
    labelIds: new Set(labels),
    from: 'Bob <bob@example.com>',
    to: 'alice@example.com',
    cc: '',
    bcc: '',
    subject: 'Hello',
    messageId: `<${sequence}@example.com>`,
    listId: '',
    body: '',
    attachments: [],
    sizeBytes: 1000,
    ...rest,
  };
}

/** One message for each thing that a query may look for; the key is the name in the table below. */
const MESSAGES: Record<string, StoredMessage> = {
  plain: message(0, { ageMs: 12 * HOUR_MS }),
  unread: message(1, { labels: ['INBOX', 'UNREAD', 'IMPORTANT'], subject: 'Your Verification Code is 123456' }),
  promo: message(2, {
    labels: ['INBOX', 'CATEGORY_PROMOTIONS', 'STARRED'],
    from: 'Größe & Söhne <news@shop.example.com>',
    listId: 'Weekly <weekly.shop.example>',
  }),
  invoice: message(10, {
    labels: ['Label_1'],
    body: 'The invoice is attached; code of honour, verification follows',
    attachments: [{ filename: 'Invoice-2024.pdf', mimeType: 'application/pdf', sizeBytes: 5_000_000 }],
    sizeBytes: 6_000_000,
  }),
  client: message(20, { labels: ['INBOX', 'Label_2'], cc: 'carol@nord.example', subject: 'Angebot 請求書' }),
  ae: message(30, {
    labels: ['INBOX', 'Label_3'],
    bcc: 'dave@nord.example',
    body: 'see https://docs.google.com/document/d/1',
  }),
  sent: message(40, { labels: ['SENT'], from: 'Alice <alice@example.com>', to: 'Bob <bob@example.com>' }),
  draft: message(50, { labels: ['DRAFT'], from: 'Alice <alice@example.com>', to: '' }),
  chat: message(60, { labels: ['CHAT'] }),
  trash: message(70, { labels: ['TRASH'], body: 'watch https://youtu.be/1' }),
  spam: message(80, { labels: ['SPAM', 'UNREAD'] }),
  old: message(90, { internalDateMs: Date.UTC(2022, 0, 15, 8), labels: [] }),
};

const mailbox = new SandboxMailbox({
  email: 'alice@example.com',
  messages: Object.values(MESSAGES),
  labels: LABELS,
  now: () => NOW,
});

const NAMES = new Map(Object.entries(MESSAGES).map(([name, { id }]) => [id, name]));
const SHOWN = ['plain', 'unread', 'promo', 'invoice', 'client', 'ae', 'sent', 'draft', 'chat', 'old'];

function found(query: string, options = {}): string[] {
  return mailbox.search(query, options).map(({ id }) => NAMES.get(id) ?? id);
}

function allBut(...names: string[]): string[] {
  return SHOWN.filter((name) => !names.includes(name));
}

const CASES: readonly (readonly [query: string, names: readonly string[]])[] = [
  ['', SHOWN],
  // words and phrases
  ['verification', ['unread', 'invoice']],
  ['verif', []],
  ['"verification code"', ['unread']],
  ['"code verification"', []],
  ['subject:verification', ['unread']],
  ['subject:"verification code"', ['unread']],
  ['subject:(code OR angebot)', ['unread', 'client']],
  ['subject:(code angebot)', []],
  ['subject:{code angebot}', ['unread', 'client']],
  ['subject:(code -123456)', []],
  ['grosse', ['promo']],
  ['GRÖSSE', ['promo']],
  ['請求', ['client']],
  ['invoice-2024.pdf', ['invoice']],
  // people
  ['from:bob', allBut('promo', 'sent', 'draft')],
  ['from:news@shop.example.com', ['promo']],
  ['from:ews@shop.example.com', []],
  ['from:shop.example.com', ['promo']],
  ['from:@shop.example.com', ['promo']],
  ['from:@example.com', allBut('promo')],
  ['from:me', ['sent', 'draft']],
  ['from:(soehne OR sohne)', ['promo']],
  ['to:bob', ['sent']],
  ['to:me', allBut('sent', 'draft')],
  ['to:nord.example', ['client', 'ae']],
  ['cc:carol', ['client']],
  ['bcc:dave@nord.example', ['ae']],
  ['deliveredto:alice@example.com', allBut('sent', 'draft', 'chat')],
  ['deliveredto:carol@nord.example', ['client']],
  ['list:weekly.shop.example', ['promo']],
  ['rfc822msgid:<10@example.com>', ['invoice']],
  ['rfc822msgid:10@example.com', ['invoice']],
  ['rfc822msgid:0@example.com', ['plain']],
  // labels and places
  ['label:keep', ['invoice']],
  ['label:KEEP', ['invoice']],
  ['label:"Clients/Nord & Süd"', ['client']],
  ['label:clients-nord-&-süd', ['client']],
  ['label:clients-nord---süd', ['client']],
  ['label:"A&E"', ['ae']],
  ['label:unknown', []],
  ['-label:unknown', SHOWN],
  ['label:(keep OR "A&E")', ['invoice', 'ae']],
  ['label:unread', ['unread']],
  ['in:keep', ['invoice']],
  ['in:inbox', ['plain', 'unread', 'promo', 'client', 'ae']],
  ['in:sent', ['sent']],
  ['in:draft', ['draft']],
  ['in:drafts', ['draft']],
  ['in:chats', ['chat']],
  ['in:archive', ['invoice', 'old']],
  ['in:snoozed', []],
  ['in:{inbox sent}', ['plain', 'unread', 'promo', 'client', 'ae', 'sent']],
  // states
  ['is:unread', ['unread']],
  ['is:read', allBut('unread')],
  ['is:starred', ['promo']],
  ['is:important', ['unread']],
  ['is:sent', ['sent']],
  ['is:draft', ['draft']],
  ['is:chat', ['chat']],
  ['is:muted', []],
  ['is:snoozed', []],
  ['category:promotions', ['promo']],
  ['category:social', []],
  ['category:purchases', []],
  // what a message has
  ['has:attachment', ['invoice']],
  ['has:userlabels', ['invoice', 'client', 'ae']],
  ['has:nouserlabels', allBut('invoice', 'client', 'ae')],
  ['has:document', ['ae']],
  ['has:drive', []],
  ['has:youtube in:trash', ['trash']],
  ['has:yellow-star', ['promo']],
  ['has:red-bang', []],
  ['filename:pdf', ['invoice']],
  ['filename:invoice-2024.pdf', ['invoice']],
  ['filename:doc', []],
  // sizes
  ['larger:5M', ['invoice']],
  ['larger:6000000', []],
  ['size:5999999', ['invoice']],
  ['smaller:1K', allBut('invoice')],
  // dates
  ['newer_than:1d', ['plain', 'unread']],
  ['older_than:1d -older_than:10d', ['promo', 'invoice']],
  ['older_than:1m -in:sent', ['draft', 'chat', 'old']],
  ['older_than:2y', ['old']],
  ['after:2024/06/14', ['plain', 'unread']],
  ['after:2024-6-14', ['plain', 'unread']],
  ['newer:06/14/2024', ['plain', 'unread']],
  [`after:${(NOW - DAY_MS) / 1000}`, ['plain', 'unread']],
  [`after:${(NOW - DAY_MS) / 1000 + 1}`, ['plain']],
  ['before:2022/01/15', []],
  ['older:2022/01/16', ['old']],
  [`before:${Date.UTC(2022, 0, 15, 8) / 1000}`, []],
  // spam and trash
  ['in:trash', ['trash']],
  ['in:spam', ['spam']],
  ['label:trash', ['trash']],
  ['is:spam', ['spam']],
  ['-in:trash', SHOWN],
  ['-(in:spam OR in:sent)', allBut('sent')],
  ['-(-in:trash)', ['trash']],
  ['in:anywhere is:unread', ['unread', 'spam']],
  ['{in:trash is:unread}', ['unread', 'trash']],
  // combined
  ['is:unread OR is:starred category:promotions', ['promo']],
  ['(is:unread) OR (is:starred category:promotions)', ['unread', 'promo']],
  ['(older_than:5d) -({is:starred label:keep}) {in:inbox is:unread} -in:drafts -in:chats', ['client', 'ae']],
];

for (const [query, names] of CASES) {
  test(`finds ${names.length} with ${query || 'an empty query'}`, () => assert.deepEqual(found(query), names));
}

test('finds trash and spam when the caller asks for them', () => {
  assert.deepEqual(found('', { includeSpamTrash: true }), [...SHOWN.slice(0, -1), 'trash', 'spam', 'old']);
});

test('finds only messages that carry all of the given labels', () => {
  assert.deepEqual(found('', { labelIds: ['INBOX', 'UNREAD'] }), ['unread']);
  assert.deepEqual(found('', { labelIds: ['TRASH'] }), ['trash']);
});

const UNKNOWN = [
  'form:bob',
  'is:unred',
  'has:attachments',
  'category:promotion',
  'older_than:1h',
  'older_than:d',
  'after:2024-06/14',
  'newer_than:7',
  'after:yesterday',
  'after:2024/13/01',
  'after:2024/02/30',
  'after:2024',
  'before:1718000000000',
  'larger:5MB',
  'size:big',
];

for (const query of UNKNOWN) {
  test(`refuses ${query} as unknown`, () => assert.throws(() => found(query), { name: 'UnknownOperatorError' }));
}

test('ignores the star of *@example.com', () => {
  assert.ok(found('from:@example.com').length > 0);
  assert.deepEqual(found('from:*@example.com'), found('from:@example.com'));
});

test('refuses operands without anything to search for', () => {
  for (const query of ['subject:""', 'label:""', 'label:" "', '🎉', 'from:<>']) {
    assert.throws(
      () => found(query),
      (error) => error instanceof QuerySyntaxError && !(error instanceof UnknownOperatorError),
      query,
    );
  }
});
