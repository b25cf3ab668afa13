import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Backfill } from '../../../lib/backfill/backfill.ts';
import { BACKFILL_OPTIONS, type BackfillValues } from '../../../lib/backfill/options.ts';
import { UsageError } from '../../../lib/errors.ts';
import { noProgress } from '../../../lib/screen/progress.ts';
import { recordLog } from '../../in-process.ts';

interface Settings {
  readonly from?: string;
  readonly to?: string;
  readonly yes?: boolean;
  readonly interactive?: boolean;
  readonly dryRun?: boolean;
  readonly timeZone?: string;
  readonly now?: string;
}

function backfill({ from, to, yes = true, interactive = false, dryRun = false, timeZone = 'UTC', now }: Settings) {
  const moment = (text: string | undefined) => (text === undefined ? undefined : BACKFILL_OPTIONS.from.parse(text));
  const values: BackfillValues = {
    from: moment(from),
    to: moment(to),
    window: undefined,
    oldestFirst: false,
    timeZone,
    yes,
  };
  return new Backfill({
    name: 'job',
    values,
    dryRun,
    person: { interactive, show: () => undefined, confirm: async () => true },
    progress: noProgress,
    log: recordLog().log,
    now: new Date(now ?? '2026-03-15T23:30:00Z'),
    confirm: async () => undefined,
  });
}

describe('a backfill', () => {
  it('needs a person to ask, --yes, or a dry run', () => {
    assert.throws(
      () => backfill({ from: '1y', yes: false }),
      (error) =>
        error instanceof UsageError && /nobody can answer here/.test(error.message) && /--yes/.test(error.remedy),
    );
    for (const settings of [{ interactive: true }, { yes: true }, { dryRun: true }]) {
      backfill({ from: '1y', yes: false, ...settings });
    }
  });

  for (const [words, settings, expected] of [
    ['job a --from 2015-01-01', { from: '2015-01-01' }, 'job a --from 2015-01-01'],
    ['job a --from 3y --yes', { from: '3y' }, 'job a --from 2023-03-15 --yes'],
    ['job a --from=3y --to=90d', { from: '3y', to: '90d' }, 'job a --from=2023-03-15 --to=2025-12-15'],
    ['job a --to 2w --from 1y', { from: '1y', to: '2w' }, 'job a --to 2026-03-01 --from 2025-03-15'],
    ['job a --to=18m --window month', { to: '18m' }, 'job a --to=2024-09-15 --window month'],
    ['job a --from 1d', { from: '1d', timeZone: 'Europe/Berlin' }, 'job a --from 2026-03-15'],
    ['job a --from 5y --from=1d', { from: '1d' }, 'job a --from 5y --from=2026-03-14'],
    ['job a --from=5y --from 1d', { from: '1d' }, 'job a --from=5y --from 2026-03-14'],
    ['job a --from 5y --from 1d', { from: '1d' }, 'job a --from 5y --from 2026-03-14'],
  ] as const) {
    it(`is continued with dates in place of ages: ${words}`, () => {
      assert.equal(backfill(settings).resume(words.split(' ')).join(' '), expected);
    });
  }
});
