import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findGone } from '../../../lib/gmail/gone.ts';
import { IdSet } from '../../../lib/gmail/ids.ts';

const IDS = IdSet.of(Array.from({ length: 400 }, (_, index) => (0x18c0_0000_0000 + index).toString(16)));

const NONE = IdSet.empty;

interface Play {
  readonly ids?: IdSet;
  /** How many messages the mailbox has. */
  readonly messages?: number;
  readonly gone?: IdSet;
  /** Messages that the first and the second listing lack; `gone` by default. */
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
      return { windows: new Map(), unplaced: among.without(lists.shift() ?? NONE) };
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
  it('sends no request without ids', async () => {
    assert.deepEqual(await look({ ids: NONE }), { found: [], asked: [], reads: [] });
  });

  it('reads each message when that costs no more than listing the mailbox', async () => {
    const ids = IDS.slice(0, 30);
    const gone = IDS.slice(5, 9);
    // 30 messages at 20 units, or 120 pages at 5 units.
    for (const messages of [60_000, 59_501, 1_000_000]) {
      const { found, asked, reads } = await look({ ids, gone, messages });
      assert.deepEqual([found, asked, reads], [gone.list(), ['size'], ids.list()]);
    }
    for (const messages of [59_500, 30, 0]) {
      const { found, asked, reads } = await look({ ids, gone, messages });
      assert.deepEqual([found, asked, reads], [gone.list(), ['size', 'in:anywhere after:999940'], gone.list()]);
    }
  });

  it('reads no message when the listing shows them all', async () => {
    const { found, asked, reads } = await look({});
    assert.deepEqual([found, asked.length, reads], [[], 2, []]);
  });

  it('reads up to 100 messages that the listing lacks, and leaves out existing ones', async () => {
    const { found, reads } = await look({ unlisted: IDS.slice(0, 100), gone: IDS.slice(40, 60) });
    assert.deepEqual([found, reads.length], [IDS.slice(40, 60).list(), 100]);
  });

  it('takes more than 100 missing messages for deleted when all of a sample are', async () => {
    const gone = IDS.slice(100, 350);
    const { found, reads } = await look({ gone });
    assert.deepEqual([found, reads.length], [gone.list(), 10]);
    assert.ok(reads.some((id) => IDS.slice(100, 130).has(id)) && reads.some((id) => IDS.slice(320, 350).has(id)));
  });

  it('reads all missing messages, each once, when one of the sample exists', async () => {
    const unlisted = IDS.slice(0, 300);
    const gone = IDS.slice(1, 300);
    const { found, reads } = await look({ unlisted, gone });
    assert.deepEqual([found, reads.length, new Set(reads).size], [gone.list(), 300, 300]);
  });

  it('lists the mailbox again when many are missing, since deletions move messages between pages', async () => {
    const gone = IDS.slice(100, 350);
    const { found, asked, reads } = await look({ gone, unlisted: IDS.slice(60, 350), unlistedThen: gone });
    assert.deepEqual([found, asked.length, reads.length], [gone.list(), 3, 10]);
  });

  it('returns none but the ids that it was asked about', async () => {
    const { found, reads } = await look({ ids: IDS.slice(0, 200), gone: IDS.slice(190, 400) });
    assert.deepEqual([found, reads.length], [IDS.slice(190, 200).list(), 10]);
  });
});
