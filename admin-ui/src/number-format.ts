// Numbers as a person reads them. Every function answers text whose width varies little, so that nothing jumps when a
// value changes; the style sheet sets tabular figures where these stand.

const absent = '–';
const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

/** Calls a second: one decimal below 100, none above; what is there but rounds to nothing stays visible as `<0.1`. */
export function formatRate(perSecond: number | null): string {
  if (perSecond === null || !Number.isFinite(perSecond)) return absent;
  if (perSecond > 0 && perSecond < 0.05) return '<0.1';
  return perSecond >= 99.95 ? whole.format(perSecond) : perSecond.toFixed(1);
}

/** A duration given in milliseconds, with its unit: `640 µs`, `3.42 ms`, `41.0 ms`, `380 ms`, `2.10 s`. */
export function formatDuration(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms)) return absent;
  if (ms < 0.9995) return `${Math.round(ms * 1000)} µs`;
  if (ms < 999.5) return `${significant(ms)} ms`;
  return `${significant(ms / 1000)} s`;
}

/** A count with thousands separated: `12,408`. */
export function formatCount(count: number): string {
  return whole.format(count);
}

/** A share between 0 and 1 as a whole percentage; what is there but rounds to nothing stays visible as `<1%`. */
export function formatShare(share: number | null): string {
  if (share === null || !Number.isFinite(share)) return absent;
  if (share > 0 && share < 0.005) return '<1%';
  if (share < 1 && share > 0.995) return '>99%';
  return `${Math.round(share * 100)}%`;
}

/** Time of day with seconds, in the reader's zone: `14:03:27`. */
export function formatClock(ms: number): string {
  return new Date(ms).toLocaleTimeString('en-GB', { hour12: false });
}

/** How long ago, coarsely: `now`, `12 s ago`, `4 min ago`, `2 h ago`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 2) return 'now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return `${Math.floor(seconds / 3600)} h ago`;
}

/** `package.Service/Method` as `Service/Method`: packages are long and say little in a table. */
export function shortMethod(method: string): string {
  const slash = method.indexOf('/');
  const dot = method.lastIndexOf('.', slash < 0 ? undefined : slash);
  return method.slice(dot + 1);
}

/** A configuration's version, cut as a commit's name is where it is a hash. */
export function shortVersion(version: string): string {
  return version.length > 9 ? version.slice(0, 7) : version;
}

function significant(value: number): string {
  if (value < 9.995) return value.toFixed(2);
  return value < 99.95 ? value.toFixed(1) : value.toFixed(0);
}
