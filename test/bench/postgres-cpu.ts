/** Measures the CPU time of a PostgreSQL on this machine, from Linux's /proc. */
import { readdirSync, readFileSync } from 'node:fs';
import type { TestDatabase } from '../fixtures/postgres.ts';

/** USER_HZ, the unit of /proc/<pid>/stat, is 100 a second on all of Linux's common architectures. */
const TICK_MS = 10;

interface ProcessStat {
  readonly name: string;
  readonly parent: number;
  readonly ms: number;
  /** The CPU time of children that have ended. */
  readonly endedChildrenMs: number;
}

/** Undefined when the server's processes are not visible here. `sinceStart` returns milliseconds. */
export async function postgresCpu(database: TestDatabase): Promise<{ sinceStart(): number } | undefined> {
  // Its parent is the postmaster, as of all processes of the server.
  const [row] = await database.query<{ pid: number }>(
    "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'",
  );
  const checkpointer = row && statOf(row.pid);
  if (checkpointer?.name !== 'postgres') return undefined;
  const { parent } = checkpointer;
  const startMs = totalMs(parent);
  return { sinceStart: () => totalMs(parent) - startMs };
}

function totalMs(postmaster: number): number {
  const { ms = 0, endedChildrenMs = 0 } = statOf(postmaster) ?? {};
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(statOf);
  return children.reduce((sum, stat) => sum + (stat?.parent === postmaster ? stat.ms : 0), ms + endedChildrenMs);
}

/** See proc_pid_stat(5). Undefined for a process that is not there. */
function statOf(pid: number | string): ProcessStat | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return undefined;
  }
  const [, name = '', rest = ''] = /\((.*)\) (.*)/s.exec(text) ?? [];
  const fields = rest.split(' ').map(Number);
  const [parent = 0, user = 0, system = 0, childrenUser = 0, childrenSystem = 0] = [1, 11, 12, 13, 14].map(
    (i) => fields[i],
  );
  return {
    name,
    parent,
    ms: (user + system) * TICK_MS,
    endedChildrenMs: (childrenUser + childrenSystem) * TICK_MS,
  };
}
