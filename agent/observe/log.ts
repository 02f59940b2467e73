// The logger as the core sees it: a function, so that nothing below telemetry knows pino.

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** From the most talkative to the least. */
export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export function isLogLevel(text: string): text is LogLevel {
  return LOG_LEVELS.some((level) => level === text);
}

/** `fields` are plain data with names in camelCase; a secret never is one. */
export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;
