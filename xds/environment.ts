// What the xDS client needs from the program around it, so that nothing in it reads a clock or writes a log by itself.

/** `fields` are plain data with names in camelCase; never a secret. */
export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

/** Calls `fire` once after `ms`, unless the function that it returns was called first. */
export type SetTimer = (fire: () => void, ms: number) => () => void;

/** What Node's timers take at the most; for more than that, 24.8 days, they fire at once. */
const longestMs = 2 ** 31 - 1;

/** The timers of Node, for any time at all: `Infinity` never comes. */
export const nodeTimer: SetTimer = (fire, ms) => startTimer(fire, ms, true);

/** The same, but none of them keeps the process up. */
export const unrefTimer: SetTimer = (fire, ms) => startTimer(fire, ms, false);

function startTimer(fire: () => void, ms: number, keepsUp: boolean): () => void {
  let timer: NodeJS.Timeout;
  const wait = (leftMs: number): void => {
    timer = leftMs > longestMs ? setTimeout(() => wait(leftMs - longestMs), longestMs) : setTimeout(fire, leftMs);
    if (!keepsUp) timer.unref();
  };
  wait(ms);
  return () => clearTimeout(timer);
}
