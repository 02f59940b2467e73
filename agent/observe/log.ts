// The logger as the core sees it: a function, so that nothing below telemetry knows pino.

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** `fields` are plain data with names in camelCase; a secret never is one. */
export type Log = (level: LogLevel, message: string, fields?: Readonly<Record<string, unknown>>) => void;
