// A soak lasts as long as it is told to. Nothing here waits for an event by guessing when it will have come.

/** The time that a part of the soak takes. */
export function pass(ms: number): Promise<void> {
  return new Promise((over) => {
    setTimeout(over, ms);
  });
}

/** What `awaited` becomes, or `late` where that takes longer. */
export async function within<Value, Late>(awaited: Promise<Value>, ms: number, late: Late): Promise<Value | Late> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<Late>((give) => {
    timer = setTimeout(() => give(late), ms);
  });
  return Promise.race([awaited, tooLate]).finally(() => clearTimeout(timer));
}
