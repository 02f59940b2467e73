// A log event as one line for people: time of day, level, message, fields as name=value.
import type { LogLevel } from '../observe/log.ts';

const COLOUR: Readonly<Record<LogLevel, number>> = { debug: 90, info: 36, warn: 33, error: 31 };
const DIM = 90;

/** Local time. What could break the line or drive the terminal (a peer may have written it) is escaped. */
export function formatLogLine(
  time: Date,
  level: LogLevel,
  message: string,
  fields: Readonly<Record<string, unknown>>,
  colours: boolean,
): string {
  const paint = (code: number, text: string) => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()]
    .map((n) => String(n).padStart(2, '0'))
    .join(':');
  const milliseconds = String(time.getMilliseconds()).padStart(3, '0');
  const pairs = Object.entries(fields).map(([name, value]) => ` ${paint(DIM, `${name}=`)}${formatValue(value)}`);
  const stamp = paint(DIM, `${clock}.${milliseconds}`);
  return `${stamp} ${paint(COLOUR[level], level.padEnd(5))} ${printable(message)}${pairs.join('')}\n`;
}

function formatValue(value: unknown): string {
  if (typeof value === 'string') return /^[\w.:/@+-]+$/.test(value) ? value : quote(value);
  if (value instanceof Error) return quote(value.message);
  if (value === undefined || typeof value === 'number' || typeof value === 'bigint') return String(value);
  return printable(JSON.stringify(value) ?? String(value));
}

function quote(text: string): string {
  return printable(JSON.stringify(text));
}

function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
