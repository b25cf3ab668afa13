/** The log that a job gets: the run's log, without the final line and the program's own events. */
import type { JobLog } from '../job.ts';

/** The first parts of event names that no job may write, so that a line with such an event comes from the program. */
const RESERVED: ReadonlySet<string> = new Set(['run', 'fleet', 'secret', 'token', 'egress', 'process', 'heartbeat']);

/** `onMisuse` gets the error of a refused event, also when the job catches that error. */
export function createJobLog(log: JobLog, onMisuse: (error: Error) => void): JobLog {
  const at =
    (level: keyof JobLog): JobLog[keyof JobLog] =>
    (event, fields) => {
      const problem = problemOf(event);
      if (problem === undefined) return log[level](event, fields);
      const error = new Error(`log.${level}: ${problem}`);
      onMisuse(error);
      throw error;
    };
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

function problemOf(event: unknown): string | undefined {
  if (typeof event !== 'string') return "the event must be a text, such as 'invoices.posted'";
  const [family = ''] = event.split('.', 1);
  if (!RESERVED.has(family)) return undefined;
  return `the event ${event} belongs to the program: give the job's event a name that does not begin with ${family}`;
}
