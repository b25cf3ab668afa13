/**
 * Lists what a search finds. A list is read page by page, and only its next page is known: what is quick is to list
 * several spans of time side by side, at the price of up to a page for each. So that a small search pays nothing and a
 * big one little, the list of all is read from its newest end, and for every dozen of pages one more window is read
 * apart, from the oldest on, until both sides meet.
 */
import { IdCollector, IdSet } from './ids.ts';
import type { FoundIds, Window } from './windows.ts';

export interface ListPage {
  readonly ids: readonly string[];
  readonly next: string | undefined;
}

/** The page of the search in `window`, or in the whole span with null, that begins at `token`. Newest first. */
export type FetchPage = (window: Window | null, token: string | undefined) => Promise<ListPage>;

/** Pages of the list, after each of which one window more is worth its own list. */
const PAGES_PER_WINDOW = 12;

/** Lists read at once for one search. */
const AT_ONCE = 8;

/** Of so many of a window's newest messages it is remembered that the list of all has come to the window. */
const MILESTONES = 20;

/** Everything in the whole span; `windows`, the oldest first, may be listed apart. */
export async function listSideBySide(fetch: FetchPage, windows: readonly Window[]): Promise<FoundIds> {
  const all = new IdCollector();
  const apart = new Map<Window, IdSet>();
  const milestones = new Set<string>();
  const walks: Promise<void>[] = [];
  let pages = 0;
  let walking = 1;
  /** Whether the list of all has come to a window that is listed apart, or even further. */
  let met = false;
  let failed = false;

  const walkApart = async (window: Window): Promise<void> => {
    walking += 1;
    let overtaken = false;
    try {
      const ids = await collect(
        (token) => fetch(window, token),
        (page, isFirst) => {
          pages += 1;
          // The list of all has come here before, and goes on by itself.
          overtaken ||= isFirst && page.ids[0] !== undefined && all.has(page.ids[0]);
          met ||= overtaken;
          if (isFirst && !overtaken) for (const id of page.ids.slice(0, MILESTONES)) milestones.add(id);
          more();
          return !overtaken && !failed;
        },
      );
      if (!overtaken) apart.set(window, ids.finish());
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      walking -= 1;
    }
  };
  /** Begins to list further windows, but never the newest one, in which the list of all begins. */
  const more = (): void => {
    while (!met && !failed && walking < AT_ONCE && walks.length < windows.length - 1) {
      if (pages < PAGES_PER_WINDOW * (walks.length + 1)) return;
      const walk = walkApart(windows[walks.length] as Window);
      walk.catch(() => undefined);
      walks.push(walk);
    }
  };

  try {
    await collect(
      (token) => fetch(null, token),
      (page) => {
        pages += 1;
        // One of them might be out of its order; a window with a single message is listed twice, and counted once.
        const arrived = page.ids.filter((id) => milestones.has(id)).length > 1;
        met ||= arrived;
        more();
        return !arrived && !failed;
      },
      all,
    );
  } catch (error) {
    failed = true;
    throw error;
  }
  met = true;
  await Promise.all(walks);
  return { windows: apart, unplaced: all.finish().without(...apart.values()) };
}

/** Of a few neighbours, one page tells first whether there is anything in any of them: most days have no match. */
const NEIGHBOURS = 16;

/** Each of `windows`, the oldest first, listed apart. */
export async function listEach(fetch: FetchPage, windows: readonly Window[]): Promise<FoundIds> {
  const found = new Map(windows.map((window) => [window, IdSet.empty]));
  let failed = false;
  const list = async (window: Window): Promise<void> => {
    const ids = await collect(
      (token) => fetch(window, token),
      () => !failed,
    );
    found.set(window, ids.finish());
  };
  const sideBySide = async <T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> => {
    const waiting = items.values();
    const walk = async () => {
      for (const item of waiting) if (!failed) await work(item);
    };
    const walks = Array.from({ length: Math.min(AT_ONCE, items.length) }, walk);
    try {
      await Promise.all(walks);
    } catch (error) {
      failed = true;
      throw error;
    }
  };

  const groups = Array.from({ length: Math.ceil(windows.length / NEIGHBOURS) }, (_, index) =>
    windows.slice(index * NEIGHBOURS, (index + 1) * NEIGHBOURS),
  );
  const filled: Window[] = [];
  if (groups.length < 2) {
    filled.push(...windows);
  } else {
    await sideBySide(groups, async (group) => {
      const [first, last] = [group[0] as Window, group.at(-1) as Window];
      const name = `${first.name} to ${last.name}`;
      const { ids } = await fetch({ name, fromS: first.fromS, toS: last.toS }, undefined);
      if (ids.length > 0) filled.push(...group);
    });
  }
  await sideBySide(filled, list);
  return { windows: found, unplaced: IdSet.empty };
}

/** Reads page after page into `ids`, as long as `goOn` says so. */
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
