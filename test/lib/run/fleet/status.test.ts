/** The table of `job fleet --status`; test/runs/fleet-status.test.ts has the database. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import type { FleetStatus, MailboxStatus, StatusRequest } from '../../../../lib/run/fleet/queue.ts';
import { printStatus } from '../../../../lib/run/fleet/status.ts';
import { silentTerminal } from '../../../../lib/screen/terminal.ts';

const now = new Date(2026, 10, 27, 15, 0);

function ended(mailbox: string, minutesAgo: number, more: Partial<MailboxStatus> = {}): MailboxStatus {
  return {
    ...{ mailbox, job: 'apply-rules', period: '2026-11-27T14:00:00.000Z', outcome: 'ok', exitCode: 0 },
    ...{ endedAt: new Date(now.getTime() - minutesAgo * 60_000).toISOString(), error: null, remedy: null },
    ...more,
  };
}

const REVOKED = {
  outcome: 'failed',
  exitCode: 77,
  error: 'the refresh token was revoked',
  remedy: 'Authorize.',
} as const;

function shown(status: FleetStatus | undefined, { json = false, ...request }: StatusRequest & { json?: boolean } = {}) {
  const lines: string[] = [];
  const print = (text = '') => lines.push(...stripVTControlCharacters(text).split('\n'));
  printStatus(status, request, { json, now, terminal: { ...silentTerminal, print, printExactly: print } });
  return lines;
}

describe('the table of --status', () => {
  it('has the failed mailboxes, then the others from the oldest end to the newest, then sums', () => {
    const ends = [
      ended('ann', 2),
      ended('bob', 61, { ...REVOKED, remedy: null }),
      ended('cem', 60 * 25, { outcome: 'nothing-to-do' }),
      ended('dan', 62, { ...REVOKED, exitCode: 75 }),
      ended('eve', 0, { outcome: 'interrupted', exitCode: 143 }),
      ended('fay', 30, { ...REVOKED, remedy: null }),
    ];
    assert.deepEqual(shown({ ends, open: [{ job: 'apply-rules', waiting: 1_200, active: 3 }] }), [
      'mailbox  outcome            ended',
      'dan      failed (75)        Nov 27 13:58, 1 hour ago',
      '    the refresh token was revoked',
      '    Authorize.',
      'bob      failed (77)        Nov 27 13:59, 1 hour ago',
      '    the refresh token was revoked',
      'fay      failed (77)        Nov 27 14:30, 30 minutes ago',
      '    (the same error as bob)',
      '',
      'cem      nothing-to-do      Nov 26 14:00, 1 day ago',
      'ann      ok                 Nov 27 14:58, 2 minutes ago',
      'eve      interrupted (143)  Nov 27 15:00, less than a minute ago',
      '',
      'Correct the causes. The job runs again in these mailboxes in the next period; `job fleet --retry apply-rules` runs it now in those that failed in this period.',
      '',
      'apply-rules in 6 mailboxes: 3 failed (2 with 77, 1 with 75), 1 ok, 1 nothing-to-do, 1 interrupted; now 1,200 waiting, 3 in work.',
    ]);
  });

  it('names the job in each row, and sums up each job, when there are several', () => {
    const digest = { job: 'digest' } as const;
    const lines = shown({
      ends: [ended('ann', 2, REVOKED), ended('ann', 1, { ...digest, ...REVOKED })],
      open: [{ job: 'undo', waiting: 2, active: 0 }],
    });
    assert.match(lines[0] ?? '', /^mailbox +job +outcome +ended$/);
    assert.match(lines[1] ?? '', /^ann +apply-rules +failed/);
    assert.ok(lines.some((line) => line.includes('`job fleet --retry <job>`')));
    assert.deepEqual(lines.slice(-3), [
      'apply-rules in 1 mailbox: 1 failed (1 with 77).',
      'digest in 1 mailbox: 1 failed (1 with 77).',
      'undo: no mailbox has ended yet; now 2 waiting, 0 in work.',
    ]);
  });

  it('shows the 20 oldest of thousands that failed and of the others, and counts the rest', () => {
    const ends = Array.from({ length: 5_000 }, (_, index) => ended(`m${index}`, index, index % 2 === 0 ? {} : REVOKED));
    const lines = shown({ ends, open: [] });
    const rows = lines.filter((line) => /^m\d/.test(line)).map((line) => line.split(' ')[0]);
    const oldest = (last: number) => Array.from({ length: 20 }, (_, index) => `m${last - 2 * index}`);
    assert.deepEqual(rows, [...oldest(4_999), ...oldest(4_998)]);
    assert.ok(lines.includes('… and 2,480 more that failed; --json prints all.'));
    assert.ok(lines.includes('… and 2,480 more that ended later; --json prints all.'));
    assert.ok(lines.length < 80, `${lines.length} lines`);
    assert.equal(shown({ ends, open: [] }, { json: true }).length, 5_000);
  });

  it('says when nothing is recorded', () => {
    const empty: FleetStatus = { ends: [], open: [] };
    assert.deepEqual(shown(empty), ['No run is recorded.']);
    assert.deepEqual(shown(empty, { job: 'digest' }), ['No run of digest is recorded.']);
    assert.deepEqual(shown({ ...empty, ends: [ended('ann', 1)] }, { mailboxes: ['ann', 'anm'] }).slice(3), [
      'No run has ended in anm. Names are those of the log; `job fleet --list` prints them.',
      'apply-rules in 1 mailbox: 1 ok.',
    ]);
    assert.deepEqual(shown(empty, { json: true }), []);
  });
});
