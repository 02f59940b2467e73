// Deadlines of many calls under one timer: a hashed wheel whose entries are the calls themselves, linked through fields of
// their own. Adding and removing cost a few assignments; a call that ends in time never touches a timer.

/** What the queue needs of a call. The three link fields belong to the queue: `null`, `null` and -1 at first. */
export interface DeadlineEntry {
  /** Monotonic milliseconds; finite while it is in the queue, and not changed there. */
  readonly deadlineMs: number;
  deadlinePrevious: DeadlineEntry | null;
  deadlineNext: DeadlineEntry | null;
  /** -1 while it is in no queue. */
  deadlineSlot: number;
  /** Its time is up. It is out of the queue already, and may add or remove any entry. */
  deadlineExpired(): void;
}

export interface DeadlineQueueOptions {
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** What expiring calls write is flushed once, when all have been told. */
  readonly flusher: { enter(): void; leave(): void };
  /** Calls `tick` every so many milliseconds until the answer is called. Default: an interval that keeps no process up. */
  readonly every?: (intervalMs: number, tick: () => void) => () => void;
}

/** Milliseconds between two looks at the wheel, and the width of a slot: an entry is late by at most about this much. */
const SLOT_MS = 8;
const SLOTS = 1_024;
/** The list behind the wheel's slots: entries that are due and not told yet. */
const DUE = SLOTS;

export class DeadlineQueue {
  readonly #options: DeadlineQueueOptions;
  readonly #heads: (DeadlineEntry | null)[] = new Array<DeadlineEntry | null>(SLOTS + 1).fill(null);
  #count = 0;
  /** Turns of the wheel until now, in slots since time 0: all earlier slots hold nothing that is due. */
  #reached = 0;
  #stopTimer: (() => void) | null = null;

  constructor(options: DeadlineQueueOptions) {
    this.#options = options;
  }

  /** Entries that wait. */
  get size(): number {
    return this.#count;
  }

  /** A deadline that has passed already expires at the next look, not within this call. */
  add(entry: DeadlineEntry): void {
    if (this.#stopTimer === null) this.#start();
    const slot = Math.max(this.#reached, Math.floor(entry.deadlineMs / SLOT_MS));
    this.#link(entry, slot % SLOTS);
    this.#count++;
  }

  /** Does nothing when the entry is in no queue. */
  remove(entry: DeadlineEntry): void {
    if (entry.deadlineSlot === -1) return;
    this.#unlink(entry);
    this.#count--;
  }

  /** Forgets every entry without a word to it. */
  stop(): void {
    this.#stopTimer?.();
    this.#stopTimer = null;
    for (let slot = 0; slot <= DUE; slot++) {
      for (let entry = this.#heads[slot] ?? null; entry !== null; entry = this.#heads[slot] ?? null)
        this.#unlink(entry);
    }
    this.#count = 0;
  }

  #start(): void {
    this.#reached = Math.floor(this.#options.now() / SLOT_MS);
    this.#stopTimer = (this.#options.every ?? everyUnref)(SLOT_MS, () => this.#tick());
  }

  #tick(): void {
    if (this.#count === 0) {
      // Stopped only here, so that a lone call after the other does not start and stop a timer each time.
      this.#stopTimer?.();
      this.#stopTimer = null;
      return;
    }
    const now = this.#options.now();
    const reached = Math.floor(now / SLOT_MS);
    // After a pause longer than a whole turn each slot is looked at once.
    const first = Math.max(this.#reached, reached - SLOTS + 1);
    for (let slot = first; slot <= reached; slot++) this.#collectDue(slot % SLOTS, now);
    this.#reached = reached;
    if (this.#heads[DUE] !== null) this.#expireDue();
  }

  #collectDue(slot: number, now: number): void {
    let entry = this.#heads[slot] ?? null;
    while (entry !== null) {
      const next: DeadlineEntry | null = entry.deadlineNext;
      if (entry.deadlineMs <= now) {
        this.#unlink(entry);
        this.#link(entry, DUE);
      }
      entry = next;
    }
  }

  #expireDue(): void {
    const { flusher } = this.#options;
    flusher.enter();
    try {
      for (let entry = this.#heads[DUE] ?? null; entry !== null; entry = this.#heads[DUE] ?? null) {
        this.remove(entry);
        entry.deadlineExpired();
      }
    } finally {
      flusher.leave();
    }
  }

  #link(entry: DeadlineEntry, slot: number): void {
    const head = this.#heads[slot] ?? null;
    entry.deadlineSlot = slot;
    entry.deadlinePrevious = null;
    entry.deadlineNext = head;
    if (head !== null) head.deadlinePrevious = entry;
    this.#heads[slot] = entry;
  }

  #unlink(entry: DeadlineEntry): void {
    const { deadlinePrevious, deadlineNext, deadlineSlot } = entry;
    if (deadlinePrevious === null) this.#heads[deadlineSlot] = deadlineNext;
    else deadlinePrevious.deadlineNext = deadlineNext;
    if (deadlineNext !== null) deadlineNext.deadlinePrevious = deadlinePrevious;
    entry.deadlinePrevious = null;
    entry.deadlineNext = null;
    entry.deadlineSlot = -1;
  }
}

function everyUnref(intervalMs: number, tick: () => void): () => void {
  const timer = setInterval(tick, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
