/** Leaves out of each rule the messages for which earlier rules of the run leave nothing to do. */
import { IdSet } from '../gmail/ids.ts';
import { labelKey } from './actions.ts';
import type { Rule } from './schema.ts';

/** The state of a label after the earlier rules; UNTOUCHED must be 0, the initial value of a Uint8Array. */
const UNTOUCHED = 0;
const ADDED = 1;
const REMOVED = 2;

/**
 * The messages of `found` that each rule changes, by index of the rule: without the messages of `spared`, and without
 * messages that an earlier rule trashes or changes in the same way.
 */
export function messagesToChange(rules: readonly Rule[], found: readonly IdSet[], spared: readonly IdSet[]): IdSet[] {
  const toChange: IdSet[] = [];
  for (const [index, rule] of rules.entries()) {
    const candidates = (found[index] ?? IdSet.empty).without(spared[index] ?? IdSet.empty);
    toChange.push(withoutDone(candidates, rule, rules.slice(0, index), toChange));
  }
  return toChange;
}

/** `candidates` without messages for which the `earlier` rules, changing `changed`, leave nothing to do. */
function withoutDone(candidates: IdSet, rule: Rule, earlier: readonly Rule[], changed: readonly IdSet[]): IdSet {
  const keys = rule.operations.map(({ label }) => labelKey(label));
  const trash = keys.length;
  /** For each label of the rule, and for TRASH, its state by index of the message; undefined while untouched. */
  const known: (Uint8Array | undefined)[] = [];
  for (const [index, other] of earlier.entries()) {
    const touched = statesAfter([...keys, 'TRASH'], other);
    const theirs = changed[index] ?? IdSet.empty;
    if (touched.every((state) => state === UNTOUCHED) || theirs.size === 0 || candidates.size === 0) continue;
    const marks = candidates.marks(theirs);
    for (const [key, state] of touched.entries()) {
      if (state === UNTOUCHED) continue;
      known[key] ??= new Uint8Array(candidates.size);
      const ofMessages = known[key];
      for (let at = 0; at < marks.length; at += 1) if (marks[at] === 1) ofMessages[at] = state;
    }
  }
  const wants = rule.operations.map(({ add }) => (add ? ADDED : REMOVED));
  const isDone = (at: number) =>
    known[trash]?.[at] === ADDED || wants.every((state, key) => known[key]?.[at] === state);
  return known.length === 0 ? candidates : candidates.filter((at) => !isDone(at));
}

function statesAfter(keys: readonly string[], { operations }: Rule): number[] {
  const states = new Map(operations.map(({ add, label }) => [labelKey(label), add ? ADDED : REMOVED]));
  return keys.map((key) => states.get(key) ?? UNTOUCHED);
}
