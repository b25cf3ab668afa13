/**
 * Reads all pages of a search. Each page has the token of the next one, so one list cannot be read in parallel. Lists of
 * separate windows of time can, for up to one extra page for each window.
 *
 * `listSideBySide` reads the list of the whole span from its newest end. After every 12 pages it begins the list of one
 * more window, the oldest window first, until both sides meet: a small search costs no extra page, a big one few.
 */
import { mapAtOnce } from '../base/pool.ts';
import { MAX_CONCURRENT } from './concurrency.ts';
import { IdCollector, IdSet } from './ids.ts';
import type { FoundIds, Window } from './windows.ts';

export interface ListPage {
  readonly ids: readonly string[];
  readonly next: string | undefined;
}

/** Returns the page at `token` of the search in `window`, in the whole span when `window` is null; newest first. */
export type FetchPage = (window: Window | null, token: string | undefined) => Promise<ListPage>;

/** One more window gets a list of its own after this many pages. */
const PAGES_PER_WINDOW = 12;

/** The list of all has reached a window when a page of it contains two of the window's 20 newest messages. */
const NEWEST_OF_WINDOW = 20;

/** All messages in the whole span. `windows`, oldest first, may get lists of their own. */
export async function listSideBySide(fetch: FetchPage, windows: readonly Window[]): Promise<FoundIds> {
  const all = new IdCollector();
  const apart = new Map<Window, IdSet>();
  const newestOfWindows = new Set<string>();
  const lists: Promise<void>[] = [];
  let pages = 0;
  let listing = 1;
  /** Whether the list of all has reached a window that has a list of its own. */
  let met = false;
  let failed = false;

  const listWindow = async (window: Window): Promise<void> => {
    listing += 1;
    let overtaken = false;
    try {
      const ids = await collect(
        (token) => fetch(window, token),
        (page, isFirst) => {
          pages += 1;
          // The list of all has already reached this window, and reads it to its end.
          overtaken ||= isFirst && page.ids[0] !== undefined && all.has(page.ids[0]);
          met ||= overtaken;
          if (isFirst && !overtaken) for (const id of page.ids.slice(0, NEWEST_OF_WINDOW)) newestOfWindows.add(id);
          listMore();
          return !overtaken && !failed;
        },
      );
      if (!overtaken) apart.set(window, ids.finish());
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      listing -= 1;
    }
  };
  /** Begins lists of further windows, except the newest window, in which the list of all begins. */
  const listMore = (): void => {
    while (!met && !failed && listing < MAX_CONCURRENT && lists.length < windows.length - 1) {
      if (pages < PAGES_PER_WINDOW * (lists.length + 1)) return;
      const list = listWindow(windows[lists.length] as Window);
      list.catch(() => undefined);
      lists.push(list);
    }
  };

  try {
    await collect(
      (token) => fetch(null, token),
      (page) => {
        pages += 1;
        // One match is not enough: a single message may be out of order.
        const arrived = page.ids.filter((id) => newestOfWindows.has(id)).length > 1;
        met ||= arrived;
        listMore();
        return !arrived && !failed;
      },
      all,
    );
  } catch (error) {
    failed = true;
    throw error;
  }
  met = true;
  await Promise.all(lists);
  return { windows: apart, unplaced: all.finish().without(...apart.values()) };
}

/** One request tests this many neighbouring windows for any match, because most windows of a day have none. */
const NEIGHBOURS = 16;

/** Lists each of `windows`, oldest first, by itself. */
export async function listEach(fetch: FetchPage, windows: readonly Window[]): Promise<FoundIds> {
  const found = new Map(windows.map((window) => [window, IdSet.empty]));
  let failed = false;
  const list = async (window: Window): Promise<void> => {
    try {
      const ids = await collect(
        (token) => fetch(window, token),
        () => !failed,
      );
      found.set(window, ids.finish());
    } catch (error) {
      failed = true;
      throw error;
    }
  };
  await mapAtOnce(await withMatches(fetch, windows), MAX_CONCURRENT, list);
  return { windows: found, unplaced: IdSet.empty };
}

/** The windows of all groups of neighbours that have a match. */
async function withMatches(fetch: FetchPage, windows: readonly Window[]): Promise<readonly Window[]> {
  if (windows.length <= NEIGHBOURS) return windows;
  const groups = Array.from({ length: Math.ceil(windows.length / NEIGHBOURS) }, (_, index) =>
    windows.slice(index * NEIGHBOURS, (index + 1) * NEIGHBOURS),
  );
  const kept = await mapAtOnce(groups, MAX_CONCURRENT, async (group) => {
    const [first, last] = [group[0] as Window, group.at(-1) as Window];
    const name = `${first.name} to ${last.name}`;
    const { ids } = await fetch({ name, fromS: first.fromS, toS: last.toS }, undefined);
    return ids.length > 0 ? group : [];
  });
  return kept.flat();
}

/** Reads page after page into `ids` while `goOn` returns true. */
async function collect(
  fetch: (token: string | undefined) => Promise<ListPage>,
  goOn: (page: ListPage, isFirst: boolean) => boolean = () => true,
  ids = new IdCollector(),
): Promise<IdCollector> {
  let token: string | undefined;
  let isFirst = true;
  do {
    const page = await fetch(token);
    for (const id of page.ids) ids.add(id);
    if (!goOn(page, isFirst)) break;
    isFirst = false;
    token = page.next;
  } while (token !== undefined);
  return ids;
}
