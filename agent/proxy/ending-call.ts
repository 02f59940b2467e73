// How a call ends: its outcome is settled once, handed to the client, and told to those who watch when its last byte has
// left. Whatever was kept for another outcome is given back. The story itself is `call.ts`.
import type { HeadChange, HttpAnswer, PendingDecision } from '../director/decision.ts';
import type { CallHead } from '../grpc/call-head.ts';
import { ErrorCode, type HeaderBlock, type Stream } from '../http2/index.ts';
import { type CallPart, describeFault, failureOfFault } from './call-fault.ts';
import type { CallContext, ProxyParts, Upstream } from './call-parts.ts';
import type { CallRetries } from './call-retries.ts';
import { answerFailure, type CallFailure, type CallOutcome } from './failure.ts';
import { KeptRequest } from './kept-request.ts';
import { VisibleCall } from './visible-call.ts';

export abstract class EndingCall extends VisibleCall {
  protected readonly parts: ProxyParts;
  protected readonly request = new KeptRequest(this.downstream.connection);
  protected head: CallHead | null = null;
  /** The decision that is waited for. */
  protected pending: PendingDecision<CallContext> | null = null;
  /** What the route makes of the heads that pass it. */
  protected rewrite: HeadChange | null = null;
  protected upstreamCluster: Upstream | null = null;
  /** `null`: the route allows none. */
  protected retries: CallRetries | null = null;
  protected responseStarted = false;
  /** The outcome is settled and handed to the downstream stream; `ended` once its last byte has left. */
  protected settled = false;
  protected ended = false;

  constructor(parts: ProxyParts, direction: 'inbound' | 'outbound', downstream: Stream) {
    super(direction, downstream, parts.now());
    this.parts = parts;
  }

  protected fail(failure: CallFailure, http: HttpAnswer | null = null): void {
    if (this.settled) return;
    const { rewrite } = this;
    const request = this.request.head;
    const isRewritten = rewrite !== null && request !== null;
    const rewriteHead = isRewritten ? (answer: HeaderBlock) => rewrite.response(answer, request, this) : null;
    this.settle(failure);
    const head = this.head!;
    answerFailure(
      this.downstream,
      this.parts.shapes,
      { ...head, responseStarted: this.responseStarted, http, rewriteHead },
      failure,
    );
    this.endDownstream();
  }

  protected settle(outcome: CallOutcome): void {
    this.settled = true;
    this.status = outcome.status;
    this.message = outcome.message;
    this.flag = outcome.flag;
    this.source = outcome.source;
    this.#letGo();
  }

  /** An early answer: the client is told to stop sending, behind the last byte (RFC 9113 section 8.1). */
  protected endDownstream(): void {
    const downstream = this.downstream;
    if (!this.request.ended) downstream.reset(ErrorCode.NO_ERROR);
    if (downstream.queuedBytes === 0) this.finish();
  }

  protected finish(): void {
    if (this.ended) return;
    this.settled = true;
    this.ended = true;
    this.#letGo();
    this.upstreamCluster?.end();
    this.endedMs = this.parts.now();
    try {
      for (const observer of this.parts.observers) observer.callEnded(this);
    } catch (error) {
      this.#tellFault('record', error);
    }
  }

  /** Something threw on the way of this call: it fails, and no other one does. Never throws. */
  crashed(error: unknown): void {
    const part = this.#part;
    this.#tellFault(part, error);
    if (this.ended) return;
    // It may be what threw.
    this.rewrite = null;
    const { downstream, attempt } = this;
    const isAnswered = downstream.sentEnd || (this.settled && downstream.queuedBytes > 0);
    try {
      attempt?.abandon(ErrorCode.INTERNAL_ERROR);
      this.settled = isAnswered;
      if (this.head !== null) this.fail(failureOfFault(part));
    } catch (again) {
      this.#tellFault(part, again);
      downstream.reset(ErrorCode.INTERNAL_ERROR);
    }
    if (this.head === null) {
      // Nobody was told that it began.
      this.ended = true;
      downstream.reset(ErrorCode.INTERNAL_ERROR);
    } else if (downstream.queuedBytes === 0) this.finish();
  }

  #tellFault(part: CallPart, error: unknown): void {
    const { log, onFault } = this.parts;
    onFault(part);
    log('error', 'a call failed by a fault of this program', {
      method: this.method,
      cluster: this.cluster,
      part,
      error: describeFault(error),
    });
  }

  get #part(): CallPart {
    if (this.head === null) return 'head';
    if (this.upstreamCluster === null) return 'route';
    if (this.attempt === null) return 'endpoint';
    return this.responseStarted ? 'response' : 'request';
  }

  /** Work that begins outside a read: what it writes is flushed when it is done. */
  protected inTurn(work: () => void): void {
    if (this.settled) return;
    this.parts.flusher.enter();
    try {
      work();
    } catch (error) {
      this.crashed(error);
    } finally {
      this.parts.flusher.leave();
    }
  }

  #letGo(): void {
    if (this.deadlineSlot !== -1) this.parts.deadlines.remove(this);
    this.request.forget();
    this.retries?.stop();
    if (this.pending !== null) {
      this.pending.cancel();
      this.pending = null;
    }
  }
}
