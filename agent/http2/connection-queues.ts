// What a connection has queued because its peer does not take it: bounded at once where the peer keeps windows shut, in
// time where it takes too little, and, with what is kept of calls that have not ended, together with all other
// connections. A peer that reads is never cut, however much it has asked for: what waits for it moves.
import type { ConnectionCore } from './connection-core.ts';
import { type ConnectionTimer, Deadline } from './connection-timer.ts';
import type { Http2Limits } from './limits.ts';
import type { QueueHolder, QueueLedger } from './queue-ledger.ts';

/** Who takes this part of `maxQueuedBytes` within the grace reads. */
const leastShareTaken = 1 / 8;

/** What is kept for calls is no matter for others below this. */
const leastKeptBytes = 262_144;

export class ConnectionQueues implements QueueHolder {
  heldBytes = 0;
  readonly #core: ConnectionCore;
  readonly #timer: ConnectionTimer;
  readonly #limits: Http2Limits;
  readonly #ledger: QueueLedger;
  #isWatching = false;
  /** The socket had not taken all of a write. */
  #wasWriting = false;
  /** At the last look more was queued than `maxQueuedBytes`; and what had been sent by then. */
  #wasOverfull = false;
  #sentAtLook = 0;

  constructor(core: ConnectionCore, timer: ConnectionTimer) {
    this.#core = core;
    this.#timer = timer;
    this.#limits = core.limits;
    this.#ledger = core.environment.flusher.queues;
  }

  /** With each flush. */
  judge(): void {
    const { scheduler } = this.#core;
    const { maxUnreadBytes, maxQueuedBytes, maxPlaneQueuedBytes, queueGraceMs } = this.#limits;
    if (this.#pinnedBytes === this.heldBytes && scheduler.unreadBytes <= maxUnreadBytes) return;
    while (scheduler.unreadBytes > maxUnreadBytes) this.#core.shed(scheduler.longestUnread!, 'maxUnreadBytes');
    if (this.heldBytes > maxQueuedBytes && this.#pinnedBytes <= maxQueuedBytes) this.#core.hasNewRoom = true;
    this.#note();
    if (this.#ledger.bytes > maxPlaneQueuedBytes) this.#ledger.relieve(maxPlaneQueuedBytes);
    if (this.#isWatching || scheduler.queuedBytes === 0) return;
    this.#isWatching = true;
    this.#look();
    this.#timer.arm(Deadline.queue, queueGraceMs);
  }

  /** @param isFresh a write began just now. Answers whether one is, or was, under way: reading depends on it. */
  watchSocket(isFresh: boolean): boolean {
    const { isWriting } = this.#core.output;
    if (!isWriting && !this.#wasWriting) return false;
    if (isWriting === this.#wasWriting && !isFresh) return true;
    this.#wasWriting = isWriting;
    if (isWriting) this.#timer.arm(Deadline.flushStall, this.#limits.flushStallTimeoutMs);
    else this.#timer.disarm(Deadline.flushStall);
    return true;
  }

  shedTo(bytes: number): void {
    const core = this.#core;
    const { scheduler } = core;
    while (scheduler.queuedBytes > 0 && this.#pinnedBytes > bytes)
      core.shed(scheduler.longestWaiting!, 'maxPlaneQueuedBytes');
    // What is left is kept for calls that wait for something else.
    for (const stream of core.streams.all()) {
      if (this.#pinnedBytes <= bytes) break;
      if (!stream.isClosed) core.shed(stream, 'maxPlaneQueuedBytes');
    }
    this.#note();
  }

  /** Who has bytes queued is looked at again and again, until nothing is. */
  onDeadline(): void {
    const { scheduler, nowMs, sentDataBytes } = this.#core;
    const { streamStallTimeoutMs, maxQueuedBytes, queueGraceMs } = this.#limits;
    for (const stream of scheduler.waitingSince(nowMs - streamStallTimeoutMs)) {
      // What another one's end has caused may have ended it too.
      if (!stream.isClosed) this.#core.shed(stream, 'streamStallTimeoutMs');
    }
    const taken = sentDataBytes - this.#sentAtLook;
    if (this.#wasOverfull && taken < maxQueuedBytes * leastShareTaken) this.#shed(maxQueuedBytes, 'maxQueuedBytes');
    this.#look();
    this.#isWatching = scheduler.queuedBytes > 0;
    if (this.#isWatching) this.#timer.arm(Deadline.queue, queueGraceMs);
  }

  /** The streams are gone. */
  forget(): void {
    if (this.heldBytes !== 0) this.#note();
  }

  #shed(downTo: number, limit: keyof Http2Limits): void {
    const { scheduler } = this.#core;
    while (scheduler.queuedBytes > downTo) this.#core.shed(scheduler.longestWaiting!, limit);
  }

  #look(): void {
    this.#wasOverfull = this.#core.scheduler.queuedBytes > this.#limits.maxQueuedBytes;
    this.#sentAtLook = this.#core.sentDataBytes;
  }

  get #pinnedBytes(): number {
    const { scheduler, keptBytes } = this.#core;
    return keptBytes < leastKeptBytes ? scheduler.queuedBytes : scheduler.queuedBytes + keptBytes;
  }

  #note(): void {
    const change = this.#pinnedBytes - this.heldBytes;
    this.heldBytes += change;
    this.#ledger.note(this, change);
  }
}
