// How a process is told to end: SIGTERM or SIGINT, or the end of the process that started it (where they share a channel).

export interface EndHandlers {
  /** Told once: end in good order. */
  readonly first: () => void;
  /** Told again, or nobody is left to tell: end now. */
  readonly again: () => void;
}

export function onEndSignals({ first, again }: EndHandlers): void {
  let told = false;
  const tell = (): void => {
    if (told) again();
    else {
      told = true;
      first();
    }
  };
  process.on('SIGTERM', tell);
  process.on('SIGINT', tell);
  // A mesh that was killed can't tell its parts to end: its end of the channel closes instead.
  process.on('disconnect', again);
}
