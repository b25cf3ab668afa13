/** One line per event: JSON for machines, a readable line on a terminal. Never subjects, senders or bodies. */
import { type Logger, pino } from 'pino';
import type { CommandSpelling } from './command-spelling.ts';
import { type FinalNotes, prettyLine } from './pretty.ts';

export type Level = 'debug' | 'info' | 'warn' | 'error';

export type LogFields = Readonly<Record<string, unknown>>;

export type LogFormat = 'json' | 'pretty';

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** Writes the final line, whatever the level is, with `notes` for a person; nothing is written after it. */
  last(event: string, fields: LogFields, notes?: FinalNotes): void;
}

/** The log of the process, and of the logs of its runs. */
export interface ProcessLog extends Log {
  /** A log with `fields` in each of its lines. Its final line does not close the log of the process. */
  forRun(fields: LogFields): Log;
}

export interface LogOptions {
  readonly level: Level;
  readonly format: LogFormat;
  readonly write: (line: string) => void;
  /** How wide the screen is at the moment, for the format `pretty`; without, no line is broken. */
  readonly columns?: () => number;
  /** Takes secrets out of a text. Each string passes it by itself: in JSON a secret may look like what stands around it. */
  readonly redact?: (text: string) => string;
  /** Spells the commands that the events name. */
  readonly spelling: CommandSpelling;
}

/** A log that writes its lines to `write`. */
export function createLog(options: LogOptions): ProcessLog {
  const { level, format, columns, spelling, write, redact = (text) => text } = options;
  let finalNotes: FinalNotes | undefined;
  // In JSON too: neither backticks nor the words of a command are escaped there.
  const render = (given: string) => {
    const line = spelling.text(given);
    return format === 'pretty' ? prettyLine(JSON.parse(line), columns?.(), finalNotes) : line;
  };
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
    },
    { write: (line: string) => write(render(line)) },
  );
  const logTo = (logger: Logger): Log => {
    let isClosed = false;
    const at = (level: Level) => (event: string, fields?: LogFields) => {
      if (!isClosed) logger[level]({ event, ...redacted(fields, redact) });
    };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      last(event, fields, notes) {
        logger.level = 'info';
        finalNotes = notes;
        this.info(event, fields);
        finalNotes = undefined;
        isClosed = true;
      },
    };
  };
  return { ...logTo(logger), forRun: (fields) => logTo(logger.child(redacted(fields, redact))) };
}

const nothing = () => {};

/** A log that nobody reads. */
export const noLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, last: nothing };

/** The guard of the output redacts what is nested deeper. */
const MAX_REDACTED_DEPTH = 20;

function redacted(fields: LogFields | undefined, redact: (text: string) => string, depth = 0): LogFields {
  return Object.fromEntries(
    Object.entries(fields ?? {}).map(([name, value]) => [name, redactValue(value, redact, depth)]),
  );
}

/** `value` with its strings redacted. An error is serialized first and passes the guard of the output as it is. */
function redactValue(value: unknown, redact: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return redact(value);
  if (depth > MAX_REDACTED_DEPTH) return value;
  if (Array.isArray(value)) return value.map((item) => redactValue(item, redact, depth + 1));
  return isPlainObject(value) ? redacted(value, redact, depth + 1) : value;
}

function isPlainObject(value: unknown): value is LogFields {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** More causes behind an error than a log is read for. */
const MAX_CAUSES = 16;

/** Pino's form of an error, which follows its causes by recursion; an error with too many of them as its first line. */
function serializeError(error: unknown): unknown {
  let cause = error;
  for (let count = 0; count < MAX_CAUSES && cause instanceof Error; count += 1) cause = cause.cause;
  return cause instanceof Error ? String(error) : pino.stdSerializers.err(error as Error);
}
