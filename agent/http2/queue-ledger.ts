// What all connections of one data plane have queued, and keep for their calls. A bound of each connection alone would let ten thousand of them
// hold ten thousand times that: when all of it is too much, who holds most gives back.

/** Who has bytes queued or kept. */
export interface QueueHolder {
  readonly heldBytes: number;
  /** Resets streams, those first that have waited longest, until it holds at most so much. */
  shedTo(bytes: number): void;
}

export class QueueLedger {
  bytes = 0;
  readonly #holders = new Set<QueueHolder>();

  /** `holder`, whose bytes are up to date, holds `change` more than before. */
  note(holder: QueueHolder, change: number): void {
    this.bytes += change;
    if (holder.heldBytes > 0) this.#holders.add(holder);
    else this.#holders.delete(holder);
  }

  /** Until no more than `bytes` are held, the largest holder keeps half of what it has: that takes few looks at all. */
  relieve(bytes: number): void {
    while (this.bytes > bytes) {
      let largest: QueueHolder | null = null;
      for (const holder of this.#holders) {
        if (largest === null || holder.heldBytes > largest.heldBytes) largest = holder;
      }
      if (largest === null) return;
      largest.shedTo(Math.floor(largest.heldBytes / 2));
    }
  }
}
