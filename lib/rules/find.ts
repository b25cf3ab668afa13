/**
 * Sends the searches of rules: for what they match, for the matches that lie in Trash or Spam, and for the messages that
 * each operation really changes. Names the rule whose search Gmail refuses.
 */
import { formatCount } from '../base/count.ts';
import { ConfigError } from '../errors.ts';
import type { PlannedChange } from '../gmail/change-plan.ts';
import { IdSet } from '../gmail/ids.ts';
import { type LabelDirectory, labelSearch } from '../gmail/labels.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { PAGE_SIZE, SearchRefusal } from '../gmail/searcher.ts';
import type { FoundIds } from '../gmail/windows.ts';
import type { Rule, Search } from './schema.ts';
import { type ChangedMessages, type ComposedSearch, composeChanged, composeMatches, composeSearch } from './search.ts';

/** The matches of a rule, and the newest of them that it spares. */
export interface RuleMatches {
  /** Null when no message can match. */
  readonly search: ComposedSearch | null;
  readonly found: FoundIds;
  readonly newest: IdSet;
}

export const NO_MATCHES: RuleMatches = {
  search: null,
  found: { windows: new Map(), unplaced: IdSet.empty },
  newest: IdSet.empty,
};

export async function findMatches(
  rule: Rule,
  protect: Search | undefined,
  mailbox: Mailbox,
  labels: LabelDirectory,
): Promise<RuleMatches> {
  const search = composeSearch(rule, protect, labels);
  if (search === null) return NO_MATCHES;
  try {
    const found = await mailbox.find(search.query, search);
    const isEmpty = found.unplaced.size === 0 && [...found.windows.values()].every(({ size }) => size === 0);
    if (rule.keepNewest === 0 || isEmpty) return { search, found, newest: IdSet.empty };
    // The newest are looked for afterwards: mail that arrives in between is then spared, not changed.
    const matches = composeMatches(rule);
    return { search, found, newest: await mailbox.findNewest(matches.query, rule.keepNewest, matches) };
  } catch (error) {
    throw naming(error, rule, protect);
  }
}

/** Which messages of searches that look into Trash and Spam are there: taken back, they must be left there. */
export async function findPlaces(
  searches: readonly { readonly rule: Rule; readonly search: ComposedSearch | null | undefined }[],
  ids: readonly IdSet[],
  protect: Search | undefined,
  mailbox: Mailbox,
) {
  const wide = searches.filter(({ search }) => search?.includeSpamTrash === true);
  if (wide.length === 0 || ids.every(({ size }) => size === 0)) return [];
  const find = async (label: 'TRASH' | 'SPAM') => {
    const found = await Promise.all(
      wide.map(({ rule, search }) =>
        mailbox
          .find(`${search?.query} ${labelSearch(label)}`, { includeSpamTrash: true, labelsChecked: true })
          .catch((error) => {
            throw naming(error, rule, protect);
          }),
      ),
    );
    return { label, ids: IdSet.union(found.flatMap(({ windows, unplaced }) => [...windows.values(), unplaced])) };
  };
  return [await find('TRASH'), await find('SPAM')];
}

/** The effects of each operation of the rule on the messages of each window. */
export async function findEffects(
  rule: Rule,
  windows: readonly IdSet[],
  protect: Search | undefined,
  mailbox: Mailbox,
  labels: LabelDirectory,
): Promise<PlannedChange['effects'][]> {
  const byOperation: (Uint8Array | null)[][] = [];
  const isEmpty = windows.every(({ size }) => size === 0);
  try {
    for (const operation of rule.operations) {
      const effect = isEmpty ? 'all' : composeChanged(rule, operation, protect, labels);
      byOperation.push(await findEffect(effect, windows, mailbox));
    }
  } catch (error) {
    throw naming(error, rule, protect);
  }
  return windows.map((_, at) => byOperation.map((flags) => flags[at] ?? null));
}

async function findEffect(
  effect: ChangedMessages,
  windows: readonly IdSet[],
  mailbox: Mailbox,
): Promise<(Uint8Array | null)[]> {
  if (effect === 'all') return windows.map(() => null);
  if (effect === 'none') return windows.map(({ size }) => new Uint8Array(size));
  const { changed, unchanged } = effect;
  // Mostly a rule's actions are all still to be done where one of them is: then the exceptions fit into one page.
  if (windows.reduce((sum, { size }) => sum + size, 0) > PAGE_SIZE) {
    const exceptions = await mailbox.search(unchanged.query, { ...unchanged, limit: PAGE_SIZE });
    if (exceptions.length === 0) return windows.map(() => null);
    const spared = IdSet.of(exceptions.map(({ id }) => id));
    if (spared.size < PAGE_SIZE) return windows.map((ids) => ids.marks(spared).map((mark) => 1 - mark));
  }
  const found = await mailbox.find(changed.query, changed);
  return windows.map((ids) => ids.marks(found.unplaced, ...found.windows.values()));
}

/** `error` with the rule's name when it is about the rule's search; any other as it is. */
function naming(error: unknown, { name, search }: Rule, protect: Search | undefined): unknown {
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
      ? 'Shorten protect, which is a part of the search of every rule: a label or a few domains say more in less.'
      : 'Divide the rule into several with the same actions, each with a part of the query.',
    { cause: error },
  );
}
