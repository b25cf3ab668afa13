import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IdSet } from '../../../lib/gmail/ids.ts';
import { LabelDirectory } from '../../../lib/gmail/labels.ts';
import { messagesToChange } from '../../../lib/rules/earlier-rules.ts';
import { resolveLabels } from '../../../lib/rules/labels.ts';
import { parseRules, type Rule } from '../../../lib/rules/schema.ts';
import { seededRandom } from '../../virtual-clock.ts';

const ACTIONS: readonly object[] = [
  { archive: true },
  { trash: true },
  { markRead: true },
  { markUnread: true },
  { star: true },
  { unstar: true },
  { addLabels: ['A'] },
  { addLabels: ['a', 'B/c'] },
  { removeLabels: ['A'] },
  { removeLabels: ['b-C'], archive: true },
  { archive: true, markRead: true, addLabels: ['B/c'] },
];

function rulesOf(actions: readonly object[]): readonly Rule[] {
  const rules = actions.map((action, index) => ({ name: `rule-${index}`, query: 'x', actions: action }));
  return resolveLabels(parseRules(JSON.stringify({ rules }), 'rules.yaml'), new LabelDirectory([])).rules;
}

/** How Gmail compares names of the labels above. */
const nameOf = (label: string) => label.toLowerCase().replace('/', '-');

/** A simple model for one message: the indices of the rules that change it. */
function claimsOf(rules: readonly Rule[], isFound: (rule: number) => boolean): number[] {
  const state = new Map<string, boolean>();
  const claims: number[] = [];
  for (const [index, { operations }] of rules.entries()) {
    if (!isFound(index) || state.get('trash') === true) continue;
    if (operations.every(({ add, label }) => state.get(nameOf(label)) === add)) continue;
    claims.push(index);
    for (const { add, label } of operations) state.set(nameOf(label), add);
  }
  return claims;
}

describe('messagesToChange', () => {
  it('agrees with a simple model of each message, for random rules', () => {
    const random = seededRandom(7);
    const pick = (count: number) => Math.floor(random() * count);
    let leftOut = 0;
    for (let round = 0; round < 150; round += 1) {
      const rules = rulesOf(Array.from({ length: 1 + pick(7) }, () => ACTIONS[pick(ACTIONS.length)] as object));
      const ids = Array.from({ length: 1 + pick(40) }, (_, index) => (index * 7 + 1).toString(16));
      const subset = (share: number) => IdSet.of(ids.filter(() => random() < share));
      const found = rules.map(() => subset(0.7));
      const spared = rules.map(() => subset(pick(2) * 0.2));
      const claimed = messagesToChange(rules, found, spared);
      assert.equal(claimed.length, rules.length);
      for (const id of ids) {
        const isFound = (rule: number) => found[rule]?.has(id) === true && spared[rule]?.has(id) !== true;
        const own = rules.flatMap((_, rule) => (claimed[rule]?.has(id) ? [rule] : []));
        const expected = claimsOf(rules, isFound);
        assert.deepEqual(own, expected, JSON.stringify(rules.map(({ operations }) => operations)));
        leftOut += rules.filter((_, rule) => isFound(rule)).length - expected.length;
      }
    }
    assert.ok(leftOut > 1_000, `${leftOut} left out`);
  });

  it('returns only found messages, and all of them for a single rule', () => {
    const [rule] = rulesOf([{ star: true }]);
    const found = IdSet.of(['a', 'b']);
    const single = [rule as Rule];
    assert.deepEqual(messagesToChange(single, [found], [IdSet.empty])[0]?.list(), ['b', 'a']);
    assert.deepEqual(messagesToChange(single, [found], [IdSet.of(['b', 'c'])])[0]?.list(), ['a']);
    assert.deepEqual(
      messagesToChange(single, [], []).map(({ size }) => size),
      [0],
    );
  });
});
