/** Backfills from command line to final line, in the test's process: their changes, their log and their `resume`. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runHere, SentSignals } from '../fixtures/front-door.ts';
import { mailboxOf, many, type PlainMessage } from '../fixtures/mailbox.ts';
import { writesAmong } from '../fixtures/starring.ts';
import { changesSent, mailboxOfYears, RULES, stateOf, wordsOf } from '../fixtures/years.ts';
import { assertEnded, type Finished, type LogEvent } from '../run.ts';
import { GMAIL_SCOPES, googleErrors, type Sandbox, type SandboxOptions, startSandbox } from '../sandbox/index.ts';

const FROM = ['--from', '2015-01-01', '--yes'];

async function start(messages: readonly PlainMessage[] | null = null, options: SandboxOptions = {}) {
  const sandbox = await startSandbox({
    mailbox: messages === null ? mailboxOfYears() : mailboxOf(messages),
    ...options,
  });
  return { sandbox, before: stateOf(sandbox), [Symbol.asyncDispose]: () => sandbox.close() };
}

function apply(sandbox: Sandbox, args: readonly string[], options: Parameters<typeof runHere>[2] = {}) {
  return runHere(sandbox, ['apply-rules', ...args], { rules: RULES, ...options });
}

function eventsOf(run: Finished, name: string): LogEvent[] {
  return run.events.filter(({ event }) => event === name);
}

function forecastOf(run: Finished): LogEvent {
  const [forecast, ...more] = eventsOf(run, 'backfill.forecast');
  assert.ok(forecast, run.stdout);
  assert.deepEqual(more, []);
  return forecast;
}

function writes(sandbox: Sandbox, from = 0): string[] {
  return writesAmong(sandbox.requests.slice(from)).map(({ verb }) => verb);
}

const dateOf = (sandbox: Sandbox, id: string) => sandbox.mailbox.get(id)?.internalDateMs ?? 0;

/** The labels after a plain run. */
const plain = await (async () => {
  await using work = await start();
  assertEnded(await apply(work.sandbox, []), 0, { outcome: 'ok' });
  const dates = new Map(work.sandbox.mailbox.messages().map(({ id, internalDateMs }) => [id, internalDateMs]));
  return { before: work.before, after: stateOf(work.sandbox), dates };
})();

/** The labels after a plain run for messages in the range, and the labels before it for all others. */
function expectedState(fromMs: number, toMs: number): Record<string, string[]> {
  const { before, after, dates } = plain;
  const isIn = (dateMs = 0) => dateMs >= fromMs && dateMs < toMs;
  return Object.fromEntries(
    Object.entries(before).map(([id, labels]) => [id, isIn(dates.get(id)) ? (after[id] ?? []) : labels]),
  );
}

describe('a backfill', () => {
  it('changes the mail of its range as a plain run would, and then has nothing to do', async () => {
    await using work = await start();
    const { sandbox } = work;
    const range = ['--from', '2016-01-01', '--to', '2020-01-01', '--yes'];
    const run = await apply(sandbox, range);
    const final = assertEnded(run, 0, { outcome: 'ok', failed: 0, remaining: 0, resume: undefined });
    const expected = expectedState(Date.UTC(2016, 0), Date.UTC(2020, 0));
    assert.notDeepEqual(expected, work.before);
    assert.deepEqual(stateOf(sandbox), expected);
    const { messages, changes, range: named } = forecastOf(run);
    assert.deepEqual([messages, changes, named], [final.matched, final.changed, '2016-01-01 to 2020-01-01 (UTC)']);
    const already = sandbox.requests.length;
    const again = await apply(sandbox, range);
    assertEnded(again, 0, { outcome: 'nothing-to-do', changed: 0 });
    assert.deepEqual(writes(sandbox, already), []);
    assert.deepEqual(eventsOf(again, 'journal.written'), []);
  });

  for (const [zone, from, to, firstSecond, endSecond] of [
    ['Europe/Berlin', '2024-03-31', '2024-04-01', '2024-03-30T23:00:00Z', '2024-03-31T22:00:00Z'],
    ['Atlantic/Azores', '2024-10-27', '2024-10-28', '2024-10-27T00:00:00Z', '2024-10-28T01:00:00Z'],
    ['Pacific/Apia', '2011-12-31', '2012-01-01', '2011-12-30T10:00:00Z', '2011-12-31T10:00:00Z'],
  ] as const) {
    it(`begins with the first second of a day and ends before the first second of another: ${from} in ${zone}`, async () => {
      const second = (text: string, more: number) =>
        new Date(Date.parse(text) + more).toISOString().replace('.000', '');
      const inside = [firstSecond, second(endSecond, -1_000)];
      const mail = [second(firstSecond, -1_000), ...inside, endSecond].map((at) => ({ at })).reverse();
      for (const more of [[], ['--window', 'day']]) {
        await using work = await start(mail);
        const range = [`--from=${from}`, `--to=${to}`, `--time-zone=${zone}`, '--yes'];
        const rules = { rules: [{ name: 'star', query: 'subject:hit', actions: { star: true } }] };
        assertEnded(await apply(work.sandbox, [...range, ...more], { rules }), 0, { changed: 2 });
        const starred = Object.entries(stateOf(work.sandbox)).filter(([, labels]) => labels.includes('STARRED'));
        assert.deepEqual(
          starred.map(([id]) => new Date(dateOf(work.sandbox, id)).toISOString().replace('.000', '')).sort(),
          inside,
        );
      }
    });
  }

  it('spares the newest messages of all mail, not of each window', async () => {
    const mail = ['2020-05-01', '2019-05-01', '2019-04-01', '2018-05-01', '2018-04-01'].map((at) => ({ at }));
    await using work = await start(mail);
    const rules = { rules: [{ name: 'a', query: 'subject:hit', actions: { archive: true }, keepNewest: 2 }] };
    const run = await apply(work.sandbox, ['--from=2018-01-01', '--to=2020-01-01', '--window=year', '--yes'], {
      rules,
    });
    assertEnded(run, 0, { matched: 4, changed: 3, skipped: 1 });
    const kept = Object.entries(stateOf(work.sandbox)).filter(([, labels]) => labels.includes('INBOX'));
    assert.deepEqual(
      kept.map(([id]) => new Date(dateOf(work.sandbox, id)).getUTCFullYear()),
      [2020, 2019],
    );
  });

  it('works through the windows and logs each, the newest first or the oldest first', async () => {
    const months = ['2021-02', '2021-04', '2021-05', '2021-11', '2022-01'];
    const mail = months.flatMap((month) => [{ at: `${month}-03` }, { at: `${month}-20` }]).reverse();
    const rules = { rules: [{ name: 'a', query: 'subject:hit', actions: { archive: true } }] };
    for (const oldestFirst of [false, true]) {
      await using work = await start(mail);
      const args = ['--from=2021-01-01', '--to=2022-06-01', '--window=month', '--yes'];
      const run = await apply(work.sandbox, oldestFirst ? [...args, '--oldest-first'] : args, { rules });
      assertEnded(run, 0, { changed: 10 });
      assert.deepEqual([forecastOf(run).windows, forecastOf(run).windowUnit], [5, 'month']);
      const finished = eventsOf(run, 'window.finished');
      const expected = oldestFirst ? months : months.toReversed();
      assert.deepEqual(
        finished.map(({ window, messages, changed, windowsLeft }) => [window, messages, changed, windowsLeft]),
        expected.map((month, index) => [month, 2, 2, 4 - index]),
      );
      const order = changesSent(work.sandbox).map((change) => {
        const [id = ''] = change.split(' ');
        return new Date(dateOf(work.sandbox, id)).toISOString().slice(0, 7);
      });
      assert.deepEqual([...new Set(order)], expected);
    }
  });

  it('forecasts its quota units within 5%, whatever it does', async () => {
    for (const [rules, env] of [
      [RULES, {}],
      [{ ...RULES, undo: false }, {}],
      [RULES, { GMAIL_QUOTA_PROFILE: 'legacy' }],
      [{ rules: [{ name: 'a', query: 'in:anywhere', actions: { addLabels: ['X', 'Y'], star: true } }] }, {}],
    ] as const) {
      await using work = await start();
      const run = await apply(work.sandbox, FROM, { rules, env });
      const final = assertEnded(run, 0, { outcome: 'ok' });
      const { units, unitsSpent, requests } = forecastOf(run) as unknown as Record<string, number>;
      const spent = Number(final.quotaUnits);
      assert.ok(Math.abs(Number(units) - spent) <= 0.05 * spent, `${units} forecast, ${spent} spent`);
      assert.ok(Number(unitsSpent) < spent && Number(requests) < Number(final.requests));
      assert.equal(spent, work.sandbox.gmail.quota.totalUnits);
    }
  });

  it('stops after the forecast in a dry run, asks nobody and changes nothing', async () => {
    await using work = await start();
    const dry = await apply(work.sandbox, ['--from=2015-01-01', '--dry-run']);
    const { changes, messages } = forecastOf(dry);
    assertEnded(dry, 0, { outcome: 'ok', changed: 0, matched: messages, remaining: changes, resume: undefined });
    assert.deepEqual(writes(work.sandbox), []);
    assert.deepEqual(stateOf(work.sandbox), work.before);
    const live = await apply(work.sandbox, FROM);
    assert.equal(forecastOf(live).changes, changes);
    // A live run lists the labels again; after a question it searches for protected messages again.
    assert.ok(Math.abs(Number(forecastOf(live).units) + 5 - Number(forecastOf(dry).units)) <= 1);
  });

  it('exits 2 before any request when nobody can be asked, or the options are wrong', async () => {
    await using work = await start();
    for (const [args, message] of [
      [['--from=2015-01-01'], /nobody can answer here\n.*--yes.*--dry-run/],
      [['--from=2015-02-30', '--yes'], /--from: "2015-02-30" is neither a date nor an age/],
      [['--from=3y', '--window=decade', '--yes'], /--window: "decade" is not one of day, week, month, year/],
      [['--from=2020-01-01', '--to=2019-01-01', '--yes'], /nothing lies between/],
      [['--from=9999-01-01', '--yes'], /in the future/],
      [['--window=year'], /--window belongs to a backfill, and no dates are given/],
      [['--oldest-first', '--yes'], /--oldest-first belongs to a backfill/],
      [['--time-zone=Europe/Berlin'], /--time-zone belongs to a backfill/],
      [['--from=3y', '--yes', '--max-share=0'], /--max-share: "0" is not a percentage/],
      [['--from=3y', '--yes', '--time-zone=Mars'], /not a time zone/],
    ] as const) {
      const run = await apply(work.sandbox, args);
      assert.equal(run.code, 2, args.join(' '));
      assert.match(run.stderr, message);
    }
    assert.equal((await runHere(work.sandbox, ['digest', '--from=2015-01-01'])).code, 2, 'not every job can');
    assert.deepEqual(work.sandbox.requests, []);
  });

  it('has a budget until the daily restart of dynos when it was started by hand on Heroku', async () => {
    await using work = await start([]);
    const run = await apply(work.sandbox, FROM, { env: { DYNO: 'run.4711' } });
    assertEnded(run, 0, { outcome: 'nothing-to-do' });
    assert.equal(forecastOf(run).budgetMs, 23.5 * 3_600_000);
    assert.equal(forecastOf(await apply(work.sandbox, FROM, { env: { DYNO: 'scheduler.1' } })).budgetMs, 3_000_000);
  });
});

describe('the guards of a backfill', () => {
  it('end it with 65 before its first change, and name the limit to raise', async () => {
    await using work = await start(many(1_100, { at: '2020-05-05' }));
    const { sandbox } = work;
    const star = { name: 'star', query: 'subject:hit', actions: { star: true } };
    const few = { name: 'few', query: 'subject:nothing', actions: { addLabels: ['New'] } };
    for (const [rules, args, message] of [
      [
        { rules: [star], maxChanges: 1_000, maxShare: '100%' },
        [],
        /1,100 messages .* but the limit is 1,000: nothing was changed.*rules\.yaml \(it is 1,000\).*--max-changes/,
      ],
      [
        { rules: [few, { ...star, maxChanges: 7 }], maxShare: '100%' },
        [],
        /rule star would change 1,100 messages, but the limit is 7:.*of the rule star in .*rules\.yaml/,
      ],
      [
        { rules: [few, star] },
        [],
        /rule star would change 1,100 messages, but the limit is 550 \(50% of the 1,100 in the mailbox\).*maxShare in .*\(it is 50%\).*--max-share/,
      ],
      [{ rules: [star], maxShare: '99.9%' }, [], /the limit is 1,098 \(99\.9%/],
      [{ rules: [star] }, ['--max-share=20%'], /the limit is 220 \(20%/],
      [{ rules: [star] }, ['--max-share=20%', '--dry-run'], /the limit is 220 \(20%/],
    ] as const) {
      const run = await apply(sandbox, [...FROM, ...args], { rules });
      const final = assertEnded(run, 65, { outcome: 'failed', matched: 1_100, changed: 0, remaining: 1_100 });
      assert.match(`${final.error} ${final.remedy}`, message);
      assert.equal(forecastOf(run).changes, 1_100, 'the forecast comes first');
    }
    assert.deepEqual(writes(sandbox), []);
    assertEnded(await apply(sandbox, [...FROM, '--max-share', '100%'], { rules: { rules: [star] } }), 0, {
      changed: 1_100,
    });
    // Outside a backfill --max-share counts, but not the rules file's maxShare.
    const unstar = { name: 'unstar', query: 'subject:hit', actions: { unstar: true } };
    sandbox.faults.add({ verb: 'users.getProfile', status: 200, body: { emailAddress: 'alice@example.com' } });
    const unknown = await apply(sandbox, ['--max-share=20%'], { rules: { rules: [unstar] } });
    assert.match(String(assertEnded(unknown, 75, { changed: 0 }).error), /did not say how many messages/);
    const typed = await apply(sandbox, ['--max-share=20%'], { rules: { rules: [unstar] } });
    assert.match(String(assertEnded(typed, 65, { changed: 0 }).error), /the limit is 220 \(20% of the/);
    assertEnded(await apply(sandbox, [], { rules: { rules: [unstar], maxShare: '1%' } }), 0, { changed: 1_100 });
    // --max-share counts in a small mailbox too.
    await using small = await startSandbox({ mailbox: mailboxOf(many(900, {})) });
    for (const args of [[], FROM]) {
      const stopped = await apply(small, ['--max-share=1%', ...args], { rules: { rules: [star] } });
      assert.match(String(assertEnded(stopped, 65, { changed: 0 }).error), /the limit is 9 \(1% of the 900 in/);
    }
  });
});

describe('the question of a backfill', () => {
  it('is asked once, below the forecast, and only yes starts the changes', async () => {
    await using work = await start();
    const { sandbox } = work;
    for (const answer of ['n', '', 'yup', null]) {
      const run = await apply(sandbox, ['--from', '3000d', '--to=1d'], { answers: [answer] });
      const { resume, remaining } = assertEnded(run, 0, { outcome: 'partial', changed: 0 });
      assert.ok(Number(remaining) > 0);
      assert.match(String(resume), /^bin\/job apply-rules --from \d{4}-\d\d-\d\d --to=\d{4}-\d\d-\d\d$/);
      assert.deepEqual(run.questions, ['  Go on? [y/N] ']);
      assert.match(run.stdout, /Forecast[\s\S]*old-mail[\s\S]*to change|to change[\s\S]*old-mail/);
    }
    assert.deepEqual(writes(sandbox), []);
    const yes = await apply(sandbox, ['--from=2015-01-01'], { answers: ['y', 'y'] });
    assertEnded(yes, 0, { outcome: 'ok', remaining: 0 });
    assert.equal(yes.questions.length, 1);
    const none = await apply(sandbox, ['--from=2015-01-01'], { answers: [] });
    assertEnded(none, 0, { outcome: 'nothing-to-do' });
    assert.deepEqual(none.questions, [], 'nothing to do is nothing to ask');
  });
});

describe('a backfill that is stopped', () => {
  for (const [verb, skip, code] of [
    ['messages.list', 1, 143],
    ['labels.create', 0, 143],
    ['messages.insert', 0, 143],
    ['messages.batchModify', 0, 143],
    // The journal is marked complete after the last change.
    ['messages.modify', 0, 0],
  ] as const) {
    it(`by SIGTERM at request ${skip + 1} of ${verb} is finished by its \`resume\`, and changes nothing twice`, async () => {
      await using work = await start();
      const { sandbox } = work;
      const signals = new SentSignals();
      const met = sandbox.faults.add({ kind: 'hook', verb, skip, before: () => signals.send('SIGTERM') });
      const run = await apply(sandbox, ['--from', '40y', '--yes'], { signals });
      const final = assertEnded(run, code, { outcome: code === 0 ? 'ok' : 'interrupted' });
      assert.equal(met.hits, 1);
      if (code === 0) {
        assert.deepEqual([final.resume, final.remaining], [undefined, 0]);
      } else {
        if (verb !== 'messages.list') assert.ok(Number(final.remaining) > 0);
        assert.match(String(final.resume), /^bin\/job apply-rules --from \d{4}-\d\d-\d\d --yes$/);
        assertEnded(await runHere(sandbox, wordsOf(final.resume), { rules: RULES }), 0, {
          outcome: 'ok',
          remaining: 0,
        });
      }
      assert.deepEqual(stateOf(sandbox), expectedState(0, Number.POSITIVE_INFINITY));
      const sent = changesSent(sandbox);
      assert.equal(new Set(sent).size, sent.length, 'nothing is done twice');
    });
  }

  it('by its budget is partial, and ok when its command is repeated', async () => {
    const mail = ['2016', '2018', '2020'].flatMap((year) => many(3, { at: `${year}-05-05` }));
    await using work = await start(mail.reverse());
    const actions = [{ archive: true }, { star: true }, { markImportant: true }];
    const rules = {
      rules: actions.map((action, index) => ({ name: `r${index}`, query: 'subject:hit', actions: action })),
    };
    const isChange = { verb: 'messages.batchModify', kind: 'slow', delayMs: 2_100 } as const;
    work.sandbox.faults.add({ ...isChange, times: 2 });
    let words = ['apply-rules', '--from', '40y', '--yes', '--budget=2s'];
    const changed: unknown[] = [];
    for (;;) {
      const run = await runHere(work.sandbox, words, { rules });
      changed.push(run.final?.changed);
      if (run.final?.resume === undefined) {
        assertEnded(run, 0, { outcome: 'ok', remaining: 0 });
        break;
      }
      words = wordsOf(assertEnded(run, 0, { outcome: 'partial' }).resume);
    }
    assert.deepEqual(changed, [9, 9, 9]);
    const sent = changesSent(work.sandbox);
    assert.deepEqual([sent.length, new Set(sent).size], [27, 27]);
    assert.ok(Object.values(stateOf(work.sandbox)).every((labels) => `${labels}` === 'IMPORTANT,STARRED'));
  });

  it('by the daily quota has a `resume` too, since no scheduled run continues a backfill', async () => {
    await using work = await start();
    const spent = work.sandbox.faults.add({ verb: 'messages.batchModify', skip: 1, ...googleErrors.dailyLimit() });
    const run = await apply(work.sandbox, ['--from', '40y', '--yes', '--budget=1h']);
    const { resume } = assertEnded(run, 75, { outcome: 'failed' });
    assert.equal(spent.hits, 1);
    assertEnded(await runHere(work.sandbox, wordsOf(resume), { rules: RULES }), 0, { outcome: 'ok', remaining: 0 });
    assert.deepEqual(stateOf(work.sandbox), expectedState(0, Number.POSITIVE_INFINITY));
  });

  it('goes on with a new access token from the rotated secret', async () => {
    await using work = await start();
    const { sandbox } = work;
    let version = '';
    const rotate = () => {
      const { client_id: clientId, email, refresh_token } = sandbox.secretValue;
      const { refreshToken } = sandbox.oauth.grant({ clientId, email, scopes: [GMAIL_SCOPES.modify] });
      version = sandbox.secrets.put({ ...sandbox.secretValue, refresh_token: refreshToken });
      // Access tokens of the old refresh token are refused too.
      sandbox.oauth.revoke(refresh_token);
    };
    sandbox.faults.add({ kind: 'hook', verb: 'messages.insert', after: rotate });
    const run = await apply(sandbox, FROM);
    assertEnded(run, 0, { outcome: 'ok', secretVersion: version });
    assert.equal(eventsOf(run, 'token.issued').length, 2);
    const sent = changesSent(sandbox);
    assert.equal(new Set(sent).size, sent.length);
    assert.deepEqual(stateOf(sandbox), expectedState(Date.UTC(2015, 0), Number.POSITIVE_INFINITY));
  });

  it('leads to the same mailbox when it is started twice at once', async () => {
    await using work = await start(null, { latencyMs: 5 });
    const runs = await Promise.all([apply(work.sandbox, FROM), apply(work.sandbox, FROM)]);
    for (const run of runs) assertEnded(run, 0, { failed: 0, remaining: 0 });
    assert.deepEqual(stateOf(work.sandbox), expectedState(Date.UTC(2015, 0), Number.POSITIVE_INFINITY));
  });
});

describe('a backfill of a job that gets messages', () => {
  const YEARS = ['2023', '2022', '2020', '2019'];
  const mail = YEARS.flatMap((year) => ['11', '07', '02'].map((month) => ({ at: `${year}-${month}-05T09:00Z` })));
  const run = (sandbox: Sandbox, args: readonly string[], options: Parameters<typeof runHere>[2] = {}) =>
    runHere(sandbox, ['exporting', ...args], { jobs: 'fixtures', ...options });
  const idsOf = (of: Finished) => eventsOf(of, 'export.read').map(({ id }) => String(id));
  const yearsOf = (sandbox: Sandbox, of: Finished) =>
    idsOf(of).map((id) => String(new Date(dateOf(sandbox, id)).getUTCFullYear()));

  it('hands them over window by window, and forecasts exactly what that costs', async () => {
    await using work = await start([...mail, { at: '2021-05-05', subject: 'miss' }, { at: '2018-01-01' }]);
    const words = ['--from=2019-01-01', '--window=year', '--yes'];
    const done = await run(work.sandbox, words);
    const final = assertEnded(done, 0, { outcome: 'ok', matched: 12, changed: 12 });
    assert.deepEqual(
      yearsOf(work.sandbox, done),
      YEARS.flatMap((year) => [year, year, year]),
    );
    assert.deepEqual(
      idsOf(done),
      work.sandbox.mailbox.search('subject:hit after:2019/01/01').map(({ id }) => id),
    );
    assert.deepEqual(
      eventsOf(done, 'window.finished').map(({ window, messages, changed, windowsLeft }) => [
        window,
        messages,
        changed,
        windowsLeft,
      ]),
      YEARS.map((year, at) => [year, 3, 3, 3 - at]),
    );
    const { units, unitsSpent, requests, messages, windows, rules } = forecastOf(done);
    assert.deepEqual([Number(units) - Number(unitsSpent), requests, messages, windows], [305, 25, 12, 4]);
    assert.deepEqual(rules, [{ name: 'exporting', matched: 12, skipped: 0, toChange: 0, atMost: null }]);
    assert.equal(final.quotaUnits, units);
    const again = await run(work.sandbox, words);
    assertEnded(again, 0, { outcome: 'nothing-to-do', matched: 0 });
    assert.deepEqual(idsOf(again), []);
  });

  it('begins with the oldest when it is told to, and gives an option that the job also declares to both', async () => {
    await using work = await start(mail);
    const oldest = await run(work.sandbox, ['--from=2019-01-01', '--window=year', '--yes', '--oldest-first']);
    assert.deepEqual(
      yearsOf(work.sandbox, oldest),
      YEARS.toReversed().flatMap((year) => [year, year, year]),
    );
    assert.equal(eventsOf(oldest, 'export.read')[0]?.timeZone, 'UTC');
    await using other = await start([{ at: '2023-11-05T22:30Z' }, { at: '2023-11-05T23:30Z' }].reverse());
    const berlin = await run(other.sandbox, [
      '--from=2023-11-05',
      '--to=2023-11-06',
      '--time-zone=Europe/Berlin',
      '--yes',
    ]);
    assertEnded(berlin, 0, { changed: 1 });
    assert.equal(eventsOf(berlin, 'export.read')[0]?.timeZone, 'Europe/Berlin');
  });

  it('hands nothing over in a dry run, and says what it would cost', async () => {
    await using work = await start(mail);
    const dry = await run(work.sandbox, ['--from=2022-01-01', '--dry-run']);
    assertEnded(dry, 0, { outcome: 'ok', matched: 6, remaining: 6 });
    assert.deepEqual(idsOf(dry), []);
    assert.deepEqual(writes(work.sandbox), []);
    assert.equal(eventsOf(dry, 'message.planned')[0]?.units, 6 * 25 + 5);
    assert.equal(forecastOf(dry).messages, 6);
  });

  it('is continued by its command, without the messages that are done', async () => {
    await using work = await start(mail);
    const signals = new SentSignals();
    let reads = 0;
    const stop = () => {
      reads += 1;
      if (reads === 8) signals.send('SIGTERM');
    };
    work.sandbox.faults.add({ kind: 'hook', verb: 'messages.get', after: stop, times: 20 });
    const first = await run(work.sandbox, ['--from', '40y', '--window=year', '--yes'], { signals });
    const final = assertEnded(first, 143, { outcome: 'interrupted' });
    assert.equal(Number(final.changed), idsOf(first).length);
    assert.match(String(final.resume), /job exporting --from \d{4}-\d\d-\d\d --window=year --yes$/);
    const rest = await runHere(work.sandbox, wordsOf(final.resume), { jobs: 'fixtures' });
    assertEnded(rest, 0, { outcome: 'ok', remaining: 0 });
    const all = [...idsOf(first), ...idsOf(rest)];
    assert.deepEqual(all.sort(), Object.keys(work.before).sort());
  });

  it('asks once, also when the job changes something for each message', async () => {
    await using work = await start(mail);
    const asked = await run(work.sandbox, ['--from=2019-01-01', '--window=year', '--mark'], { answers: ['y'] });
    assertEnded(asked, 0, { outcome: 'ok' });
    assert.equal(asked.questions.length, 1);
    assert.match(asked.stdout, /found {3}to read\n {4}exporting +12 +12/);
    assert.equal(eventsOf(asked, 'window.finished').length, 4);
    assert.ok(Object.values(stateOf(work.sandbox)).every((labels) => labels.includes('STARRED')));
  });
});
