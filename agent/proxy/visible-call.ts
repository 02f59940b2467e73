// What others may know of a call: observers, the deadline queue, the header formats of a route. The story itself is
// `call.ts`.
import type { CallFacts } from '../director/call-facts.ts';
import type { DeadlineEntry } from '../grpc/deadline-queue.ts';
import { MessageCounter } from '../grpc/message-counter.ts';
import type { Stream } from '../http2/index.ts';
import type { CallTrace, FailureSource, ObservedCall, ResponseFlag } from '../observe/call-observer.ts';
import type { Attempt } from './attempt.ts';

/** Most calls have one attempt and retry nowhere. */
export const NONE: readonly never[] = [];

export abstract class VisibleCall implements ObservedCall, DeadlineEntry, CallFacts {
  readonly direction: 'inbound' | 'outbound';
  readonly peer: string;
  method = '';
  authority = '';
  cluster = '';
  readonly startedMs: number;
  endedMs = Number.NaN;
  status = -1;
  message = '';
  flag: ResponseFlag = '-';
  source: FailureSource | null = null;
  trace: CallTrace | null = null;
  /** For the deadline queue: monotonic ms, and the queue's own links. */
  deadlineMs = Number.POSITIVE_INFINITY;
  deadlinePrevious: DeadlineEntry | null = null;
  deadlineNext: DeadlineEntry | null = null;
  deadlineSlot = -1;
  protected readonly downstream: Stream;
  protected readonly requestMessages = new MessageCounter();
  protected readonly responseMessages = new MessageCounter();
  /** The last of its attempts. */
  protected attempt: Attempt | null = null;
  #attempts: readonly Attempt[] | null = null;

  constructor(direction: 'inbound' | 'outbound', downstream: Stream, nowMs: number) {
    this.direction = direction;
    this.downstream = downstream;
    this.peer = downstream.connection.peer;
    this.startedMs = nowMs;
  }

  /**
   * Listed when somebody asks, which is at the end. A list for each call under way is one that V8 sees live long, and then
   * makes in the old generation: what has ended hangs on it there, and is not collected young (docs/performance.md).
   */
  get attempts(): readonly Attempt[] {
    if (this.#attempts === null) this.#attempts = this.attempt === null ? NONE : listOf(this.attempt);
    return this.#attempts;
  }

  protected begin(attempt: Attempt): void {
    this.attempt = attempt;
    this.#attempts = null;
  }

  get requestBytes(): number {
    return this.requestMessages.payloadBytes;
  }

  get responseBytes(): number {
    return this.responseMessages.payloadBytes;
  }

  get isSecure(): boolean {
    return this.downstream.connection.identity.alpn !== null;
  }

  get peerSans(): readonly string[] {
    return this.downstream.connection.identity.sans;
  }

  get peerSubject(): string | null {
    return this.downstream.connection.identity.subject;
  }

  get peerFingerprint(): string {
    return this.downstream.connection.identity.fingerprint;
  }

  get serverName(): string {
    return this.downstream.connection.identity.serverName;
  }

  get localAddress(): string {
    return this.downstream.connection.identity.localAddress;
  }

  get endpointAddress(): string {
    return this.attempt?.endpoint ?? '';
  }

  get endpointHostname(): string {
    return this.attempt?.upstream.hostname ?? '';
  }

  abstract deadlineExpired(): void;
}

/** Up to that one, the first one first. */
function listOf(last: Attempt): readonly Attempt[] {
  const list: Attempt[] = [];
  for (let attempt: Attempt | null = last; attempt !== null; attempt = attempt.previous) list.push(attempt);
  return list.reverse();
}
