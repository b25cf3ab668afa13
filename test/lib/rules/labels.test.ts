import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { LabelDirectory } from '../../../lib/gmail/labels.ts';
import { resolveLabels } from '../../../lib/rules/labels.ts';
import { parseRules } from '../../../lib/rules/schema.ts';
import { composeSearch } from '../../../lib/rules/search.ts';

const LABELS = new LabelDirectory(
  ['Clients / Acme', 'Cafe\u0301', 'Q&A', 'Q A', 'a "b"', 'Plain', 'Two words'].map((name, index) => ({
    id: `Label_${index + 1}`,
    name,
  })),
);

function resolved(rules: readonly object[], protect?: string) {
  const named = rules.map((rule, index) => ({
    name: `rule-${index + 1}`,
    query: 'hit',
    actions: { star: true },
    ...rule,
  }));
  return resolveLabels(parseRules(JSON.stringify({ ...(protect && { protect }), rules: named }), 'rules.yaml'), LABELS);
}

describe('resolveLabels', () => {
  for (const [query, expected] of [
    ['hit', 'hit'],
    ['label:Plain -label:plain', 'label:Plain -label:"Plain"'],
    ['label:"Clients / Acme"', 'label:"Clients / Acme"'],
    ['a label:clients-acme b', 'a label:"Clients / Acme" b'],
    ['in:clients/acme', 'in:"Clients / Acme"'],
    ['-label:(Plain OR clients-acme)', '-label:(Plain OR "Clients / Acme")'],
    ['label:{"two-words" clients-acme} x', 'label:{"Two words" "Clients / Acme"} x'],
    ['label:"Caf\u00e9"', 'label:"Cafe\u0301"'],
    ['label:Q&A', 'label:"Q&A"'],
    ['label:"Q A"', 'label:"Q A"'],
    ['label:a--b-', 'label:"a -b-"'],
    ['label:unknown in:inbox is:starred label:^k', 'label:unknown in:inbox is:starred label:^k'],
  ] as const) {
    it(`searches with ${query} for ${expected}`, () => {
      assert.equal(resolved([{ query }]).rules[0]?.search.query, expected);
      assert.equal(resolved([{}], query).protect?.query, expected);
    });
  }

  it('changes existing labels, and creates a new label with its first spelling', () => {
    const { rules } = resolved([
      { actions: { addLabels: ['clients/acme', 'New / One', 'Q A'], removeLabels: ['Q&A'] } },
      { query: 'label:new/one', actions: { removeLabels: ['new-one'] } },
    ]);
    const operations = rules.map((rule) => rule.operations.map(({ add, label }) => `${add ? '+' : '-'}${label}`));
    assert.deepEqual(operations, [['+Clients / Acme', '+New / One', '+Q A', '-Q&A'], ['-New / One']]);
    assert.equal(rules[1]?.search.terms[0]?.value, 'New / One');
    const search = composeSearch(rules[0] ?? assert.fail(), undefined, LABELS);
    assert.equal(search?.query, '(hit) -in:drafts -in:chats');
  });

  it('takes two spellings of a label in a rule for one label, and refuses to add and remove it', () => {
    const { rules } = resolved([{ actions: { addLabels: ['clients/acme', 'Clients-Acme'] } }]);
    assert.deepEqual(rules[0]?.operations, [{ add: true, label: 'Clients / Acme' }]);
    for (const actions of [
      { addLabels: ['clients/acme'], removeLabels: ['Clients-Acme'] },
      { addLabels: ['a/new'], removeLabels: ['a-new'] },
    ]) {
      assert.throws(() => resolved([{ actions }]), {
        name: 'ConfigError',
        message: /^rule rule-1 both adds and removes/,
      });
    }
  });

  it('refuses a name that fits two labels and none exactly, and names the rule', () => {
    const message = /the label "q-a" fits more than one label of the mailbox: "Q&A" and "Q A"$/;
    for (const [attempt, whose] of [
      [() => resolved([{}, { query: 'label:q-a' }]), /^rule rule-2: /],
      [() => resolved([{ actions: { addLabels: ['q-a'] } }]), /^rule rule-1: /],
      [() => resolved([{ actions: { removeLabels: ['q-a'] } }]), /^rule rule-1: /],
      [() => resolved([{}], 'label:q-a'), /^protect: /],
    ] as const) {
      assert.throws(attempt, { name: 'ConfigError', message });
      assert.throws(attempt, { message: whose });
    }
  });
});
