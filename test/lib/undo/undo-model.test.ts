import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IdSet } from '../../../lib/gmail/ids.ts';
import type { JournalEntry } from '../../../lib/undo/journal-record.ts';
import { RunModel, type UndoPlan } from '../../../lib/undo/undo-model.ts';
import { seededRandom } from '../../virtual-clock.ts';

/** Message id → its labels. */
type State = Map<string, Set<string>>;

interface MadeRule {
  readonly ids: readonly string[];
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

const LABELS = ['INBOX', 'UNREAD', 'STARRED', 'TRASH', 'SPAM', 'X', 'Y'];

function copyOf(state: State): State {
  return new Map([...state].map(([id, labels]) => [id, new Set(labels)]));
}

function make({ add, remove }: Pick<MadeRule, 'add' | 'remove'>, ids: readonly string[], state: State): void {
  for (const id of ids) {
    for (const label of add) state.get(id)?.add(label);
    for (const label of remove) state.get(id)?.delete(label);
  }
}

/** The entries that a run writes before it applies these rules to a mailbox in this state. */
function entriesOf(rules: readonly MadeRule[], before: State): JournalEntry[] {
  const entry = (rule: string, { add, remove, ids }: MadeRule): JournalEntry => {
    const steps = [
      ...add.map((id) => ({ id, name: id, add: true })),
      ...remove.map((id) => ({ id, name: id, add: false })),
    ];
    const set = IdSet.of(ids);
    const changes = steps.map((step) => {
      const flags = Uint8Array.from({ length: set.size }, (_, index) =>
        before.get(set.at(index))?.has(step.id) === step.add ? 0 : 1,
      );
      return flags.includes(0) ? flags : null;
    });
    return { rule, steps, ids: set, changes };
  };
  // The first entries list messages that already were in Trash or Spam, with a step that changes none of them.
  const hidden = ['TRASH', 'SPAM'].map((place) => {
    const ids = [...before].filter(([, labels]) => labels.has(place)).map(([id]) => id);
    return entry(`in ${place}`, { ids, add: [place], remove: [] });
  });
  return [...hidden, ...rules.map((rule, index) => entry(`rule-${index + 1}`, rule))];
}

function carrying(state: State, labels: readonly string[]): Map<string, IdSet> {
  const with_ = (label: string) => [...state].filter(([, on]) => on.has(label)).map(([id]) => id);
  return new Map(labels.map((label) => [label, IdSet.of(with_(label))]));
}

function judge(
  rules: readonly MadeRule[],
  before: State,
  now: State,
  { completed = true, exists = () => true }: { completed?: boolean; exists?: (id: string) => boolean } = {},
): UndoPlan & { model: RunModel } {
  const model = new RunModel({ entries: entriesOf(rules, before), completed, exists });
  return { ...model.judge(carrying(now, model.labels)), model };
}

/** The mailbox after the plan. */
function carriedOut({ groups }: UndoPlan, now: State): State {
  const after = copyOf(now);
  for (const { ids, steps } of groups) {
    const named = (add: boolean) => steps.filter((step) => step.add === add).map(({ id }) => id);
    make({ add: named(true), remove: named(false) }, ids.list(), after);
  }
  return after;
}

function plain(state: State): Record<string, string[]> {
  return Object.fromEntries([...state].map(([id, labels]) => [id, [...labels].sort()]));
}

function stateOf(messages: Readonly<Record<string, readonly string[]>>): State {
  return new Map(Object.entries(messages).map(([id, labels]) => [id, new Set(labels)]));
}

describe('RunModel', () => {
  const before = stateOf({ '1a': ['INBOX', 'UNREAD'], '1b': ['INBOX', 'X'], '1c': ['STARRED'] });

  it('restores labels that the run changed, and none that were the same before', () => {
    const rules = [{ ids: ['1a', '1b', '1c'], add: ['X'], remove: ['INBOX', 'UNREAD'] }];
    const now = copyOf(before);
    for (const { ids, ...change } of rules) make(change, ids, now);
    const plan = judge(rules, before, now);
    assert.deepEqual(
      plan.groups.map(({ rule, ids, steps }) => [
        rule,
        ids.list(),
        steps.map(({ id, add }) => `${add ? '+' : '-'}${id}`),
      ]),
      [
        ['rule-1', ['1c'], ['-X']],
        ['rule-1', ['1b'], ['+INBOX']],
        ['rule-1', ['1a'], ['+INBOX', '+UNREAD', '-X']],
      ].sort((one, two) => String(one[1]).localeCompare(String(two[1]))),
    );
    assert.deepEqual(plain(carriedOut(plan, now)), plain(before));
  });

  it('distinguishes the entries of a run of many windows', () => {
    const many = Array.from({ length: 250 }, (_, index) => (0x1000 + index).toString(16));
    const before = stateOf(Object.fromEntries(many.map((id) => [id, ['INBOX', 'UNREAD']])));
    // Without a separator, entry 10 with two steps would have the key of entry 101 with one step.
    const rules = many.map((id, index) => ({
      ids: [id],
      add: ['X', 'Y'].slice(0, [0, 2, 1][index % 3]),
      remove: [index % 2 === 0 ? 'INBOX' : 'UNREAD'],
    }));
    const now = copyOf(before);
    for (const { ids, ...change } of rules) make(change, ids, now);
    const plan = judge(rules, before, now);
    assert.equal(plan.differing.size, 0);
    assert.deepEqual(plain(carriedOut(plan, now)), plain(before));
  });

  it('restores the state before the first of several rules that oppose each other', () => {
    const rules = [
      { ids: ['1a', '1c'], add: ['STARRED', 'Y'], remove: [] },
      { ids: ['1a', '1c'], add: [], remove: ['STARRED'] },
      { ids: ['1b'], add: ['Y'], remove: [] },
      { ids: ['1b'], add: [], remove: ['Y'] },
    ];
    const now = copyOf(before);
    for (const { ids, ...change } of rules) make(change, ids, now);
    const plan = judge(rules, before, now);
    assert.equal(plan.model.messages.has('1b'), false, 'in the end it was not changed');
    assert.deepEqual(
      plan.groups.map(({ rule, ids }) => [rule, ids.list()]),
      [
        ['rule-2', ['1a']],
        ['rule-2', ['1c']],
      ],
    );
    assert.deepEqual(plain(carriedOut(plan, now)), plain(before));
  });

  it('puts the last rule of the run first', () => {
    const rules = ['1a', '1b', '1c'].map((id) => ({ ids: [id], add: ['Y'], remove: [] }));
    const now = copyOf(before);
    for (const { ids, ...change } of rules) make(change, ids, now);
    assert.deepEqual(
      judge(rules, before, now).groups.map(({ rule }) => rule),
      ['rule-3', 'rule-2', 'rule-1'],
    );
  });

  it('leaves out deleted labels and deleted messages', () => {
    const rules = [{ ids: ['1a', '1b', '1c'], add: ['Y'], remove: ['INBOX', 'X'] }];
    const now = copyOf(before);
    for (const { ids, ...change } of rules) make(change, ids, now);
    for (const labels of now.values()) labels.delete('Y');
    const model = new RunModel({
      entries: entriesOf(rules, before),
      completed: true,
      exists: (id) => !['X', 'Y'].includes(id),
    });
    assert.ok(!model.labels.includes('X') && !model.labels.includes('Y'));
    const { groups, differing } = model.judge(carrying(now, model.labels), IdSet.of(['1b']));
    assert.deepEqual(differing.list(), ['1b']);
    assert.deepEqual(
      groups.map(({ ids, steps }) => [ids.list(), steps.map(({ id }) => id)]),
      [[['1a'], ['INBOX']]],
    );
  });

  it('never puts a message into two places at once', () => {
    const both = stateOf({ '1a': ['INBOX', 'TRASH'] });
    const rules = [{ ids: ['1a'], add: [], remove: ['INBOX', 'TRASH'] }];
    const plan = judge(rules, both, stateOf({ '1a': [] }));
    assert.deepEqual(
      plan.groups[0]?.steps.map(({ id }) => id),
      ['TRASH'],
    );
  });

  it('assumes that a killed run with many rules for a message stopped after one of them', () => {
    const rules = Array.from({ length: 14 }, (_, index) => ({ ids: ['1c'], add: [`L${index}`], remove: [] }));
    const start = stateOf({ '1c': ['STARRED'] });
    for (const made of [1, 6, 11, 14]) {
      const now = copyOf(start);
      for (const { ids, ...change } of rules.slice(0, made)) make(change, ids, now);
      const plan = judge(rules, start, now, { completed: false });
      assert.deepEqual(plain(carriedOut(plan, now)), plain(start), String(made));
    }
  });

  it('judges a large run', () => {
    const ids = IdSet.of(Array.from({ length: 200_000 }, (_, index) => (0x18c0_0000_0000 + index * 77).toString(16)));
    const flags = Uint8Array.from({ length: ids.size }, (_, index) => index % 3 && 1);
    const steps = [{ id: 'INBOX', name: 'INBOX', add: false }];
    const entries = [{ rule: 'one', ids, steps, changes: [flags] }];
    const model = new RunModel({ entries, completed: true, exists: () => true });
    const { groups, differing } = model.judge(new Map([['INBOX', ids.filter((index) => index % 6 === 1)]]));
    assert.equal(model.messages.size, 133_333);
    assert.equal((groups[0]?.ids.size ?? 0) + differing.size, 133_333);
  });
});

describe('undo of random runs', () => {
  const random = seededRandom(20261123);
  const below = (count: number) => Math.floor(random() * count);
  const some = <T>(all: readonly T[], chance: number) => all.filter(() => random() < chance);

  function randomRun() {
    const before: State = new Map(
      Array.from({ length: 12 }, (_, index) => {
        const place = random() < 0.15 ? some(['TRASH'], 0.5) : [];
        const spam = place.length === 0 ? some(['SPAM'], 0.1) : [];
        return [
          `18c${index.toString(16)}`,
          new Set([...some(['INBOX', 'UNREAD', 'STARRED', 'X', 'Y'], 0.4), ...place, ...spam]),
        ];
      }),
    );
    const trashed = new Set<string>();
    const rules = Array.from({ length: 1 + below(4) }, (): MadeRule => {
      const isTrash = random() < 0.2;
      const touched = some(['UNREAD', 'STARRED', 'X', 'Y', ...(isTrash ? [] : ['INBOX'])], 0.4);
      const add = some(touched, 0.5);
      const ids = some([...before.keys()], 0.6).filter((id) => !trashed.has(id));
      const remove = touched.filter((label) => !add.includes(label));
      if (!isTrash) return { ids, add: add.length + remove.length === 0 ? ['X'] : add, remove };
      // A message that a rule trashes is left out of the run's later rules.
      for (const id of ids) trashed.add(id);
      return { ids, add: [...add, 'TRASH'], remove: [...remove, 'INBOX', 'SPAM'] };
    });
    return { before, rules };
  }

  function handChanges(now: State): Set<string> {
    const touched = new Set<string>();
    for (const [id, labels] of now) {
      if (random() > 0.3) continue;
      for (const label of some(LABELS, 0.25)) {
        if (labels.has(label)) labels.delete(label);
        else labels.add(label);
        touched.add(id);
      }
    }
    return touched;
  }

  it('restores all labels of each message that is as the run left it, and no other message', () => {
    let restored = 0;
    let skipped = 0;
    for (let round = 0; round < 300; round += 1) {
      const { before, rules } = randomRun();
      const left = copyOf(before);
      for (const { ids, ...change } of rules) make(change, ids, left);
      const now = copyOf(left);
      handChanges(now);
      const plan = judge(rules, before, now);
      const after = carriedOut(plan, now);
      for (const [id, then] of before) {
        const ran = left.get(id) as Set<string>;
        const current = now.get(id) as Set<string>;
        const changed = LABELS.filter((label) => then.has(label) !== ran.has(label));
        const decisive = [...changed, 'TRASH', 'SPAM'];
        const asLeft = changed.length > 0 && decisive.every((label) => current.has(label) === ran.has(label));
        const expected = new Set(current);
        // A message that was in two places at once gets only one back; random messages are rarely in two.
        const places = changed.filter((label) => ['INBOX', 'TRASH', 'SPAM'].includes(label) && then.has(label));
        if (asLeft && places.length > 1) continue;
        for (const label of asLeft ? changed : []) {
          if (then.has(label)) expected.add(label);
          else expected.delete(label);
        }
        assert.deepEqual([...(after.get(id) ?? [])].sort(), [...expected].sort(), `round ${round}, ${id}`);
        if (changed.length > 0) asLeft ? restored++ : skipped++;
      }
      const counted = plan.groups.reduce((sum, { ids }) => sum + ids.size, 0) + plan.differing.size;
      assert.equal(counted, plan.model.messages.size);
      // After the first undo no message is as the run left it.
      const again = plan.model.judge(carrying(after, plan.model.labels));
      assert.equal(again.groups.length, 0, `round ${round}: a second undo`);
    }
    assert.ok(restored > 500 && skipped > 150, `${restored} restored, ${skipped} skipped`);
  });

  it('restores every change of a run that was killed or partly refused', () => {
    for (let round = 0; round < 300; round += 1) {
      const { before, rules } = randomRun();
      const now = copyOf(before);
      const refused = below(rules.length + 1);
      const last = below(rules.length);
      for (const [index, { ids, ...change }] of rules.entries()) {
        if (index > last || index === refused) continue;
        make(change, index === last ? some(ids, 0.5) : ids, now);
      }
      const plan = judge(rules, before, now, { completed: false });
      const after = carriedOut(plan, now);
      for (const [id, then] of before) {
        const places = ['INBOX', 'TRASH', 'SPAM'].filter((label) => then.has(label));
        if (places.length < 2)
          assert.deepEqual([...(after.get(id) ?? [])].sort(), [...then].sort(), `round ${round}, ${id}`);
      }
    }
  });

  it('restores two overlapping runs in either order', () => {
    for (let round = 0; round < 150; round += 1) {
      const { before, rules } = randomRun();
      const now = copyOf(before);
      // Both runs planned on the same mailbox; their batches interleave in any order.
      const waiting = [[...rules], [...rules]];
      for (let turn = 0; turn < rules.length * 2; turn += 1) {
        const [one = [], two = []] = waiting;
        const {
          ids = [],
          add = [],
          remove = [],
        } = (one.length > 0 && (two.length === 0 || random() < 0.5) ? one : two).shift() ?? {};
        make({ add, remove }, ids, now);
      }
      const first = carriedOut(judge(rules, before, now), now);
      const second = judge(rules, before, first);
      assert.equal(second.groups.length, 0, `round ${round}`);
      for (const [id, then] of before) {
        const places = ['INBOX', 'TRASH', 'SPAM'].filter((label) => then.has(label));
        if (places.length < 2)
          assert.deepEqual([...(first.get(id) ?? [])].sort(), [...then].sort(), `round ${round}, ${id}`);
      }
    }
  });

  it('never touches labels that the run did not touch, whatever a person changed since', () => {
    for (let round = 0; round < 300; round += 1) {
      const { before, rules } = randomRun();
      const now = copyOf(before);
      for (const { ids, ...change } of rules) if (random() < 0.8) make(change, ids, now);
      handChanges(now);
      const after = carriedOut(judge(rules, before, now, { completed: false }), now);
      for (const [id, current] of now) {
        const own = rules.filter(({ ids }) => ids.includes(id)).flatMap(({ add, remove }) => [...add, ...remove]);
        for (const label of LABELS) {
          const moved = current.has(label) !== after.get(id)?.has(label);
          if (moved) assert.ok(own.includes(label) && after.get(id)?.has(label) === before.get(id)?.has(label));
        }
      }
    }
  });
});
