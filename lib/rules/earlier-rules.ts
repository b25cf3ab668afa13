/** What each rule changes of what its search found, when the rules before it have done their work. */
import { IdSet } from '../gmail/ids.ts';
import { labelKey } from './actions.ts';
import type { Rule } from './schema.ts';

/** What is known of a label after the rules before: 0 when none of them touched it. */
const UNTOUCHED = 0;
const PUT_ON = 1;
const TAKEN_OFF = 2;

/**
 * The messages that each rule changes, of those in `found`, by the index of the rule: without what `spared` keeps from
 * it, what an earlier rule trashes, and what earlier rules have already changed in the same way.
 */
export function messagesToChange(rules: readonly Rule[], found: readonly IdSet[], spared: readonly IdSet[]): IdSet[] {
  const wanted: IdSet[] = [];
  for (const [index, rule] of rules.entries()) {
    const candidates = (found[index] ?? IdSet.empty).without(spared[index] ?? IdSet.empty);
    wanted.push(leaveDone(candidates, rule, rules.slice(0, index), wanted));
  }
  return wanted;
}

/** `candidates` without those for which the earlier rules, on the messages that they `claimed`, leave nothing to do. */
function leaveDone(candidates: IdSet, rule: Rule, earlier: readonly Rule[], claimed: readonly IdSet[]): IdSet {
  const keys = rule.operations.map(({ label }) => labelKey(label));
  const trash = keys.length;
  /** For each label of the rule, and for TRASH, what is known of it by message; made when it is needed. */
  const known: (Uint8Array | undefined)[] = [];
  for (const [index, other] of earlier.entries()) {
    const touched = effectOn([...keys, 'TRASH'], other);
    const theirs = claimed[index] ?? IdSet.empty;
    if (touched.every((effect) => effect === UNTOUCHED) || theirs.size === 0 || candidates.size === 0) continue;
    const marks = candidates.marks(theirs);
    for (const [key, effect] of touched.entries()) {
      if (effect === UNTOUCHED) continue;
      known[key] ??= new Uint8Array(candidates.size);
      const states = known[key];
      for (let at = 0; at < marks.length; at += 1) if (marks[at] === 1) states[at] = effect;
    }
  }
  const wants = rule.operations.map(({ add }) => (add ? PUT_ON : TAKEN_OFF));
  const isDone = (at: number) =>
    known[trash]?.[at] === PUT_ON || wants.every((effect, key) => known[key]?.[at] === effect);
  return known.length === 0 ? candidates : candidates.filter((at) => !isDone(at));
}

function effectOn(keys: readonly string[], { operations }: Rule): number[] {
  const effects = new Map(operations.map(({ add, label }) => [labelKey(label), add ? PUT_ON : TAKEN_OFF]));
  return keys.map((key) => effects.get(key) ?? UNTOUCHED);
}
