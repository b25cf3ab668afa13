/**
 * Reads all pages of a search. Each page has the token of the next one, so one list cannot be read in parallel. Separate
 * lists for windows of time can be, at the cost of up to one extra page for each window.
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

/** The list of the whole span has reached a window when one page contains two of the window's 20 newest messages. */
const NEWEST_OF_WINDOW = 20;

/** Lists all messages in the whole span. `windows`, oldest first, may get lists of their own. */
export async function listSideBySide(fetch: FetchPage, windows: readonly Window[]): Promise<FoundIds> {
  return await new SideBySide(fetch, windows).read();
}

class SideBySide {
  readonly #lists: Lists;
  readonly #windows: readonly Window[];
  /** The list of the whole span, as far as it is read. */
  readonly #whole = new IdCollector();
  /** The windows whose own list was read to the end. */
  readonly #apart = new Map<Window, IdSet>();
  /** The newest messages of each window that has a list of its own. */
  readonly #newestOfWindows = new Set<string>();
  /** The lists of windows, in the order of the windows. */
  readonly #begun: Promise<void>[] = [];
  #underWay = 0;
  /** Whether the list of the whole span has reached a window that has a list of its own. */
  #met = false;

  constructor(fetch: FetchPage, windows: readonly Window[]) {
    this.#lists = new Lists(fetch);
    this.#windows = windows;
  }

  async read(): Promise<FoundIds> {
    const onPage = ({ ids }: ListPage) => {
      // One match is not enough: a single message may be out of order.
      const arrived = ids.filter((id) => this.#newestOfWindows.has(id)).length > 1;
      this.#met ||= arrived;
      this.#beginMore();
      return !arrived;
    };
    await this.#lists.read(null, onPage, this.#whole);
    this.#met = true;
    await Promise.all(this.#begun);
    return { windows: this.#apart, unplaced: this.#whole.finish().without(...this.#apart.values()) };
  }

  /** Begins lists of further windows, except the newest window, in which the list of the whole span begins. */
  #beginMore(): void {
    const { pages, failed } = this.#lists;
    const most = Math.min(Math.floor(pages / PAGES_PER_WINDOW), this.#windows.length - 1);
    // Minus 1 for the list of the whole span.
    while (!this.#met && !failed && this.#underWay < MAX_CONCURRENT - 1 && this.#begun.length < most) {
      const list = this.#readWindow(this.#windows[this.#begun.length] as Window);
      list.catch(() => undefined);
      this.#begun.push(list);
    }
  }

  async #readWindow(window: Window): Promise<void> {
    let overtaken = false;
    const onPage = ({ ids }: ListPage, isFirst: boolean) => {
      if (isFirst) {
        // The list of the whole span has already reached this window, and reads the window to its end.
        overtaken = ids[0] !== undefined && this.#whole.has(ids[0]);
        this.#met ||= overtaken;
        if (!overtaken) for (const id of ids.slice(0, NEWEST_OF_WINDOW)) this.#newestOfWindows.add(id);
      }
      this.#beginMore();
      return !overtaken;
    };
    this.#underWay += 1;
    try {
      const ids = await this.#lists.read(window, onPage);
      if (!overtaken) this.#apart.set(window, ids.finish());
    } finally {
      this.#underWay -= 1;
    }
  }
}

/** One request tests this many neighbouring windows for any match, because most windows of a day have none. */
const NEIGHBOURS = 16;

/** Lists each of `windows`, oldest first, by itself. */
export async function listEach(fetch: FetchPage, windows: readonly Window[]): Promise<FoundIds> {
  const found = new Map(windows.map((window) => [window, IdSet.empty]));
  const lists = new Lists(fetch);
  await mapAtOnce(await withMatches(fetch, windows), MAX_CONCURRENT, async (window) => {
    found.set(window, (await lists.read(window)).finish());
  });
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

/** Reads the lists of one search. When one list fails, the others end with their page under way. */
class Lists {
  readonly #fetch: FetchPage;
  /** Pages of all lists. */
  pages = 0;
  failed = false;

  constructor(fetch: FetchPage) {
    this.#fetch = fetch;
  }

  /** Reads page after page of a window's list into `ids`, while `onPage` returns true. */
  async read(
    window: Window | null,
    onPage: (page: ListPage, isFirst: boolean) => boolean = () => true,
    ids = new IdCollector(),
  ): Promise<IdCollector> {
    let token: string | undefined;
    try {
      do {
        const page = await this.#fetch(window, token);
        this.pages += 1;
        for (const id of page.ids) ids.add(id);
        if (!onPage(page, token === undefined)) break;
        token = page.next;
      } while (token !== undefined && !this.failed);
    } catch (error) {
      this.failed = true;
      throw error;
    }
    return ids;
  }
}
