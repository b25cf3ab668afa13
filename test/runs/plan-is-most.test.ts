/** A run changes no more than its plan: dry runs and real runs of random rules, compared with a model of rules. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runHere } from '../fixtures/front-door.ts';
import { mailboxOf, type PlainMessage } from '../fixtures/mailbox.ts';
import { stateOf } from '../fixtures/years.ts';
import { assertEnded, type Finished } from '../run.ts';
import { type Sandbox, startSandbox } from '../sandbox/index.ts';
import { seededRandom } from '../virtual-clock.ts';

type Labels = ReadonlySet<string>;

interface Message {
  readonly id: string;
  readonly subject: string;
  readonly before: Labels;
}

/** Condition of a search → whether a message fulfils it. */
const CONDITIONS: Readonly<Record<string, (message: Message) => boolean>> = {
  'subject:hit': ({ subject }) => subject.includes('hit'),
  'subject:code': ({ subject }) => subject.includes('code'),
  'older_than:1d': () => true,
  ...labelConditions({
    'in:inbox': 'INBOX',
    'is:unread': 'UNREAD',
    'is:starred': 'STARRED',
    'is:important': 'IMPORTANT',
  }),
  ...labelConditions({ 'label:old': 'Old', 'label:new': 'New' }),
};

function labelConditions(labels: Readonly<Record<string, string>>) {
  return Object.fromEntries(
    Object.entries(labels).flatMap(([search, label]) => [
      [search, ({ before }: Message) => before.has(label)],
      [`-${search}`, ({ before }: Message) => !before.has(label)],
    ]),
  );
}

/** Actions as label changes; the first change of an action tells whether the action is pending. */
const ACTIONS: Readonly<Record<string, readonly string[]>> = {
  archive: ['-INBOX'],
  trash: ['+TRASH', '-INBOX', '-SPAM'],
  markRead: ['-UNREAD'],
  markUnread: ['+UNREAD'],
  star: ['+STARRED'],
  unstar: ['-STARRED'],
  markImportant: ['+IMPORTANT'],
  markUnimportant: ['-IMPORTANT'],
  'addLabels Old': ['+Old'],
  'addLabels New': ['+New'],
  'removeLabels Old': ['-Old'],
};

const OPPOSITES = [
  ['markRead', 'markUnread'],
  ['star', 'unstar'],
  ['markImportant', 'markUnimportant'],
  ['addLabels Old', 'removeLabels Old'],
];

interface ModelRule {
  readonly conditions: readonly string[];
  readonly actions: readonly string[];
  readonly keepNewest: number;
}

interface ModelRules {
  readonly protect: string | undefined;
  readonly rules: readonly ModelRule[];
}

function hasNot(labels: Labels, operation: string): boolean {
  return labels.has(operation.slice(1)) !== operation.startsWith('+');
}

/** The final labels of the messages, newest first, and the number of changes by each rule. */
function foresee(messages: readonly Message[], { protect, rules }: ModelRules) {
  const after = new Map(messages.map(({ id, before }) => [id, new Set(before)]));
  /** The operations of the earlier rules, by message. */
  const done = new Map(messages.map(({ id }) => [id, new Map<string, string>()]));
  const counts = rules.map(({ conditions, actions, keepNewest }) => {
    const matches = messages.filter((message) => conditions.every((one) => CONDITIONS[one]?.(message)));
    const spared = new Set(matches.slice(0, keepNewest));
    const operations = actions.flatMap((action) => ACTIONS[action] ?? []);
    let changed = 0;
    for (const message of matches) {
      const isPending = actions.some((action) => hasNot(message.before, ACTIONS[action]?.[0] ?? ''));
      const isProtected = protect !== undefined && CONDITIONS[protect]?.(message) === true;
      const known = done.get(message.id) as Map<string, string>;
      const isDone = known.get('TRASH') === '+TRASH' || operations.every((one) => known.get(one.slice(1)) === one);
      if (!isPending || isProtected || spared.has(message) || isDone) continue;
      changed += 1;
      for (const operation of operations) {
        known.set(operation.slice(1), operation);
        const labels = after.get(message.id) as Set<string>;
        if (operation.startsWith('+')) labels.add(operation.slice(1));
        else labels.delete(operation.slice(1));
      }
    }
    return changed;
  });
  const labels = [...after].map(([id, names]) => [id, [...names].sort()]);
  return { counts, after: Object.fromEntries(labels) as Record<string, string[]> };
}

function randomRules(random: () => number): ModelRules {
  const pick = <T>(items: readonly T[]) => items[Math.floor(random() * items.length)] as T;
  const rules = Array.from({ length: 2 + Math.floor(random() * 4) }, (): ModelRule => {
    const conditions = Array.from({ length: 1 + Math.floor(random() * 2) }, () => pick(Object.keys(CONDITIONS)));
    const actions = new Set(Array.from({ length: 1 + Math.floor(random() * 2) }, () => pick(Object.keys(ACTIONS))));
    for (const [one = '', other = ''] of OPPOSITES) if (actions.has(one)) actions.delete(other);
    return { conditions, actions: [...actions], keepNewest: random() < 0.3 ? Math.floor(random() * 30) : 0 };
  });
  return { protect: random() < 0.5 ? pick(Object.keys(CONDITIONS).slice(3)) : undefined, rules };
}

function asFile({ protect, rules }: ModelRules, undo: boolean) {
  return {
    undo,
    ...(protect !== undefined && { protect }),
    rules: rules.map(({ conditions, actions, keepNewest }, index) => ({
      name: `rule-${index}`,
      query: conditions.join(' '),
      keepNewest,
      actions: actionsOf(actions),
    })),
  };
}

function actionsOf(actions: readonly string[]): object {
  const named = (verb: string) =>
    actions.flatMap((action) => (action.startsWith(`${verb} `) ? [action.slice(verb.length + 1)] : []));
  const [addLabels, removeLabels] = [named('addLabels'), named('removeLabels')];
  return {
    ...Object.fromEntries(actions.filter((action) => !action.includes(' ')).map((action) => [action, true])),
    ...(addLabels.length > 0 && { addLabels }),
    ...(removeLabels.length > 0 && { removeLabels }),
  };
}

const LABELS = ['INBOX', 'UNREAD', 'STARRED', 'IMPORTANT', 'Old', 'New'];

function randomMail(count: number, random: () => number): PlainMessage[] {
  return Array.from({ length: count }, (_, index) => ({
    subject: ['hit', 'code', 'hit code', 'miss'][Math.floor(random() * 4)] as string,
    labels: index === 0 ? LABELS : LABELS.filter(() => random() < 0.5),
  }));
}

function planned({ events }: Finished): number[] {
  return events.filter(({ event }) => event === 'rule.planned').map(({ toChange }) => Number(toChange));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}

async function compare(sandbox: Sandbox, rules: ModelRules, undo: boolean): Promise<void> {
  const about = JSON.stringify(asFile(rules, undo));
  const labels = stateOf(sandbox);
  const messages = sandbox.mailbox
    .messages()
    .map(({ id, subject }): Message => ({ id, subject, before: new Set(labels[id]) }));
  const { counts, after } = foresee(messages, rules);
  const total = sum(counts);
  const dry = await runHere(sandbox, ['apply-rules', '--dry-run'], { rules: asFile(rules, undo) });
  assertEnded(dry, 0, { changed: 0, remaining: total });
  assert.deepEqual(planned(dry), counts, about);
  // The guard allows exactly the planned changes.
  const run = await runHere(sandbox, ['apply-rules', `--max-changes=${Math.max(1, total)}`], {
    rules: asFile(rules, undo),
  });
  assertEnded(run, 0, { changed: total, remaining: 0, failed: 0 });
  assert.deepEqual(planned(run), counts, about);
  assert.deepEqual(stateOf(sandbox), after, about);
}

describe('a run changes exactly what its dry run says', () => {
  for (const [count, times] of [
    [120, 12],
    [1_700, 12],
  ] as const) {
    it(`with random rules, in a mailbox of ${count} messages`, async () => {
      for (let seed = 1; seed <= times; seed += 1) {
        const random = seededRandom(count + seed);
        await using sandbox = await startSandbox({ mailbox: mailboxOf(randomMail(count, random)) });
        await compare(sandbox, randomRules(random), seed % 2 === 0);
      }
    });
  }
});
