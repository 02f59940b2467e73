// The logger of a process: one JSON line an event on stderr, or one line for people where stderr is a terminal.
// Written synchronously, so that the last line before an end is never lost.
import pino from 'pino';
import { isLogLevel, type Log, type LogLevel } from '../observe/log.ts';
import { formatLogLine } from './log-line.ts';

export interface LoggerOptions {
  readonly level: LogLevel;
  /** File descriptor that is written to. Default 2, stderr. */
  readonly fd?: number;
  /** Lines for people instead of JSON. Default: whether stderr is a terminal. */
  readonly human?: boolean;
  /** Colours in lines for people. Default: unless NO_COLOR is set (no-color.org). */
  readonly colours?: boolean;
}

export interface Logger {
  readonly log: Log;
  /** From the next line on. */
  setLevel(level: LogLevel): void;
}

/** `OUTRIGGER_LOG_LEVEL`, in any case of letters; `null` where it is unset or names no level. */
export function logLevelFromEnv(env: Readonly<Record<string, string | undefined>>): LogLevel | null {
  const level = env['OUTRIGGER_LOG_LEVEL']?.toLowerCase();
  return level !== undefined && isLogLevel(level) ? level : null;
}

export function createLogger({
  level,
  fd = 2,
  human = process.stderr.isTTY === true,
  colours = !process.env['NO_COLOR'],
}: LoggerOptions): Logger {
  const destination = pino.destination({ fd, sync: true });
  // Whoever read the lines is gone (EPIPE): no reason to stop proxying.
  destination.on('error', () => {});
  const logger = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    destination,
  );
  const log: Log = human
    ? (lineLevel, message, fields = {}) => {
        if (!logger.isLevelEnabled(lineLevel)) return;
        destination.write(formatLogLine(new Date(), lineLevel, message, fields, colours));
      }
    : (lineLevel, message, fields = {}) => logger[lineLevel](fields, message);
  return {
    log,
    setLevel: (newLevel) => {
      logger.level = newLevel;
    },
  };
}
