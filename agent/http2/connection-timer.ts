// All deadlines of one connection on one timer. Disarming is an assignment, and so is arming for later than the timer
// is set to: it looks again when it fires. It keeps no process alive.

export const Deadline = {
  connect: 0,
  preface: 1,
  settingsAck: 2,
  partialFrame: 3,
  flushStall: 4,
  idle: 5,
  drainPing: 6,
  drainGrace: 7,
  linger: 8,
  keepalive: 9,
  keepaliveAnswer: 10,
  age: 11,
  queue: 12,
  resets: 13,
} as const;

const deadlineCount = 14;

/** What a timer of Node can be set to. */
const maxTimeoutMs = 0x7fff_ffff;

/** A timer this late tells that the program was held up: stopped, swapped out, starved. */
const heldUpMs = 500;

export class ConnectionTimer {
  readonly #now: () => number;
  readonly #onDue: (deadline: number) => void;
  readonly #dueMs: number[] = new Array<number>(deadlineCount).fill(Number.POSITIVE_INFINITY);
  readonly #fire = (): void => this.#look();
  #timer: NodeJS.Timeout | null = null;
  #firesMs = Number.POSITIVE_INFINITY;
  /** Peers' bytes that waited while the program was held up have been read. */
  #isSecondLook = false;

  constructor(now: () => number, onDue: (deadline: number) => void) {
    this.#now = now;
    this.#onDue = onDue;
  }

  /** Due in so many ms; replaces the time it was armed for. */
  arm(deadline: number, ms: number): void {
    const dueMs = this.#now() + ms;
    this.#dueMs[deadline] = dueMs;
    if (dueMs < this.#firesMs) this.#set(dueMs, ms);
  }

  disarm(deadline: number): void {
    this.#dueMs[deadline] = Number.POSITIVE_INFINITY;
  }

  /** Nothing is due any more. */
  clear(): void {
    this.#dueMs.fill(Number.POSITIVE_INFINITY);
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#firesMs = Number.POSITIVE_INFINITY;
  }

  #set(firesMs: number, ms: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#firesMs = firesMs;
    this.#timer = setTimeout(this.#fire, Math.min(Math.max(1, Math.ceil(ms)), maxTimeoutMs));
    this.#timer.unref();
  }

  #look(): void {
    const now = this.#now();
    const lateMs = now - this.#firesMs;
    this.#timer = null;
    this.#firesMs = Number.POSITIVE_INFINITY;
    if (lateMs > heldUpMs && !this.#isSecondLook) {
      // What was sent in time is read before anybody is judged.
      this.#isSecondLook = true;
      this.#set(now, 1);
      return;
    }
    this.#isSecondLook = false;
    for (let deadline = 0; deadline < deadlineCount; deadline++) {
      if (this.#dueMs[deadline]! > now) continue;
      this.#dueMs[deadline] = Number.POSITIVE_INFINITY;
      this.#onDue(deadline);
    }
    const next = Math.min(...this.#dueMs);
    if (next < this.#firesMs) this.#set(next, next - now);
  }
}
