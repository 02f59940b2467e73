// What the xDS client needs from the program around it, so that nothing in it reads a clock or writes a log by itself.

/** `fields` are plain data with names in camelCase; never a secret. */
export type Log = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields?: Readonly<Record<string, unknown>>,
) => void;

/** Calls `fire` once after `ms`, unless the function that it returns was called first. */
export type SetTimer = (fire: () => void, ms: number) => () => void;

/** The timers of Node. */
export const nodeTimer: SetTimer = (fire, ms) => {
  const timer = setTimeout(fire, ms);
  return () => clearTimeout(timer);
};
