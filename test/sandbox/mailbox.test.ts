import assert from 'node:assert/strict';
import { beforeEach, suite, test } from 'node:test';
import { generateMailbox, SANDBOX_LABELS } from './generate.ts';
import { LabelConflictError, SandboxMailbox, UnknownLabelError } from './mailbox.ts';
import { parseMessage } from './message.ts';

const NOW = Date.UTC(2024, 5, 15, 12);
const MESSAGES = generateMailbox({ count: 300, now: NOW });

let nowMs = NOW;
let mailbox: SandboxMailbox;

beforeEach(() => {
  nowMs = NOW;
  mailbox = newMailbox();
});

function newMailbox(): SandboxMailbox {
  return new SandboxMailbox({
    email: 'alice@example.com',
    messages: MESSAGES,
    labels: SANDBOX_LABELS,
    now: () => nowMs,
  });
}

function idsOf(query: string): string[] {
  return mailbox.search(query).map(({ id }) => id);
}

suite('labels', () => {
  test('lists the labels of the system and of the user', () => {
    assert.equal(mailbox.labels().filter(({ type }) => type === 'system').length, 14);
    assert.deepEqual(
      mailbox
        .labels()
        .filter(({ type }) => type === 'user')
        .map(({ name }) => name),
      SANDBOX_LABELS,
    );
  });

  test('are found with other characters for their spaces, slashes and ampersands', () => {
    const label = mailbox.findLabel('Clients/Nord & Süd');
    assert.equal(label?.name, 'Clients/Nord & Süd');
    assert.equal(mailbox.findLabel('clients-nord---süd'), label);
    assert.equal(mailbox.findLabel('CLIENTS NORD|-(süd'), label);
    assert.equal(mailbox.findLabel('clients-nord-sud'), undefined);
    assert.equal(mailbox.findLabel('inbox')?.id, 'INBOX');
  });

  test('are refused when the name is taken, also by a label of the system', () => {
    for (const name of ['keep', 'KEEP', 'Receipts-2024', 'Inbox', 'unread']) {
      assert.throws(() => mailbox.createLabel(name), LabelConflictError, name);
    }
  });

  test('keep the visibility that they are created with', () => {
    mailbox.createLabel('Auto/Archived', { labelListVisibility: 'labelHide' });
    assert.equal(mailbox.findLabel('Auto/Archived')?.labelListVisibility, 'labelHide');
  });

  test('are removed from every message when they are deleted', () => {
    const keep = mailbox.findLabel('keep')?.id ?? '';
    assert.notEqual(mailbox.search('label:keep').length, 0);
    assert.equal(mailbox.deleteLabel(keep), true);
    assert.equal(mailbox.deleteLabel(keep), false);
    assert.equal(mailbox.search('label:keep').length, 0);
    assert.notEqual(mailbox.createLabel('keep').id, keep);
    assert.equal(mailbox.search('label:keep').length, 0);
  });

  test('of the system cannot be deleted', () => assert.equal(mailbox.deleteLabel('INBOX'), false));

  test('that the mailbox does not have are refused on its messages', () => {
    assert.throws(() => new SandboxMailbox({ email: 'alice@example.com', messages: MESSAGES }), UnknownLabelError);
  });
});

suite('modify', () => {
  test('counts the messages that really changed and ignores unknown ids', () => {
    const [first, second] = idsOf('in:inbox -is:starred');
    assert.ok(first && second);
    assert.equal(mailbox.modify([first, second, second, 'ffffffffffffffff'], ['STARRED'], []), 2);
    assert.equal(mailbox.modify([first, second], ['STARRED'], ['SPAM']), 0);
  });

  test('changes nothing when a label is unknown', () => {
    const before = mailbox.snapshot();
    assert.throws(() => mailbox.modify(idsOf(''), ['STARRED', 'Label_99'], []), UnknownLabelError);
    assert.deepEqual(mailbox.snapshot(), before);
  });

  test('does not change other mailboxes that started with the same messages', () => {
    mailbox.modify(idsOf('in:inbox'), [], ['INBOX']);
    assert.notEqual(newMailbox().search('in:inbox').length, 0);
  });
});

suite('delete', () => {
  test('removes the messages from every search at once, and leaves all others unchanged', () => {
    mailbox.searchLagMs = 60_000;
    const [first = '', second = '', third = ''] = idsOf('in:inbox');
    const { messageId = '' } = mailbox.get(first) ?? {};
    mailbox.modify([first], ['STARRED'], []);
    mailbox.delete([first, second, 'ffffffffffffffff']);
    assert.equal(mailbox.get(first), undefined);
    assert.equal(mailbox.messages().length, 298);
    assert.equal(idsOf('in:inbox')[0], third);
    assert.deepEqual(idsOf(`rfc822msgid:${messageId}`), []);
    assert.equal(mailbox.modify([first, third], ['Label_1'], []), 1);
    assert.deepEqual(newMailbox().messages().length, 300);
  });
});

suite('search', () => {
  test('finds the newest first', () => {
    const dates = mailbox.search('in:anywhere').map(({ internalDateMs }) => internalDateMs);
    assert.equal(dates.length, 300);
    assert.deepEqual(
      dates,
      dates.toSorted((a, b) => b - a),
    );
  });

  test('answers from its cache until something changes', () => {
    const results = mailbox.search('in:inbox');
    assert.equal(mailbox.search('in:inbox'), results);
    const first = results[0]?.id ?? '';
    mailbox.modify([first], [], ['INBOX']);
    assert.deepEqual(
      idsOf('in:inbox'),
      results.slice(1).map(({ id }) => id),
    );
  });

  test('depends on the clock when the query does', () => {
    const young = mailbox.search('newer_than:1d').length;
    assert.notEqual(young, 0);
    nowMs += 25 * 3_600_000;
    assert.equal(mailbox.search('newer_than:1d').length, 0);
    assert.equal(mailbox.search('older_than:1d in:anywhere').length, 300);
  });

  test('shows a change of labels only after the lag', () => {
    mailbox.searchLagMs = 5000;
    const [id] = idsOf('in:inbox');
    assert.ok(id);
    mailbox.modify([id], ['TRASH'], ['INBOX']);
    nowMs += 1000;
    mailbox.modify([id], ['STARRED'], []);
    assert.equal(mailbox.get(id)?.labelIds.has('TRASH'), true);
    assert.equal(idsOf('in:inbox')[0], id);
    nowMs += 4000;
    assert.notEqual(idsOf('in:inbox')[0], id);
    assert.equal(idsOf('in:trash').includes(id), true);
    assert.equal(idsOf('in:trash is:starred').includes(id), false);
    nowMs += 1000;
    assert.equal(idsOf('in:trash is:starred').includes(id), true);
  });

  test('shows all changes at once when the lag is set to 0', () => {
    mailbox.searchLagMs = 60_000;
    mailbox.modify(idsOf('in:inbox'), [], ['INBOX']);
    assert.notEqual(idsOf('in:inbox').length, 0);
    mailbox.searchLagMs = 0;
    assert.equal(idsOf('in:inbox').length, 0);
  });
});

suite('insert', () => {
  const RAW = [
    'From: =?utf-8?q?J=C3=BCrgen_Gr=C3=B6=C3=9Fmann?= <j@nord-sued.example>',
    'To: alice@example.com,',
    ' "Bob, B." <bob@example.com>',
    'Subject: =?utf-8?b?UmVjaG51bmcg8J+nvg==?=',
    ' folded',
    'Message-ID: <new@nord-sued.example>',
    'List-Id: Nord <nord.nord-sued.example>',
    'MIME-Version: 1.0',
    'Content-Type: multipart/mixed; boundary=x',
    '',
    '--x',
    'Content-Type: text/plain; charset=utf-8',
    'Content-Transfer-Encoding: quoted-printable',
    '',
    'Sch=C3=B6ne Gr=C3=BC=C3=9Fe',
    '--x',
    'Content-Type: application/pdf; name="r.pdf"',
    'Content-Disposition: attachment; filename="r.pdf"',
    'Content-Transfer-Encoding: base64',
    '',
    'AAAA',
    '--x--',
    '',
  ].join('\r\n');

  test('reads encoded and folded headers, the text and the attachments', async () => {
    const message = await mailbox.insert(RAW, ['INBOX', 'UNREAD']);
    assert.equal(message.from, 'Jürgen Größmann <j@nord-sued.example>');
    assert.equal(message.to, 'alice@example.com, Bob, B. <bob@example.com>');
    assert.equal(message.subject, 'Rechnung 🧾 folded');
    assert.equal(message.messageId, '<new@nord-sued.example>');
    assert.match(message.listId, /nord\.nord-sued\.example/);
    assert.match(message.body, /Schöne Grüße/);
    assert.deepEqual(message.attachments, [{ filename: 'r.pdf', mimeType: 'application/pdf', sizeBytes: 3 }]);
    assert.equal(message.sizeBytes, Buffer.byteLength(RAW));
    assert.equal(Buffer.from(message.raw ?? '', 'latin1').toString(), RAW);
  });

  test('makes the message the newest, to be found by its Message-ID', async () => {
    const { id } = await mailbox.insert(Buffer.from(RAW), ['INBOX']);
    assert.match(id, /^[0-9a-f]{16}$/);
    assert.equal(mailbox.messages()[0]?.id, id);
    assert.deepEqual(idsOf('rfc822msgid:new@nord-sued.example'), [id]);
    assert.equal(mailbox.get(id)?.internalDateMs, NOW);
  });

  test('sorts a message of another date between the others', async () => {
    const { id } = await mailbox.insert(RAW, [], NOW - 365 * 86_400_000);
    const ids = mailbox.messages().map((message) => message.id);
    assert.deepEqual(ids, ids.toSorted().reverse());
    assert.ok(ids.indexOf(id) > 0);
  });

  test('puts an answer into the thread of the message that it answers', async () => {
    const first = await mailbox.insert(RAW, ['INBOX']);
    const answer = await mailbox.insert('Subject: Re\r\nIn-Reply-To: <new@nord-sued.example>\r\n\r\nok\r\n', ['SENT']);
    assert.equal(answer.threadId, first.threadId);
    assert.notEqual(answer.id, first.id);
  });

  test('hides the message from searches until the lag is over', async () => {
    mailbox.searchLagMs = 2000;
    const { id } = await mailbox.insert(RAW, ['INBOX']);
    assert.equal(idsOf('in:inbox').includes(id), false);
    nowMs += 2000;
    assert.equal(idsOf('in:inbox').includes(id), true);
  });

  test('refuses labels that do not exist', async () => {
    await assert.rejects(mailbox.insert(RAW, ['Label_99']), UnknownLabelError);
    assert.equal(mailbox.messages().length, 300);
  });
});

test('takes the words of an HTML message without its markup', async () => {
  const { content } = await parseMessage(
    'Content-Type: text/html\r\n\r\n<style>p{}</style><p>Hi&nbsp;<b>there</b></p>',
  );
  assert.deepEqual(content.body.trim().split(/\s+/), ['Hi', 'there']);
});

test('two mailboxes in the same state have equal snapshots, whatever the ids of their labels', () => {
  const other = newMailbox();
  other.createLabel('Other');
  const [id = ''] = idsOf('in:inbox');
  for (const box of [mailbox, other]) box.modify([id], [box.createLabel('Auto/Archived').id], ['INBOX']);
  assert.deepEqual(mailbox.snapshot(), other.snapshot());
  other.modify([id], ['STARRED'], []);
  assert.notDeepEqual(mailbox.snapshot(), other.snapshot());
});
