/**
 * Finds out which messages of a copy the mailbox has under other ids: those with the same Message-ID whose source is equal
 * to the copy's, or ends with it, since Gmail may put headers in front of what it imports.
 */
import { mapAtOnce } from '../base/pool.ts';
import type { CopyMessage } from '../export/copy.ts';
import { dateIn, headerIn, headIn, messageIdOf } from '../export/source-headers.ts';
import type { Mailbox } from '../gmail/mailbox.ts';
import { readRawSource, type SourceSink } from '../gmail/raw-source.ts';
import type { Arrivals } from './arrivals.ts';

/** A message of the copy with its source. */
export interface Candidate {
  readonly message: CopyMessage;
  readonly source: Buffer;
  /** Without angle brackets; '' for none. */
  readonly messageId: string;
  /** From the header Date; undefined for none. */
  readonly dateMs: number | undefined;
}

export function candidateOf(message: CopyMessage, source: Buffer): Candidate {
  const head = headIn(source);
  // Of several Message-IDs, one program takes the first, another the last.
  const isOne = head.toString('latin1').match(/^Message-ID[ \t]*:/gim)?.length === 1;
  const messageId = isOne ? messageIdOf(headerIn(head, 'Message-ID')) : '';
  return { message, source, messageId, dateMs: dateIn(head) };
}

/** Message-IDs that a search takes as one word: a hyphen at the beginning would negate it. */
const SEARCHABLE = /^\w[\w!#$%&'*+/=?^`~.@-]{0,249}$/;

/** Characters of a search: Gmail refuses addresses of more than 8 KB. */
const LONGEST_SEARCH = 5_000;

/** Bytes of the headers that Gmail puts in front of a message that it imports, at most. */
const MOST_ADDED = 100_000;

/** Sources of the mailbox in memory at once; one when they may be large. */
const SOURCES_AT_ONCE = 4;
const LARGE_SOURCE = 2_000_000;

export interface PresentContext {
  readonly mailbox: Mailbox;
  readonly arrivals: Arrivals;
  /** Ends the reading. */
  readonly signal: AbortSignal;
}

/** The candidates that the mailbox has, with their ids there. 5 quota units for each search, 20 for each message that a search found. */
export async function findPresent(
  candidates: readonly Candidate[],
  { mailbox, arrivals, signal }: PresentContext,
): Promise<Map<Candidate, string>> {
  /** Id in the mailbox → the candidates that it may be. */
  const possible = new Map<string, Set<Candidate>>();
  const note = (ids: Iterable<string>, maybe: readonly Candidate[]) => {
    for (const id of ids) {
      const known = possible.get(id) ?? new Set();
      for (const candidate of maybe) known.add(candidate);
      possible.set(id, known);
    }
  };
  for (const { query, maybe } of searchesFor(candidates)) {
    const found = await mailbox.search({ query, includeSpamTrash: true }, { journals: true });
    note(
      found.map(({ id }) => id),
      maybe,
    );
  }
  for (const candidate of candidates) note(arrivals.like(candidate), [candidate]);

  const present = new Map<Candidate, string>();
  const isLarge = candidates.some(({ source }) => source.length > LARGE_SOURCE);
  await mapAtOnce([...possible], isLarge ? 1 : SOURCES_AT_ONCE, async ([id, maybe]) => {
    if ([...maybe].every((candidate) => present.has(candidate))) return;
    for (const candidate of await sameAs(id, [...maybe], { mailbox, signal })) present.set(candidate, id);
  });
  return present;
}

/** Those of `candidates` that are the mailbox's message `id`. 20 quota units. */
export async function sameAs(
  id: string,
  candidates: readonly Candidate[],
  { mailbox, signal }: Pick<PresentContext, 'mailbox' | 'signal'>,
): Promise<Candidate[]> {
  const longest = Math.max(...candidates.map(({ source }) => source.length));
  let end = new KeptSource(0);
  const found = await readRawSource(mailbox.client, id, signal, {
    openSink: () => {
      end = new KeptSource(longest + MOST_ADDED);
      return end;
    },
    isLarge: longest > LARGE_SOURCE,
  });
  return found === null ? [] : candidates.filter(({ source }) => end.endsWith(source));
}

/** Keeps a source that arrives in pieces, unless it is longer than `most` bytes. */
class KeptSource implements SourceSink {
  readonly #most: number;
  #pieces: Buffer[] = [];
  #length = 0;

  constructor(most: number) {
    this.#most = most;
  }

  async write(bytes: Buffer): Promise<void> {
    this.#length += bytes.length;
    if (this.#length > this.#most) this.#pieces = [];
    else this.#pieces.push(bytes);
  }

  endsWith(end: Buffer): boolean {
    if (this.#length > this.#most || this.#length < end.length) return false;
    let left = end.length;
    for (const piece of this.#pieces.toReversed()) {
      const size = Math.min(left, piece.length);
      if (!piece.subarray(piece.length - size).equals(end.subarray(left - size, left))) return false;
      left -= size;
    }
    return true;
  }
}

interface Search {
  readonly query: string;
  readonly maybe: readonly Candidate[];
}

function searchesFor(candidates: readonly Candidate[]): Search[] {
  const searches: Search[] = [];
  let group: Candidate[] = [];
  let length = 0;
  const finish = () => {
    const terms = [...new Set(group.map(({ messageId }) => `rfc822msgid:${messageId}`))];
    if (group.length > 0)
      searches.push({ query: terms.length === 1 ? `${terms[0]}` : `{${terms.join(' ')}}`, maybe: group });
    group = [];
    length = 0;
  };
  for (const candidate of candidates) {
    if (!SEARCHABLE.test(candidate.messageId)) {
      searches.push({ query: searchByDateOrSize(candidate), maybe: [candidate] });
      continue;
    }
    const more = encodeURIComponent(`rfc822msgid:${candidate.messageId} `).length;
    if (length + more > LONGEST_SEARCH) finish();
    group.push(candidate);
    length += more;
  }
  finish();
  return searches;
}

/** For a message without a Message-ID. */
function searchByDateOrSize({ dateMs, source }: Candidate): string {
  // Searches take numbers of 9 and 10 digits for seconds since 1970.
  if (dateMs !== undefined && dateMs >= 1e11) {
    const second = Math.floor(dateMs / 1_000);
    return `after:${second - 2} before:${second + 2}`;
  }
  return `larger:${Math.max(0, source.length - 1)} smaller:${source.length + MOST_ADDED}`;
}
