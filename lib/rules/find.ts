/**
 * Sends the searches of rules, which search.ts composes: for their matches, for the matches in Trash or Spam, and for the
 * messages that each operation really changes. Names the rule whose search Gmail refuses.
 */
import { formatCount } from '../base/count.ts';
import { ConfigError } from '../errors.ts';
import type { PlannedChange } from '../gmail/change-plan.ts';
import { IdSet } from '../gmail/ids.ts';
import { type LabelDirectory, labelSearch } from '../gmail/labels.ts';
import { PAGE_SIZE } from '../gmail/list-page.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import type { CheckedSearch } from '../gmail/query/label-terms.ts';
import { SearchRefusal } from '../gmail/searcher.ts';
import type { Search } from '../gmail/settings-schema.ts';
import type { FoundIds } from '../gmail/windows.ts';
import type { Rule } from './schema.ts';
import { type ChangedMessages, composeChanged, composeMatches, composeSearch } from './search.ts';

/** The mailbox to search, with its labels, and the search for protected messages. */
export interface RuleSearchContext {
  readonly mailbox: Mailbox;
  readonly labels: LabelDirectory;
  readonly protect: Search | undefined;
}

export interface RuleMatches {
  /** Null when no message can match. */
  readonly search: CheckedSearch | null;
  readonly found: FoundIds;
  /** The newest matches, which `keepNewest` spares. */
  readonly newest: IdSet;
}

export const NO_MATCHES: RuleMatches = {
  search: null,
  found: { windows: new Map(), unplaced: IdSet.empty },
  newest: IdSet.empty,
};

/** The messages that still need the change of the rule. */
export async function findMatches(rule: Rule, context: RuleSearchContext): Promise<RuleMatches> {
  const { mailbox, labels, protect } = context;
  const search = composeSearch(rule, protect, labels);
  if (search === null) return NO_MATCHES;
  try {
    const found = await mailbox.find(search);
    const isEmpty = found.unplaced.size === 0 && [...found.windows.values()].every(({ size }) => size === 0);
    if (rule.keepNewest === 0 || isEmpty) return { search, found, newest: IdSet.empty };
    // After the first search: mail that arrives between the two is then spared, not changed.
    return { search, found, newest: await mailbox.findNewest(composeMatches(rule), rule.keepNewest) };
  } catch (error) {
    throw withRuleName(error, rule, protect);
  }
}

/** A rule with the messages that it changes, by window. */
interface RuleToChange {
  readonly rule: Rule;
  readonly search: CheckedSearch | null;
  readonly windows: readonly IdSet[];
}

/** The matches that are in Trash or Spam, so that undo leaves them there. */
export async function findPlaces(rules: readonly RuleToChange[], { mailbox, protect }: RuleSearchContext) {
  const wide = rules.filter(({ search }) => search?.includeSpamTrash === true);
  if (wide.length === 0) return [];
  const find = async (label: 'TRASH' | 'SPAM') => {
    const found = await Promise.all(
      wide.map(({ rule, search }) =>
        mailbox.find({ query: `${search?.query} ${labelSearch(label)}`, includeSpamTrash: true }).catch((error) => {
          throw withRuleName(error, rule, protect);
        }),
      ),
    );
    return { label, ids: IdSet.union(found.flatMap(({ windows, unplaced }) => [...windows.values(), unplaced])) };
  };
  return [await find('TRASH'), await find('SPAM')];
}

/** By window, then by operation of the rule: flags for the messages that the operation really changes. */
export async function findEffects(
  { rule, windows }: RuleToChange,
  { mailbox, labels, protect }: RuleSearchContext,
): Promise<PlannedChange['effects'][]> {
  const byOperation: (Uint8Array | null)[][] = [];
  const isEmpty = windows.every(({ size }) => size === 0);
  try {
    for (const operation of rule.operations) {
      const changed = isEmpty ? 'all' : composeChanged(rule, operation, protect, labels);
      byOperation.push(await findChanged(changed, windows, mailbox));
    }
  } catch (error) {
    throw withRuleName(error, rule, protect);
  }
  return windows.map((_, at) => byOperation.map((flags) => flags[at] ?? null));
}

/** By window: a flag for each message, by index, 1 when `changed` finds the message; null when all are changed. */
async function findChanged(
  changed: ChangedMessages,
  windows: readonly IdSet[],
  mailbox: Mailbox,
): Promise<(Uint8Array | null)[]> {
  if (changed === 'all') return windows.map(() => null);
  if (changed === 'none') return windows.map(({ size }) => new Uint8Array(size));
  // Usually an operation changes nearly all messages, and the unchanged ones fit on one page.
  if (windows.reduce((sum, { size }) => sum + size, 0) > PAGE_SIZE) {
    const unchanged = IdSet.of((await mailbox.search(changed.unchanged, { limit: PAGE_SIZE })).map(({ id }) => id));
    if (unchanged.size === 0) return windows.map(() => null);
    if (unchanged.size < PAGE_SIZE) return windows.map((ids) => ids.marks(unchanged).map((mark) => 1 - mark));
  }
  const found = await mailbox.find(changed.changed);
  return windows.map((ids) => ids.marks(found.unplaced, ...found.windows.values()));
}

/** The error that names the rule whose search Gmail refused; other errors unchanged. */
function withRuleName(error: unknown, { name, search }: Rule, protect: Search | undefined): unknown {
  if (!(error instanceof SearchRefusal)) return error;
  const { refusal, length } = error;
  if (refusal.reason !== 'tooLong') {
    const query = `the query of the rule ${name}${protect === undefined ? '' : ', or protect'}`;
    return new ConfigError(
      `Gmail does not accept ${query}: ${refusal.message}`,
      "Correct the query; try it in Gmail's search box.",
      { cause: error },
    );
  }
  const [own, shared] = [search.query.length, protect?.query.length ?? 0];
  const parts = shared === 0 ? '' : ` and protect for ${formatCount(shared)}`;
  return new ConfigError(
    `The search of the rule ${name} is too long for Gmail: it has ${formatCount(length)} characters; the rule's query accounts for ${formatCount(own)}${parts}`,
    shared > own
      ? 'Shorten protect, which is a part of the search of every rule: use a label or a few domains in place of many addresses.'
      : 'Divide the rule into several with the same actions, each with a part of the query.',
    { cause: error },
  );
}
