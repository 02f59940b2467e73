// Lines that parts of the mesh write, as one stream for people: each with its part's name, and the JSON that agents log
// as a sentence.
import { isLogLevel } from '../observe/log.ts';
import { formatLogLine } from '../telemetry/log-line.ts';

/** `name | line`, without a line break. */
export function formatPartLine(name: string, line: string, colours: boolean): string {
  return `${name} | ${formatAgentLog(line, colours) ?? line}`;
}

/** `null` where the line is no event of an agent's log. */
function formatAgentLog(line: string, colours: boolean): string | null {
  if (!line.startsWith('{')) return null;
  try {
    const { level, time, msg, ...fields } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (typeof level !== 'string' || !isLogLevel(level) || typeof time !== 'string') return null;
    return formatLogLine(new Date(time), level, String(msg), fields, colours).trimEnd();
  } catch {
    return null;
  }
}
