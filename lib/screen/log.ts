/** Logs one line per event, as JSON or in words for a terminal. Events never hold subjects, senders or bodies. */
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
  /** Writes the final line at any log level, with `notes` for a person at a terminal, and closes the log. */
  last(event: string, fields: LogFields, notes?: FinalNotes): void;
}

/** The log of the process; makes the logs of its runs. */
export interface ProcessLog extends Log {
  /** A log with `fields` in each line. Its final line closes that log alone. */
  forRun(fields: LogFields): Log;
}

export interface LogOptions {
  readonly level: Level;
  readonly format: LogFormat;
  readonly write: (line: string) => void;
  /** The current width of the terminal, for the format `pretty`. Lines are not wrapped when left out. */
  readonly columns?: () => number;
  /** Cuts secrets out of one value. In a whole line of JSON, escapes could hide where a secret ends. */
  readonly redact?: (text: string) => string;
  /** Spells the commands that the events name. */
  readonly spelling: CommandSpelling;
}

/** A log that writes its lines to `write`. */
export function createLog(options: LogOptions): ProcessLog {
  const { level, format, columns, spelling, write, redact = (text) => text } = options;
  let finalNotes: FinalNotes | undefined;
  // Commands can be spelt in JSON text too, since JSON does not escape backticks and words.
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
      if (!isClosed) logger[level]({ event, ...withoutClashes(redacted(fields, redact)) });
    };
    const info = at('info');
    return {
      debug: at('debug'),
      info,
      warn: at('warn'),
      error: at('error'),
      last(event, fields, notes) {
        logger.level = 'info';
        finalNotes = notes;
        info(event, fields);
        finalNotes = undefined;
        isClosed = true;
      },
    };
  };
  return { ...logTo(logger), forRun: (fields) => logTo(logger.child(redacted(fields, redact))) };
}

const nothing = () => {};

export const noLog: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, last: nothing };

/** The fields of every line. */
const LINE_FIELDS: ReadonlySet<string> = new Set(['level', 'time', 'event']);

/** Deeper values are redacted on stdout only, by process/output.ts. */
const MAX_REDACTED_DEPTH = 20;

/** Renames fields whose names a line has already, such as `level`. */
function withoutClashes(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [LINE_FIELDS.has(name) ? `${name}_` : name, value]),
  );
}

function redacted(fields: LogFields | undefined, redact: (text: string) => string, depth = 0): LogFields {
  return Object.fromEntries(
    Object.entries(fields ?? {}).map(([name, value]) => [name, redactValue(value, redact, depth)]),
  );
}

/** Redacts the strings in `value`. An error stays: pino serializes it, and process/output.ts redacts the line. */
function redactValue(value: unknown, redact: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return redact(value);
  if (depth > MAX_REDACTED_DEPTH) return value;
  if (Array.isArray(value)) return value.map((item) => redactValue(item, redact, depth + 1));
  return isPlainObject(value) ? redacted(value, redact, depth + 1) : value;
}

function isPlainObject(value: unknown): value is LogFields {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** Pino follows causes by recursion, so an endless chain of them would overflow the stack. */
const MAX_CAUSES = 16;

/** Returns pino's form of an error, or its first line when it has too many causes. */
function serializeError(error: unknown): unknown {
  let cause = error;
  for (let count = 0; count < MAX_CAUSES && cause instanceof Error; count += 1) cause = cause.cause;
  return cause instanceof Error ? String(error) : pino.stdSerializers.err(error as Error);
}
