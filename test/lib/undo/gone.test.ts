import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { IdSet } from '../../../lib/gmail/ids.ts';
import { findGone } from '../../../lib/undo/gone.ts';

const IDS = IdSet.of(Array.from({ length: 400 }, (_, index) => (0x18c0_0000_0000 + index).toString(16)));
const NONE = IdSet.empty;

interface Play {
  readonly ids?: IdSet;
  /** How many messages there are in the mailbox. */
  readonly messages?: number;
  readonly gone?: IdSet;
  /** Those that its list lacks, the first time and then; without, those that are gone. */
  readonly unlisted?: IdSet;
  readonly unlistedThen?: IdSet;
}

async function look({ ids = IDS, messages = 500, gone = NONE, unlisted = gone, unlistedThen = unlisted }: Play) {
  const lists = [unlisted, unlistedThen];
  const asked: string[] = [];
  const reads: string[] = [];
  const mailbox = {
    async size() {
      asked.push('size');
      return messages;
    },
    async find(query: string, { among = IDS, ...options }: { among?: IdSet }) {
      asked.push(query);
      assert.deepEqual(options, { includeSpamTrash: true });
      return { windows: new Map(), loose: among.without(lists.shift() ?? NONE) };
    },
    async labelsOf(wanted: readonly string[]) {
      reads.push(...wanted);
      return new Map(wanted.filter((id) => !gone.has(id)).map((id) => [id, []]));
    },
  };
  const found = await findGone(ids, ['after:999940'], mailbox);
  return { found: found.list(), asked, reads };
}

describe('findGone', () => {
  it('asks nothing when there is nothing in question', async () => {
    assert.deepEqual(await look({ ids: NONE }), { found: [], asked: [], reads: [] });
  });

  it('reads each message where that costs no more than a list of the mailbox', async () => {
    const ids = IDS.slice(0, 30);
    const gone = IDS.slice(5, 9);
    // 30 messages of 20 units, and 120 pages of 5.
    for (const messages of [60_000, 59_501, 1_000_000]) {
      const { found, asked, reads } = await look({ ids, gone, messages });
      assert.deepEqual([found, asked, reads], [gone.list(), ['size'], ids.list()]);
    }
    for (const messages of [59_500, 30, 0]) {
      const { found, asked, reads } = await look({ ids, gone, messages });
      assert.deepEqual([found, asked, reads], [gone.list(), ['size', 'in:anywhere after:999940'], gone.list()]);
    }
  });

  it('reads nothing when the list shows them all', async () => {
    const { found, asked, reads } = await look({});
    assert.deepEqual([found, asked.length, reads], [[], 2, []]);
  });

  it('reads up to a hundred that the list lacks, and leaves out those that exist', async () => {
    const { found, reads } = await look({ unlisted: IDS.slice(0, 100), gone: IDS.slice(40, 60) });
    assert.deepEqual([found, reads.length], [IDS.slice(40, 60).list(), 100]);
  });

  it('takes more than that for gone when a few of them, from end to end, are', async () => {
    const gone = IDS.slice(100, 350);
    const { found, reads } = await look({ gone });
    assert.deepEqual([found, reads.length], [gone.list(), 10]);
    assert.ok(reads.some((id) => IDS.slice(100, 130).has(id)) && reads.some((id) => IDS.slice(320, 350).has(id)));
  });

  it('reads them all, each once, when one of these few exists', async () => {
    const unlisted = IDS.slice(0, 300);
    const gone = IDS.slice(1, 300);
    const { found, reads } = await look({ unlisted, gone });
    assert.deepEqual([found, reads.length, new Set(reads).size], [gone.list(), 300, 300]);
  });

  it('lists once more when so many are missing, since a list moves while others delete', async () => {
    const gone = IDS.slice(100, 350);
    const { found, asked, reads } = await look({ gone, unlisted: IDS.slice(60, 350), unlistedThen: gone });
    assert.deepEqual([found, asked.length, reads.length], [gone.list(), 3, 10]);
  });

  it('does not take for gone what the list lacks and nobody asked about', async () => {
    const { found, reads } = await look({ ids: IDS.slice(0, 200), gone: IDS.slice(190, 400) });
    assert.deepEqual([found, reads.length], [IDS.slice(190, 200).list(), 10]);
  });
});
