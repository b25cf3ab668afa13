import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LabelDirectory, labelSearch, normalizeLabel, systemLabelId } from '../../../lib/gmail/labels.ts';

describe('normalizeLabel', () => {
  for (const [one, other] of [
    ['Auto/Archived', 'auto-archived'],
    ['A&E', 'a e'],
    ['(x) {y}', '-x- -y-'],
    ['a|b', 'a"b'],
    ['  padded  ', 'PADDED'],
    ['Über', 'U\u0308ber'],
    ['Clients / Acme', 'clients/acme'],
    ['a  b', 'A b'],
  ] as const) {
    it(`takes "${one}" and "${other}" for the same label`, () => {
      assert.equal(normalizeLabel(one), normalizeLabel(other));
    });
  }

  for (const [one, other] of [
    ['Auto/Archived', 'AutoArchived'],
    ['a--b', 'a-b'],
    ['a_b', 'a-b'],
    ['a.b', 'a-b'],
  ] as const) {
    it(`takes "${one}" and "${other}" for different labels`, () => {
      assert.notEqual(normalizeLabel(one), normalizeLabel(other));
    });
  }
});

describe('labelSearch', () => {
  for (const [label, search] of [
    ['INBOX', 'in:inbox'],
    ['inbox', 'in:inbox'],
    ['UNREAD', 'is:unread'],
    ['STARRED', 'is:starred'],
    ['IMPORTANT', 'is:important'],
    ['TRASH', 'in:trash'],
    ['CATEGORY_PROMOTIONS', 'category:promotions'],
    ['CATEGORY_PERSONAL', 'category:primary'],
    ['Auto/Archived', 'label:"Auto/Archived"'],
    ['A&E', 'label:"A&E"'],
    ['two words', 'label:"two words"'],
    ['a "quoted" one', 'label:"a -quoted- one"'],
  ] as const) {
    it(`searches for ${label} with ${search}`, () => assert.equal(labelSearch(label), search));
  }
});

describe('systemLabelId', () => {
  it('is the id of a system label in upper or lower case, and undefined for other names', () => {
    assert.equal(systemLabelId(' inbox '), 'INBOX');
    assert.equal(systemLabelId('Category_Social'), 'CATEGORY_SOCIAL');
    for (const name of ['Inbox/Old', 'constructor', '', 'SENT MAIL']) assert.equal(systemLabelId(name), undefined);
  });
});

describe('LabelDirectory', () => {
  const directory = new LabelDirectory([
    { id: 'INBOX', name: 'INBOX' },
    { id: 'Label_1', name: 'Auto/Archived' },
    { id: 'Label_2', name: 'digest/day-2026-11-22' },
  ]);

  it('finds a label by every spelling that Gmail takes for it', () => {
    for (const name of ['Auto/Archived', 'auto-archived', 'AUTO ARCHIVED']) {
      assert.equal(directory.find(name)?.id, 'Label_1');
    }
  });

  it('prefers the label of exactly that name, and reports a label of another spelling', () => {
    const matched: string[] = [];
    const labels = [
      { id: 'Label_1', name: 'Q&A' },
      { id: 'Label_2', name: 'Q A' },
      { id: 'Label_3', name: 'Cafe\u0301' },
      { id: 'Label_4', name: 'Clients / Acme' },
    ];
    const alike = new LabelDirectory(labels, (written, label) => matched.push(`${written} is ${label.id}`));
    for (const { id, name } of labels) assert.equal(alike.find(name)?.id, id);
    assert.deepEqual(matched, []);
    assert.equal(alike.find('Caf\u00e9')?.id, 'Label_3');
    assert.equal(alike.find('clients/acme')?.id, 'Label_4');
    assert.deepEqual(matched, ['Caf\u00e9 is Label_3', 'clients/acme is Label_4']);
    assert.throws(() => alike.find('q-a', 'rule one'), {
      name: 'ConfigError',
      message: 'rule one: the label "q-a" fits more than one label of the mailbox: "Q&A" and "Q A"',
    });
  });

  it('finds system labels without a list', () => {
    assert.deepEqual(new LabelDirectory([]).find('starred'), { id: 'STARRED', name: 'STARRED' });
  });

  it('finds nothing for a name that no label has', () => {
    for (const name of ['Auto', 'toString', '__proto__']) assert.equal(directory.find(name), undefined);
  });

  it('finds a label that was added since', () => {
    const growing = new LabelDirectory([]);
    growing.add({ id: 'Label_9', name: 'New' });
    assert.equal(growing.find('new')?.id, 'Label_9');
  });

  it('finds labels by the beginning of their names', () => {
    assert.deepEqual(
      directory.startingWith('digest/day').map(({ id }) => id),
      ['Label_2'],
    );
    assert.deepEqual(directory.startingWith('nothing'), []);
  });
});
