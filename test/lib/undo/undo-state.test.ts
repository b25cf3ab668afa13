import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { UnavailableError } from '../../../lib/errors.ts';
import type { HistoryChanges } from '../../../lib/gmail/history.ts';
import { IdSet } from '../../../lib/gmail/ids.ts';
import { LabelDirectory } from '../../../lib/gmail/labels.ts';
import type { LabelStep } from '../../../lib/gmail/mailbox-labels.ts';
import { RunModel } from '../../../lib/undo/undo-model.ts';
import { planFromState } from '../../../lib/undo/undo-state.ts';

const IDS = IdSet.of(Array.from({ length: 400 }, (_, index) => (0x18c0_0000_0000 + index).toString(16)));
const MINUTE = 60_000;

const ARCHIVED = { id: 'INBOX', name: 'INBOX', add: false };
const LABELLED = { id: 'Label_1', name: 'Old name', add: true };

/**
 * A run that archived and labelled all messages, or made other `steps`; `shown` says what searches find, as a function of
 * how often they were waited for.
 */
function play(
  shown: (look: number) => { inbox: IdSet; labelled: IdSet },
  truth: { inbox: IdSet; gone?: IdSet; inMailbox?: number; happened?: HistoryChanges },
  steps: readonly LabelStep[] = [ARCHIVED, LABELLED],
) {
  const entries = [{ rule: 'archive', steps, ids: IDS, changes: steps.map(() => null) }];
  const range = { fromS: 1_000_000, toS: 2_000_000 };
  const model = new RunModel({ entries, completed: true, exists: () => true });
  const queries: string[] = [];
  const waits: number[] = [];
  const reads: string[] = [];
  const labels = new LabelDirectory([{ id: 'Label_1', name: 'New name' }]);
  const mailbox = {
    async find(query: string) {
      queries.push(query);
      const now = shown(waits.length);
      if (query.startsWith('in:anywhere'))
        return { windows: new Map(), unplaced: IDS.without(truth.gone ?? IdSet.empty) };
      const isInbox = query.startsWith('in:inbox');
      const unplaced = isInbox ? now.inbox : query.startsWith('label:"New name"') ? now.labelled : IdSet.empty;
      return { windows: new Map(), unplaced };
    },
    async size() {
      return truth.inMailbox ?? IDS.size;
    },
    async history(since: string, among: IdSet) {
      assert.deepEqual([since, among.size], ['4711', IDS.size]);
      return truth.happened ?? null;
    },
    async labelsOf(ids: readonly string[]) {
      reads.push(...ids);
      const left = ids.filter((id) => truth.gone?.has(id) !== true);
      return new Map(left.map((id) => [id, truth.inbox.has(id) ? ['INBOX', 'Label_1'] : ['Label_1']]));
    },
  };
  const told: number[] = [];
  const wait = async (ms: number) => {
    waits.push(ms);
  };
  const known = { model, ranges: [range], historyId: '4711', labels };
  const plan = (ageMs: number) => planFromState({ ...known, mailbox, ageMs, wait, onWait: (ms) => told.push(ms) });
  return { plan, queries, waits, reads, told };
}

const done = { inbox: IdSet.empty, labelled: IDS };
const notYet = { inbox: IDS, labelled: IdSet.empty };

describe('planFromState', () => {
  it('reads no message when the searches show all messages as the run left them', async () => {
    const { plan, queries, reads, waits } = play(() => done, { inbox: IdSet.empty });
    const { groups, differing } = await plan(MINUTE);
    assert.deepEqual([groups[0]?.ids.size, differing.size, reads.length, waits.length], [400, 0, 0, 0]);
    assert.deepEqual(queries.sort(), [
      'in:inbox after:999940 before:2000060',
      'in:spam after:999940 before:2000060',
      'in:trash after:999940 before:2000060',
      'label:"New name" after:999940 before:2000060',
    ]);
  });

  it('reads up to 100 messages that searches show as changed, and leaves out deleted ones', async () => {
    const doubtful = IDS.slice(0, 100);
    const truth = { inbox: IDS.slice(0, 10), gone: IDS.slice(10, 15) };
    const { plan, reads, waits } = play(() => ({ inbox: doubtful, labelled: IDS }), truth);
    const { groups, differing } = await plan(MINUTE);
    assert.deepEqual([groups[0]?.ids.size, differing.size, reads.length, waits.length], [385, 15, 100, 0]);
  });

  it('checks that messages exist which no search shows, unless it has read them', async () => {
    const shown = { inbox: IDS.slice(0, 100), labelled: IdSet.empty };
    const inbox = IDS.slice(0, 10);
    const gone = IDS.slice(95, 120);
    for (const [inMailbox, lists, readThen] of [
      [400, ['in:anywhere after:999940 before:2000060'], 20],
      [1_000_000, [], 300],
    ] as const) {
      const { plan, reads, queries } = play(() => shown, { inbox, gone, inMailbox }, [ARCHIVED]);
      const { groups, differing } = await plan(MINUTE);
      assert.deepEqual([groups[0]?.ids.size, differing.list()], [365, IdSet.union([inbox, gone]).list()]);
      assert.deepEqual([queries.slice(3), reads.length, new Set(reads).size], [lists, 100 + readThen, 100 + readThen]);
    }
  });

  it('takes changes from the history that searches do not show yet', async () => {
    const inbox = IDS.slice(0, 60);
    const gone = IDS.slice(395, 400);
    const happened = {
      labels: new Map([
        ['INBOX', new Map([...inbox.list().map((id) => [id, true] as const), [IDS.at(60), false]])],
        ['STARRED', new Map(IDS.list().map((id) => [id, true] as const))],
      ]),
      deleted: new Set(gone.list()),
    };
    const { plan, reads, waits } = play(() => ({ inbox: IDS.slice(60, 61), labelled: IDS }), { inbox, gone, happened });
    const { groups, differing } = await plan(MINUTE);
    assert.deepEqual(differing.list(), IdSet.union([inbox, gone]).list());
    assert.deepEqual([groups[0]?.ids.size, reads.length, waits.length], [335, 60, 0]);
  });

  it('waits until the searches show what the run changed', async () => {
    const { plan, waits, reads, told } = play((look) => (look < 4 ? notYet : done), { inbox: IdSet.empty });
    const { groups, differing } = await plan(MINUTE);
    assert.deepEqual([groups[0]?.ids.size, differing.size, waits.length, told], [400, 0, 4, [60_000]]);
    assert.ok(reads.length <= 40);
  });

  it('accepts changes that its sample confirms: at once after an old run, after 20 steady seconds for a recent run', async () => {
    const shown = { inbox: IDS.slice(0, 300), labelled: IDS };
    for (const [ageMs, times] of [
      [MINUTE, 4],
      [120 * MINUTE, 0],
    ] as const) {
      const { plan, waits } = play(() => shown, shown);
      const { groups, differing } = await plan(ageMs);
      assert.deepEqual([groups[0]?.ids.size, differing.size, waits.length], [100, 300, times]);
    }
  });

  it('keeps waiting while fewer and fewer messages differ', async () => {
    const truth = { inbox: IDS.slice(0, 300), labelled: IDS };
    // The last five messages are stale and not in the sample.
    const stale = { inbox: IDS.slice(0, 305), labelled: IDS };
    const { plan, waits } = play((look) => (look < 4 ? stale : truth), truth);
    const { groups, differing } = await plan(MINUTE);
    assert.deepEqual([groups[0]?.ids.size, differing.size, waits.length], [100, 300, 8]);
  });

  it('exits after a minute of stale searches rather than skip messages that it could restore', async () => {
    const { plan, waits } = play(() => notYet, { inbox: IdSet.empty });
    await assert.rejects(plan(MINUTE), (error) => error instanceof UnavailableError && /again/.test(error.remedy));
    assert.equal(
      waits.reduce((sum, ms) => sum + ms, 0),
      60_000,
    );
  });
});
