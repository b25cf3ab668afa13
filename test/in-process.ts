/** The program's client and mailbox on a sandbox, in the test's own process. test/fixtures/front-door.ts does whole runs. */

import { readCredentials } from '../lib/aws/shape.ts';
import { Tally } from '../lib/base/tally.ts';
import { GmailClient } from '../lib/gmail/client.ts';
import { Mailbox, type MailboxOptions } from '../lib/gmail/mailbox.ts';
import { QuotaWindow } from '../lib/gmail/quota.ts';
import { UNITS_PER_MINUTE } from '../lib/gmail/units.ts';
import { createLiveWriter, dryWriter } from '../lib/gmail/writer.ts';
import { type AccessTokens, createAccessTokens } from '../lib/google/access.ts';
import { Scope } from '../lib/job.ts';
import type { Log, LogFields } from '../lib/screen/log.ts';
import { noProgress } from '../lib/screen/progress.ts';
import type { Sandbox } from './sandbox/index.ts';
import { VirtualClock } from './virtual-clock.ts';

export interface LogRecord extends Record<string, unknown> {
  readonly level: string;
  readonly event: string;
}

/** A log that keeps its events. */
export function recordLog(): { log: Log; events: LogRecord[]; named: (event: string) => LogRecord[] } {
  const events: LogRecord[] = [];
  const at = (level: string) => (event: string, fields?: LogFields) => {
    events.push({ level, event, ...fields });
  };
  const log: Log = { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error'), last: at('info') };
  return { log, events, named: (name) => events.filter(({ event }) => event === name) };
}

export interface OpenOptions {
  readonly dryRun?: boolean;
  readonly timeoutMs?: number;
  readonly random?: () => number;
  readonly scopes?: readonly string[];
  readonly profile?: '2026' | 'legacy';
  /** The profile's quota when left out. */
  readonly unitsPerMinute?: number;
  readonly journal?: MailboxOptions['journal'];
  readonly guards?: MailboxOptions['guards'];
}

/** A client and a mailbox whose waits take no time; `clock` adds them up. */
export function openMailbox(sandbox: Sandbox, options: OpenOptions = {}) {
  const { dryRun = false, timeoutMs = 5_000, random = () => 0, scopes = [Scope.modify], profile = '2026' } = options;
  const { unitsPerMinute = UNITS_PER_MINUTE[profile], journal, guards = [] } = options;
  const clock = new VirtualClock();
  const { log, events, named } = recordLog();
  const stop = new AbortController();
  const giveUp = new AbortController();
  const hide = () => undefined;
  const credentials = readCredentials(JSON.stringify(sandbox.secretValue), 'sandbox', hide);
  const tokens: AccessTokens = createAccessTokens({
    jobName: 'test',
    scopes,
    fetchSecret: async () => ({
      versionId: 'v1',
      createdAt: undefined,
      credentials,
      mailbox: undefined,
      furtherKeys: null,
    }),
    mailbox: undefined,
    askMailbox: async () => ({ address: sandbox.secretValue.email, messages: 0 }),
    exchange: { tokenUrl: sandbox.env.GOOGLE_TOKEN_URL ?? '', timeoutMs, clock, random, hide },
    clock,
    log,
    signal: stop.signal,
  });
  const client = new GmailClient({
    tokens,
    quota: new QuotaWindow({ unitsPerMinute, clock, onWait: () => undefined }),
    profile,
    apiUrl: sandbox.env.GMAIL_API_URL ?? '',
    timeoutMs,
    giveUp: giveUp.signal,
    log,
    clock,
    random,
  });
  const tally = new Tally();
  const writer = dryRun ? dryWriter : createLiveWriter(client);
  const safety = { guards, ...(journal && { journal }) };
  const mailbox = new Mailbox({ client, writer, tally, progress: noProgress, log, signal: stop.signal, ...safety });
  return { client, mailbox, tally, tokens, clock, events, named, stop, giveUp };
}
