/** Lists of windows on a mailbox of numbers: the messages found, the pages read, and the pages read at once. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IdSet } from '../../../lib/gmail/ids.ts';
import { type FetchPage, listEach, listSideBySide } from '../../../lib/gmail/listing.ts';
import type { FoundIds, Window } from '../../../lib/gmail/windows.ts';
import { seededRandom } from '../../virtual-clock.ts';

/** Smaller than Gmail's 500, to keep the test fast. */
const PAGE = 50;
const YEAR_S = 31_536_000;

/** Years from 2004 to 2025, the first without a beginning and the last without an end. */
const YEARS: readonly Window[] = Array.from({ length: 22 }, (_, index) => ({
  name: `${2004 + index}`,
  fromS: index === 0 ? null : (34 + index) * YEAR_S,
  toS: index === 21 ? null : (35 + index) * YEAR_S,
}));

interface Message {
  readonly id: string;
  readonly atS: number;
}

/** `count` messages in each of these years, spread evenly. Ids have nothing to do with dates. */
function mailOf(counts: Readonly<Record<string, number>>, random = seededRandom(1)): Message[] {
  const messages: Message[] = [];
  const taken = new Set<number>();
  for (const [year, count] of Object.entries(counts)) {
    for (let index = 0; index < count; index += 1) {
      let number = 0;
      while (number === 0 || taken.has(number)) number = Math.floor(random() * 2 ** 48);
      taken.add(number);
      messages.push({ id: number.toString(16), atS: (Number(year) - 1970) * YEAR_S + index * (YEAR_S / count) });
    }
  }
  return messages.sort((a, b) => b.atS - a.atS);
}

function isIn({ fromS, toS }: Window, { atS }: Message): boolean {
  return (fromS === null || atS >= fromS) && (toS === null || atS < toS);
}

/** A mailbox that answers pages in random order, and counts them. */
class VirtualMailbox {
  readonly byWindow = new Map<string, number>();
  pages = 0;
  mostAtOnce = 0;
  messages: readonly Message[];
  /** Called before each page is read. */
  onPage: (page: number, window: Window | null) => void = () => undefined;
  #atOnce = 0;
  readonly #random: () => number;

  constructor(messages: readonly Message[], seed = 1) {
    this.messages = messages;
    this.#random = seededRandom(seed);
  }

  /** A token is the place of the last message on the page before, as in Gmail. */
  readonly fetch: FetchPage = async (window, token) => {
    this.#atOnce += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.#atOnce);
    const turns = 1 + Math.floor(this.#random() * 3);
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    this.#atOnce -= 1;
    this.pages += 1;
    const name = window?.name ?? 'all';
    this.byWindow.set(name, (this.byWindow.get(name) ?? 0) + 1);
    this.onPage(this.pages, window);
    const before = token === undefined ? Number.POSITIVE_INFINITY : Number(token);
    const page: Message[] = [];
    for (const message of this.messages) {
      if (message.atS >= before || (window !== null && !isIn(window, message))) continue;
      if (page.length === PAGE) return { ids: page.map(({ id }) => id), next: `${page.at(-1)?.atS}` };
      page.push(message);
    }
    return { ids: page.map(({ id }) => id), next: undefined };
  };
}

/** All messages found; asserts that each window holds its own messages, and that the rest is newer. */
function everything({ windows, unplaced }: FoundIds, messages: readonly Message[], lasting = messages): IdSet {
  const parts = [unplaced, ...windows.values()];
  const all = IdSet.union(parts);
  assert.equal(
    all.size,
    parts.reduce((sum, { size }) => sum + size, 0),
    'nothing is in two parts',
  );
  const dates = new Map(messages.map((message) => [message.id, message]));
  let newest = Number.NEGATIVE_INFINITY;
  for (const [window, ids] of windows) {
    newest = Math.max(newest, window.toS ?? Number.POSITIVE_INFINITY);
    for (const id of ids.list()) assert.ok(isIn(window, dates.get(id) as Message), `${id} is not of ${window.name}`);
  }
  const older = IdSet.of(lasting.filter(({ atS }) => atS < newest).map(({ id }) => id));
  assert.equal(unplaced.marks(older).indexOf(1), -1, 'the rest is newer than the windows');
  return all;
}

async function list(counts: Readonly<Record<string, number>>, seed = 1) {
  const mailbox = new VirtualMailbox(mailOf(counts), seed);
  const found = await listSideBySide(mailbox.fetch, YEARS);
  const all = everything(found, mailbox.messages);
  assert.deepEqual(all.list(), IdSet.of(mailbox.messages.map(({ id }) => id)).list(), 'all, and each once');
  return { mailbox, found, least: Math.max(1, Math.ceil(mailbox.messages.length / PAGE)) };
}

const every = (count: (year: number) => number) =>
  Object.fromEntries(YEARS.map(({ name }) => [name, count(Number(name))]));

describe('listSideBySide', () => {
  it('reads a small search in one list', async () => {
    for (const counts of [{}, { 2004: 3 }, { 2025: 49, 2010: 2 }, every(() => 20)]) {
      const { mailbox, found, least } = await list(counts);
      assert.deepEqual([...mailbox.byWindow.keys()], ['all']);
      assert.equal(mailbox.pages, least);
      assert.equal(found.windows.size, 0);
    }
  });

  const shapes: Readonly<Record<string, Readonly<Record<string, number>>>> = {
    'mail that comes evenly': every(() => 300),
    'mail that grows': every((year) => (year - 2003) * 30),
    'mail that fades': every((year) => (2026 - year) * 30),
    'many empty years at the beginning': { 2020: 2_000, 2021: 2_000, 2022: 2_000 },
    'empty years in the middle': { 2004: 2_000, 2024: 2_000, 2025: 2_000 },
    'nothing in the last years': every((year) => (year < 2015 ? 500 : 0)),
    'all mail in one year, in the middle': { 2012: 6_000 },
    'all mail in the first year': { 2004: 6_000 },
    'all mail in the last year': { 2025: 6_000 },
  };
  for (const [name, counts] of Object.entries(shapes)) {
    it(`finds everything once, with few extra pages: ${name}`, async () => {
      for (const seed of [1, 2]) {
        const { mailbox, least } = await list(counts, seed);
        assert.ok(mailbox.pages <= 1.1 * least + 6, `${mailbox.pages} pages, and the least are ${least}`);
      }
    });
  }

  it('reads up to eight lists in parallel', async () => {
    const { mailbox, found } = await list(every(() => 1_000));
    assert.equal(mailbox.mostAtOnce, 8);
    assert.ok(found.windows.size >= 8, `${found.windows.size} windows`);
    const longest = Math.max(...mailbox.byWindow.values());
    assert.ok(longest < mailbox.pages / 2, `${longest} of ${mailbox.pages} pages in one list`);
  });

  it('finds all lasting messages while others arrive and disappear', async () => {
    for (const seed of [1, 2, 3]) {
      const random = seededRandom(seed);
      const mailbox = new VirtualMailbox(mailOf(every(() => 250)), seed);
      const start = mailbox.messages;
      const gone = new Set<string>();
      let arrived = 0;
      mailbox.onPage = () => {
        const some = new Set(Array.from({ length: 4 }, () => start[Math.floor(random() * start.length)]?.id ?? ''));
        for (const id of some) gone.add(id);
        const more = Array.from({ length: 2 }, () => {
          arrived += 1;
          const old = start[Math.floor(random() * start.length)] as Message;
          return { id: `f${arrived.toString(16).padStart(15, '0')}`, atS: old.atS + 0.5 };
        });
        const kept = mailbox.messages.filter(({ id }) => !some.has(id));
        mailbox.messages = [...kept, ...more].sort((a, b) => b.atS - a.atS);
      };
      const found = await listSideBySide(mailbox.fetch, YEARS);
      assert.ok(arrived > 150 && gone.size > 300 && found.windows.size > 5);
      const lasting = start.filter(({ id }) => !gone.has(id));
      const all = everything(found, [...start, ...mailbox.messages], lasting);
      assert.equal(IdSet.of(lasting.map(({ id }) => id)).without(all).size, 0);
    }
  });

  for (const where of ['all', 'apart']) {
    it(`rejects with the error of one list, and stops the others: ${where}`, async () => {
      const mailbox = new VirtualMailbox(mailOf(every(() => 500)));
      mailbox.onPage = (page, window) => {
        if (page > 100 && (window === null) === (where === 'all')) throw new Error('away');
      };
      await assert.rejects(listSideBySide(mailbox.fetch, YEARS), /away/);
      const { pages } = mailbox;
      for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      assert.ok(mailbox.pages - pages <= 8, `${mailbox.pages - pages} pages more`);
    });
  }
});

describe('listEach', () => {
  it('lists every window by itself, eight at once, windows without mail included', async () => {
    const mailbox = new VirtualMailbox(mailOf(every((year) => (year % 3 === 0 ? 0 : 120))));
    const found = await listEach(mailbox.fetch, YEARS);
    assert.deepEqual([...found.windows.keys()], YEARS);
    assert.equal(found.unplaced.size, 0);
    assert.equal(everything(found, mailbox.messages).size, mailbox.messages.length);
    assert.equal(mailbox.mostAtOnce, 8);
    assert.equal(mailbox.byWindow.has('all'), false);
  });

  it('tests empty neighbours with one page, and costs few pages where none are empty', async () => {
    const weeks: Window[] = YEARS.flatMap(({ name }, year) =>
      Array.from({ length: 52 }, (_, week) => ({
        name: `${name}-${week}`,
        fromS: (34 + year) * YEAR_S + week * (YEAR_S / 52),
        toS: (34 + year) * YEAR_S + (week + 1) * (YEAR_S / 52),
      })),
    );
    const sparse = new VirtualMailbox(mailOf({ 2010: 3, 2015: 5 }));
    assert.equal(everything(await listEach(sparse.fetch, weeks), sparse.messages).size, 8);
    assert.ok(sparse.pages < weeks.length / 5, `${sparse.pages} pages for ${weeks.length} windows`);
    const dense = new VirtualMailbox(mailOf(every(() => 104)));
    assert.equal(everything(await listEach(dense.fetch, weeks), dense.messages).size, 22 * 104);
    assert.ok(dense.pages <= 1.1 * weeks.length, `${dense.pages} pages for ${weeks.length} windows`);
  });

  it('rejects with the error of one list, and stops the others', async () => {
    const mailbox = new VirtualMailbox(mailOf(every(() => 500)));
    mailbox.onPage = (page) => {
      if (page > 40) throw new Error('away');
    };
    await assert.rejects(listEach(mailbox.fetch, YEARS), /away/);
    const { pages } = mailbox;
    for (let turn = 0; turn < 100; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    assert.ok(mailbox.pages - pages <= 8);
  });
});
