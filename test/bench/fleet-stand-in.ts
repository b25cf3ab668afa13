/**
 * A sandbox with empty mailboxes, and a proxy before a database, in a process of its own. Sends its parent the variables,
 * then for each message from the parent a report on the time since the last one.
 */
import { membersOf, startFleet } from '../fixtures/fleet.ts';
import { GMAIL_SCOPES } from '../sandbox/index.ts';
import { type Statements, startDatabaseProxy } from './database-proxy.ts';

/** The secret of the service account, which may impersonate every mailbox. */
export const WORKSPACE = 'gmail-jobs/workspace';

export interface FleetStandInOptions {
  /** m0, m1, … with an address and a secret of their own each, as in fixtures/fleet.ts. */
  readonly mailboxes: number;
  /** The delay of each answer, from the database too. */
  readonly latencyMs: number;
  readonly databaseUrl: string | undefined;
}

export interface FleetStandInReport {
  readonly cpuMs: number;
  readonly requests: number;
  /** Issued access tokens; each run needs one. */
  readonly tokens: number;
  readonly statements: Statements;
}

if (process.send !== undefined) await serve(JSON.parse(process.argv[2] ?? '') as FleetStandInOptions);

async function serve({ mailboxes, latencyMs, databaseUrl }: FleetStandInOptions): Promise<void> {
  const { sandbox, members } = await startFleet(membersOf(mailboxes, 0), { latencyMs });
  const { modify, readonly, insert, labels } = GMAIL_SCOPES;
  const subjects = members.map(({ email }) => email);
  sandbox.secrets.setSecret(
    WORKSPACE,
    sandbox.oauth.serviceAccount({ subjects, scopes: [modify, readonly, insert, labels] }),
  );
  const proxy = databaseUrl === undefined ? undefined : await startDatabaseProxy(databaseUrl, latencyMs);
  let usage = process.cpuUsage();
  process.on('message', () => {
    const { user, system } = process.cpuUsage(usage);
    usage = process.cpuUsage();
    const report: FleetStandInReport = {
      cpuMs: (user + system) / 1_000,
      requests: sandbox.requests.length,
      tokens: sandbox.requests.filter(({ service, status }) => service === 'oauth' && status === 200).length,
      statements: proxy?.take() ?? { count: 0, serverMs: 0 },
    };
    sandbox.requests.length = 0;
    process.send?.(report);
  });
  process.on('disconnect', () => process.exit());
  process.send?.({ ...sandbox.env, ...(proxy && { DATABASE_URL: proxy.url }) });
}
