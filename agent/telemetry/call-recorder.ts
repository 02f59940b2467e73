// Turns a sampled call, once it has ended, into plain data for the control thread, and sends these in batches.
// Runs in the data plane; a call that is not sampled costs it one comparison.
//
// The way up is bounded by credit: what was posted and not yet acknowledged with `taken` counts, and past
// `maxOutstanding` records are dropped and counted, so a control thread that is busy costs no memory here.
import { type CallBatch, CallBatchWriter } from '../observe/call-batch.ts';
import type {
  CallObserver,
  CallRecord,
  CallRecordAttempt,
  ObservedAttempt,
  ObservedCall,
} from '../observe/call-observer.ts';

export interface CallRecorderOptions {
  /** Takes a batch, and how many calls were dropped since the last one. */
  readonly post: (batch: CallBatch, dropped: number) => void;
  /** Calls that make a batch by themselves. Default 256. */
  readonly maxBatch?: number;
  /** How long a call waits for others, in milliseconds. Default 100. */
  readonly delayMs?: number;
  /** Calls that wait here or were posted and not taken yet. Default 8,192. */
  readonly maxOutstanding?: number;
}

/** The wall clock may be set while the monotonic one goes on; less than this is its own jitter. */
const CLOCK_TOLERANCE_MS = 20;

export class CallRecorder implements CallObserver {
  readonly #post: CallRecorderOptions['post'];
  readonly #maxBatch: number;
  readonly #delayMs: number;
  readonly #maxOutstanding: number;
  readonly #waiting = new CallBatchWriter();
  #timer: NodeJS.Timeout | null = null;
  #outstanding = 0;
  #dropped = 0;
  /** What turns a monotonic time of this thread into milliseconds since the epoch. */
  #epochMs = performance.timeOrigin;

  constructor({ post, maxBatch = 256, delayMs = 100, maxOutstanding = 8192 }: CallRecorderOptions) {
    this.#post = post;
    this.#maxBatch = maxBatch;
    this.#delayMs = delayMs;
    this.#maxOutstanding = maxOutstanding;
  }

  callStarted(_call: ObservedCall): void {}

  callRouted(_call: ObservedCall): void {}

  callEnded(call: ObservedCall): void {
    if (call.trace === null) return;
    if (this.#timer === null) this.#startBatch();
    if (this.#outstanding >= this.#maxOutstanding) {
      this.#dropped++;
      return;
    }
    this.#outstanding++;
    this.#waiting.add(recordOf(call, this.#epochMs));
    if (this.#waiting.count >= this.#maxBatch) this.flush();
  }

  /** So many calls have arrived on the control thread. */
  taken(count: number): void {
    this.#outstanding = Math.max(this.#waiting.count, this.#outstanding - count);
  }

  /** Posts what waits. */
  flush(): void {
    if (this.#timer !== null) {
      clearTimeout(this.#timer);
      this.#timer = null;
    }
    if (this.#waiting.count === 0 && this.#dropped === 0) return;
    const dropped = this.#dropped;
    this.#dropped = 0;
    this.#post(this.#waiting.take(), dropped);
  }

  stop(): void {
    this.flush();
  }

  #startBatch(): void {
    this.#timer = setTimeout(() => this.flush(), this.#delayMs);
    this.#timer.unref();
    const epochMs = Date.now() - performance.now();
    if (Math.abs(epochMs - this.#epochMs) > CLOCK_TOLERANCE_MS) this.#epochMs = epochMs;
  }
}

function recordOf(call: ObservedCall, epochMs: number): CallRecord {
  const { direction, method, authority, cluster, peer, status, message, flag, source, trace } = call;
  return {
    direction,
    method,
    authority,
    cluster,
    peer,
    startMs: epochMs + call.startedMs,
    endMs: epochMs + call.endedMs,
    status,
    message,
    flag,
    source,
    requestBytes: call.requestBytes,
    responseBytes: call.responseBytes,
    traceId: trace?.traceId ?? '',
    spanId: trace?.spanId ?? '',
    parentSpanId: trace?.parentSpanId ?? '',
    tracestate: trace?.tracestate ?? '',
    attempts: call.attempts.map((attempt) => recordOfAttempt(attempt, epochMs)),
  };
}

function recordOfAttempt(
  { endpoint, startedMs, sentMs, firstByteMs }: ObservedAttempt,
  epochMs: number,
): CallRecordAttempt {
  return {
    endpoint,
    startMs: epochMs + startedMs,
    sentMs: Number.isNaN(sentMs) ? null : epochMs + sentMs,
    firstByteMs: Number.isNaN(firstByteMs) ? null : epochMs + firstByteMs,
  };
}
