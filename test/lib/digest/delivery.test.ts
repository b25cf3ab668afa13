import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Counts } from '../../../lib/base/tally.ts';
import { type Delivery, deliverOnce, identifyDigest } from '../../../lib/digest/delivery.ts';
import { lastPeriod } from '../../../lib/digest/period.ts';
import { RefusedError, UnavailableError } from '../../../lib/errors.ts';
import { DIGEST_LABEL } from '../../../lib/gmail/own-labels.ts';
import type { FaultKind } from '../../sandbox/faults.ts';
import type { RecordedRequest } from '../../sandbox/http.ts';
import { type Sandbox, startSandbox } from '../../sandbox/index.ts';
import { SandboxMailbox } from '../../sandbox/mailbox.ts';
import { EMAIL, openForDigest, silentLog } from './support.ts';

const PERIOD = lastPeriod('day', 'UTC', new Date('2026-11-23T06:00:00Z'));
/** The digests' label, the first label of the made-up mailbox. */
const MARK = { id: 'Label_1', name: DIGEST_LABEL };
const IDENTITY = identifyDigest(EMAIL, PERIOD, MARK);
const OTHER_CLAIMS = ['gmail-jobs/digest/week/UTC/2026-W46', 'gmail-jobs/digest/day/Etc/GMT-1/2026-11-20'];
const LAST_CLAIM = 'gmail-jobs/digest/day/UTC/2026-11-21';

/** By default with two claims of other digests, which no run may delete, and one of the day before. */
class World {
  /** The mailbox's clock, which advances when a run waits. */
  nowMs = Date.parse('2026-11-23T06:00:00Z');
  waitedMs = 0;
  composed = 0;
  readonly mailbox: SandboxMailbox;

  constructor({ searchLagMs = 0, claims = [...OTHER_CLAIMS, LAST_CLAIM] } = {}) {
    this.mailbox = new SandboxMailbox({
      email: EMAIL,
      labels: [DIGEST_LABEL, ...claims],
      searchLagMs,
      now: () => this.nowMs,
    });
  }

  /** One run; `onRequest` may kill it. */
  async run(sandbox: Sandbox, more: Partial<Delivery> = {}): Promise<Counts> {
    const { mailbox, tally, kill } = openForDigest(sandbox);
    this.kill = kill;
    const compose = async () => {
      this.composed += 1;
      return Buffer.from(`Message-ID: <${IDENTITY.messageId}>\r\nSubject: Digest\r\n\r\nHello.`);
    };
    const wait = async (ms: number) => {
      this.nowMs += ms;
      this.waitedMs += ms;
    };
    tally.matched(1);
    await deliverOnce({ mailbox, identity: IDENTITY, compose, wait, tally, log: silentLog, ...more });
    return tally.counts;
  }

  /** Ends the run that was started last. */
  kill = () => {};

  /** A mail as any sender can write it: with the digest's Message-ID and any other headers. */
  async plant(labels: readonly string[]): Promise<string> {
    const headers = [
      `From: Mail digest <${EMAIL}>`,
      `Message-ID: <${IDENTITY.messageId}>`,
      `X-Gmail-Labels: Inbox,${DIGEST_LABEL}`,
      `Subject: planted`,
    ];
    return (await this.mailbox.insert(`${headers.join('\r\n')}\r\n\r\nHello.`, labels, this.nowMs)).id;
  }

  /** The labels of each digest, and the names of all claims. */
  get state(): { digests: string[][]; claims: string[] } {
    const digests = this.mailbox.messages().filter(({ subject }) => subject === 'Digest');
    return {
      digests: digests.map(({ labelIds }) => [...labelIds].sort()),
      claims: this.mailbox
        .labels()
        .flatMap(({ name, type }) => (type === 'user' && name !== MARK.name ? [name] : []))
        .sort(),
    };
  }
}

const DELIVERED = { digests: [['INBOX', MARK.id, 'UNREAD']], claims: [...OTHER_CLAIMS, IDENTITY.claimName].sort() };
const CHANGED = { matched: 1, changed: 1, skipped: 0, failed: 0, remaining: 0 };
const SKIPPED = { matched: 1, changed: 0, skipped: 1, failed: 0, remaining: 0 };

const writes = (sandbox: Sandbox) =>
  sandbox.requests.filter(({ service, method }) => service === 'gmail' && method !== 'GET');

describe('deliverOnce', () => {
  it('inserts the digest unread into the inbox, hides its claim and deletes the claim of the period before', async () => {
    const world = new World();
    await using sandbox = await startSandbox({ mailbox: world.mailbox });
    assert.deepEqual(await world.run(sandbox), CHANGED);
    assert.deepEqual(world.state, DELIVERED);
    assert.equal(world.mailbox.findLabel(IDENTITY.claimName)?.labelListVisibility, 'labelHide');
    assert.equal(world.waitedMs, 0);
  });

  it('composes and writes nothing when the digest exists, even in Trash', async () => {
    const world = new World();
    await using sandbox = await startSandbox({ mailbox: world.mailbox });
    await world.run(sandbox);
    const [digest] = world.mailbox.messages();
    world.mailbox.modify([digest?.id ?? ''], ['TRASH'], ['INBOX']);
    const before = writes(sandbox).length;
    assert.deepEqual(await world.run(sandbox), SKIPPED);
    assert.equal(writes(sandbox).length, before);
    assert.equal(world.composed, 1);
  });

  for (const place of ['INBOX', 'SPAM', 'TRASH', 'SENT']) {
    it(`inserts the digest although a mail with its Message-ID was sent, in ${place}`, async () => {
      const world = new World();
      await using sandbox = await startSandbox({ mailbox: world.mailbox });
      const planted = await world.plant([place]);
      assert.deepEqual(await world.run(sandbox), CHANGED);
      assert.deepEqual(await world.run(sandbox), SKIPPED);
      assert.deepEqual(world.state, DELIVERED);
      assert.deepEqual([...(world.mailbox.get(planted)?.labelIds ?? [])], [place]);
    });
  }

  it('inserts it also when a run was killed before its insert, or the answer to the insert is lost', async () => {
    const world = new World({ claims: [...OTHER_CLAIMS, IDENTITY.claimName] });
    await using sandbox = await startSandbox({ mailbox: world.mailbox });
    await world.plant(['SPAM']);
    sandbox.faults.add({ service: 'gmail', verb: 'messages.insert', status: 503 });
    assert.deepEqual(await world.run(sandbox), CHANGED);
    assert.equal(insertsOf(sandbox).length, 2);
    assert.deepEqual(world.state, DELIVERED);
  });

  it('waits for a digest that searches do not find yet', async () => {
    const world = new World({ searchLagMs: 20_000 });
    await using sandbox = await startSandbox({ mailbox: world.mailbox });
    await world.run(sandbox);
    assert.deepEqual(await world.run(sandbox), SKIPPED);
    assert.deepEqual(world.state, DELIVERED);
    assert.equal(world.composed, 1);
  });

  it('takes a claim over that another run left behind half a minute ago', async () => {
    const world = new World({ claims: [...OTHER_CLAIMS, IDENTITY.claimName] });
    await using sandbox = await startSandbox({ mailbox: world.mailbox });
    assert.deepEqual(await world.run(sandbox), CHANGED);
    assert.deepEqual(world.state, DELIVERED);
    assert.equal(world.waitedMs, 30_000);
  });

  it('makes one digest when many runs start at once', async () => {
    const world = new World();
    await using sandbox = await startSandbox({ mailbox: world.mailbox });
    const counts = await Promise.all(Array.from({ length: 6 }, () => world.run(sandbox)));
    assert.deepEqual(world.state, DELIVERED);
    assert.equal(counts.filter(({ changed }) => changed === 1).length, 1);
    assert.equal(counts.filter(({ skipped }) => skipped === 1).length, 5);
  });

  it('makes one digest when many runs find the same abandoned claim', async () => {
    const world = new World({ claims: [...OTHER_CLAIMS, IDENTITY.claimName] });
    await using sandbox = await startSandbox({ mailbox: world.mailbox });
    await Promise.all(Array.from({ length: 6 }, () => world.run(sandbox)));
    assert.deepEqual(world.state, DELIVERED);
  });

  for (const moment of ['before', 'after'] as const) {
    it(`leaves one digest after a kill ${moment} any request, and one more run`, async () => {
      let requests = Number.POSITIVE_INFINITY;
      for (let killed = 0; killed < requests; killed += 1) {
        const world = new World();
        await using sandbox = await startSandbox({ mailbox: world.mailbox });
        sandbox.faults.add({
          service: 'gmail',
          skip: killed,
          kind: 'hook',
          [moment]: () => {
            world.kill();
            return 'drop';
          },
        });
        await assert.rejects(world.run(sandbox), /killed/);
        await world.run(sandbox);
        assert.deepEqual(world.state, DELIVERED, `killed ${moment} request ${killed}`);
        requests = Math.min(requests, 5);
      }
    });
  }

  const lost: [string, FaultKind][] = [
    ['the connection breaks after the insert', { kind: 'reset-after' }],
    ['the answer to the insert is cut off', { kind: 'truncate' }],
    ['the answer to the insert is broken', { kind: 'malformed' }],
  ];
  for (const [title, fault] of lost) {
    it(`finds the digest by its Message-ID when ${title}`, async () => {
      const world = new World({ searchLagMs: 10_000 });
      await using sandbox = await startSandbox({ mailbox: world.mailbox });
      sandbox.faults.add({ service: 'gmail', verb: 'messages.insert', ...fault });
      assert.deepEqual(await world.run(sandbox), CHANGED);
      assert.deepEqual(world.state, DELIVERED);
    });
  }

  it('inserts again when Gmail lost the first insert', async () => {
    const world = new World();
    await using sandbox = await startSandbox({ mailbox: world.mailbox });
    sandbox.faults.add({ service: 'gmail', verb: 'messages.insert', status: 503 });
    assert.deepEqual(await world.run(sandbox), CHANGED);
    assert.deepEqual(world.state, DELIVERED);
  });

  it('gives up after three lost inserts, with the digest remaining, and the next run makes it', async () => {
    const world = new World();
    await using sandbox = await startSandbox({ mailbox: world.mailbox });
    const fault = sandbox.faults.add({ service: 'gmail', verb: 'messages.insert', status: 503, times: 99 });
    await assert.rejects(world.run(sandbox), UnavailableError);
    assert.equal(fault.hits, 3);
    sandbox.faults.clear();
    assert.deepEqual(await world.run(sandbox), CHANGED);
    assert.deepEqual(world.state, DELIVERED);
  });

  it('counts a digest that Gmail refuses as failed', async () => {
    const world = new World();
    await using sandbox = await startSandbox({ mailbox: world.mailbox });
    sandbox.faults.add({ service: 'gmail', verb: 'messages.insert', status: 400, body: { error: { message: 'no' } } });
    const failed: number[] = [];
    const tally = { changed() {}, skipped() {}, failed: (count: number) => void failed.push(count) };
    await assert.rejects(world.run(sandbox, { tally }), RefusedError);
    assert.deepEqual(failed, [1]);
  });

  it('makes one digest when the answer to its own claim is lost', async () => {
    const world = new World();
    await using sandbox = await startSandbox({ mailbox: world.mailbox });
    sandbox.faults.add({ service: 'gmail', verb: 'labels.create', kind: 'reset-after' });
    assert.deepEqual(await world.run(sandbox), CHANGED);
    assert.deepEqual(world.state, DELIVERED);
  });

  it('goes on when the answer to deleting an old claim is lost', async () => {
    const world = new World({ claims: [...OTHER_CLAIMS, IDENTITY.claimName] });
    await using sandbox = await startSandbox({ mailbox: world.mailbox });
    sandbox.faults.add({ service: 'gmail', verb: 'labels.delete', kind: 'reset-after' });
    assert.deepEqual(await world.run(sandbox), CHANGED);
    assert.deepEqual(world.state, DELIVERED);
  });

  it('claims again instead of inserting late, and inserts nothing when another run was faster', async () => {
    const world = new World();
    await using sandbox = await startSandbox({ mailbox: world.mailbox });
    // The claim has expired when Gmail answers; another run takes it over and inserts.
    sandbox.faults.add({
      service: 'gmail',
      verb: 'labels.create',
      kind: 'hook',
      after: async () => {
        await world.run(sandbox);
      },
    });
    assert.deepEqual(await world.run(sandbox, { claimMs: 1 }), SKIPPED);
    assert.deepEqual(world.state, DELIVERED);
    assert.equal(insertsOf(sandbox).length, 1);
  });

  it('has another identity for another mailbox, period, time zone or mark', () => {
    const now = new Date('2026-11-23T06:00:00Z');
    const identities = [
      IDENTITY,
      identifyDigest('bob@example.com', PERIOD, MARK),
      identifyDigest(EMAIL, lastPeriod('week', 'UTC', now), MARK),
      identifyDigest(EMAIL, lastPeriod('day', 'Europe/Berlin', now), MARK),
      identifyDigest(EMAIL, PERIOD, { ...MARK, id: 'Label_2' }),
    ];
    assert.equal(new Set(identities.map(({ messageId }) => messageId)).size, identities.length);
    assert.equal(identifyDigest('Alice@Example.com', PERIOD, MARK).messageId, IDENTITY.messageId);
  });
});

function insertsOf(sandbox: Sandbox): RecordedRequest[] {
  return sandbox.requests.filter(({ verb }) => verb === 'messages.insert');
}
