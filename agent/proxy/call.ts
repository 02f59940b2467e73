// One call: a downstream stream, and a list of attempts of which the last one carries it. This class is the story;
// what it calls are its parts: directing, picking, connecting, coupling, observing, ending.
//
//   head ──direct──▶ directing ──pick──▶ connecting ──room──▶ streaming ──last byte──▶ ended
//     └──────────────── reject, failure, deadline, cancel: answered, then ──────────────▲
import {
  type CallPolicy,
  type Decision,
  type HeadChange,
  type HttpAnswer,
  type PendingDecision,
  traitsOf,
} from '../director/decision.ts';
import { type CallHead, readCallHead } from '../grpc/call-head.ts';
import { status } from '../grpc/status.ts';
import { readMessage, readStatus } from '../grpc/trailers.ts';
import {
  type Connection,
  ErrorCode,
  type HeaderBlock,
  type ResetOrigin,
  type Stream,
  type StreamHandler,
} from '../http2/index.ts';
import type { FailureSource, ResponseFlag } from '../observe/call-observer.ts';
import type { UpstreamEndpoint } from '../upstream/endpoint.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import { callDeadline, deadlineMessage, requestTimeout } from './call-deadline.ts';
import { type CallContext, type ProxyParts, type Upstream, upstreamHead, withoutHost } from './call-parts.ts';
import {
  accessDenied,
  accessDeniedInHttp,
  answerFailure,
  type CallFailure,
  headTooLarge,
  noHandler,
  statusOfResponseHead,
  unknownCluster,
} from './failure.ts';
import { KeptRequest } from './kept-request.ts';
import { failureOfClient, failureOfReset } from './reset-mapping.ts';
import { NONE, VisibleCall } from './visible-call.ts';

/** A stream that was not processed is sent again at most this often (gRFC A6 allows one that reached the wire). */
const MAX_TRANSPARENT_RETRIES = 1;

export class Call extends VisibleCall implements StreamHandler, AttemptOwner {
  readonly #parts: ProxyParts;
  #context: CallContext;
  readonly #request = new KeptRequest(this.downstream.connection);
  #head: CallHead | null = null;
  /** The decision that is waited for. */
  #pending: PendingDecision<CallContext> | null = null;
  #policy: CallPolicy | null = null;
  /** What the route makes of the heads that pass it. */
  #rewrite: HeadChange | null = null;
  #upstreamCluster: Upstream | null = null;
  /** What the route's hash policy made of the call. */
  #hash: bigint | null = null;
  #tried: readonly UpstreamEndpoint[] = NONE;
  #transparentRetries = 0;
  #creditedBytes = 0;
  #responseStarted = false;
  /** The outcome is settled and handed to the downstream stream; `ended` once its last byte has left. */
  #settled = false;
  #ended = false;

  constructor(parts: ProxyParts, context: CallContext, downstream: Stream) {
    super(context.direction, downstream, parts.now());
    this.#parts = parts;
    this.#context = context;
  }

  // ---- what the client sends -----------------------------------------------------------------------------------

  onHeaders(_stream: Stream, block: HeaderBlock, endStream: boolean): void {
    if (this.#head === null) this.#start(block, endStream);
    else this.#requestTrailersCame(block);
  }

  onData(_stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    this.requestMessages.add(buf, start, end);
    const request = this.#request;
    request.ended = endStream;
    if (this.#settled) return;
    const stream = this.attempt === null ? null : this.attempt.stream;
    request.keepData(buf, start, end, stream !== null);
    if (stream !== null) stream.sendData(buf, start, end, endStream);
  }

  onReset(_stream: Stream, code: number, by: ResetOrigin): void {
    if (this.#ended) return;
    this.attempt?.abandon(ErrorCode.CANCEL);
    if (!this.#settled) {
      const failure = failureOfClient(code, by);
      this.status = failure.status;
      this.flag = failure.flag;
      this.source = failure.source;
      this.message = failure.message;
    }
    this.#finish();
  }

  /** Response bytes have left toward the client: the upstream may send as many more. */
  onSent(_stream: Stream, bytes: number): void {
    this.attempt?.stream?.credit(bytes);
    if (this.#settled && this.downstream.queuedBytes === 0) this.#finish();
  }

  // ---- the story -----------------------------------------------------------------------------------------------

  #start(block: HeaderBlock, endStream: boolean): void {
    const parts = this.#parts;
    const head = readCallHead(block, parts.headMemo);
    this.#head = head;
    this.#request.ended = endStream;
    this.method = head.method;
    this.authority = head.authority;
    if (parts.tracer !== null) this.trace = parts.tracer.begin(block);
    for (const observer of parts.observers) observer.callStarted(this);
    this.#direct(head, block);
  }

  #direct(head: CallHead, block: HeaderBlock): void {
    const decision = this.#context.director.direct(head, this);
    if (decision.kind === 'pending') this.#await(decision, block);
    else this.#route(decision, block);
  }

  /** Meanwhile the client's own deadline counts. */
  #await(pending: PendingDecision<CallContext>, block: HeaderBlock): void {
    this.#pending = pending;
    this.#request.keepHead(block);
    this.#setDeadline(callDeadline(this.startedMs, block, null));
    void pending.decision.then((decision) =>
      this.#inTurn(() => {
        this.#pending = null;
        this.#route(decision, this.#request.head!);
      }),
    );
  }

  #setDeadline(deadlineMs: number): void {
    const { deadlines } = this.#parts;
    if (this.deadlineSlot !== -1) deadlines.remove(this);
    this.deadlineMs = deadlineMs;
    if (deadlineMs !== Number.POSITIVE_INFINITY) deadlines.add(this);
  }

  #route(decision: Decision<CallContext>, block: HeaderBlock): void {
    if (decision.kind === 'handed-on') {
      this.#context = decision.context;
      this.#direct(this.#head!, block);
      return;
    }
    const traits = traitsOf(decision);
    this.#rewrite = traits === null ? null : traits.rewrite;
    const { filters } = this.#context;
    const denial = filters === null ? null : filters.check(this.#head!, this, traits?.filterOverrides ?? null);
    if (denial !== null) {
      this.#parts.log('debug', 'call denied', { method: this.method, peer: this.peer, reason: denial.reason });
      if (this.#rewrite !== null) this.#request.keepHead(block);
      this.#fail(accessDenied, accessDeniedInHttp);
      return;
    }
    if (decision.kind === 'reject') {
      if (this.#rewrite !== null) this.#request.keepHead(block);
      const { status: code, message, flag, http } = decision;
      this.#fail({ status: code, message, flag, source: 'agent' }, http);
      return;
    }
    if (decision.kind === 'local') {
      this.#fail(noHandler(this.#context.name, this.method));
      return;
    }
    const cluster = this.#parts.clusters.get(decision.cluster);
    this.cluster = decision.cluster;
    for (const observer of this.#parts.observers) observer.callRouted(this);
    if (cluster === undefined) {
      if (this.#rewrite !== null) this.#request.keepHead(block);
      this.#fail(unknownCluster(this.#context.name, this.method, decision));
      return;
    }
    this.#policy = decision.policy;
    const { hash } = decision.policy;
    if (hash !== null) this.#hash = hash.of(this.#head!, this.peer);
    const overflow = cluster.begin(this.downstream.connection);
    if (overflow !== null) {
      if (this.#rewrite !== null) this.#request.keepHead(block);
      this.#fail({ status: status.UNAVAILABLE, message: overflow.reason, flag: overflow.flag, source: 'agent' });
      return;
    }
    this.#upstreamCluster = cluster;
    this.#setDeadline(callDeadline(this.startedMs, block, decision.policy));
    if (this.deadlineMs <= this.#parts.now()) this.deadlineExpired();
    else this.#tryEndpoint(block);
  }

  #tryEndpoint(block: HeaderBlock): void {
    const cluster = this.#upstreamCluster!;
    const picked = cluster.pick(this.#tried, this.#hash);
    if (!('pool' in picked)) {
      this.#fail({ status: status.UNAVAILABLE, message: picked.reason, flag: picked.flag, source: 'agent' });
      return;
    }
    const attempt = new Attempt(this, picked, this.attempt, this.#parts.now());
    this.begin(attempt);
    // From here on the block outlives the turn it came in: a stream that is refused is sent again.
    this.#request.keepHead(block);
    const connection = picked.pool.take();
    if (connection !== null) this.#open(attempt, connection, block);
    else picked.pool.wait(attempt);
  }

  attemptReady(attempt: Attempt, connection: Connection): void {
    this.#open(attempt, connection, this.#request.head!);
  }

  #open(attempt: Attempt, connection: Connection, block: HeaderBlock): void {
    const now = this.#parts.now();
    const request = this.#request;
    const own = withoutHost(block, this.#head!, this.#parts.edits);
    const rewritten = this.#rewrite === null ? own : this.#rewrite.request(own, this);
    const timeout = requestTimeout(block, block !== request.head, this, this.#policy!, now);
    const head = upstreamHead(rewritten, this.trace, timeout, this.#parts.edits);
    const oversize = connection.oversizeOf(head);
    if (oversize !== null) {
      this.#fail(headTooLarge(this.cluster, attempt.endpoint, oversize));
      return;
    }
    const stream = attempt.open(connection, head, request.headOnly, now);
    request.sendBody(stream);
  }

  #requestTrailersCame(block: HeaderBlock): void {
    this.#request.ended = true;
    if (this.#settled) return;
    this.#request.keepTrailers(block);
    this.attempt?.stream?.sendHeaders(block, true);
  }

  // ---- what the upstream answers -------------------------------------------------------------------------------

  responseHeaders(attempt: Attempt, block: HeaderBlock, endStream: boolean): void {
    if (attempt !== this.attempt || this.#settled) return;
    let sent = block;
    if (!this.#responseStarted) {
      this.#responseStarted = true;
      attempt.firstByteMs = this.#parts.now();
      if (this.#rewrite !== null) sent = this.#rewrite.response(block, this.#request.head!, this);
      this.#request.forget();
      if (!endStream) this.status = statusOfResponseHead(block);
    }
    this.downstream.sendHeaders(sent, endStream);
    if (endStream) this.#settleAnswered(block);
  }

  responseData(attempt: Attempt, buf: Buffer, start: number, end: number, endStream: boolean): void {
    if (attempt !== this.attempt || this.#settled) return;
    this.responseMessages.add(buf, start, end);
    this.downstream.sendData(buf, start, end, endStream);
    if (endStream) this.#settleAnswered(null);
  }

  requestSent(attempt: Attempt, totalBytes: number): void {
    // A request that is sent a second time was credited the first time.
    if (attempt !== this.attempt || totalBytes <= this.#creditedBytes) return;
    const bytes = totalBytes - this.#creditedBytes;
    this.#creditedBytes = totalBytes;
    this.downstream.credit(bytes);
  }

  attemptUnconnected(attempt: Attempt, reason: string): void {
    if (attempt !== this.attempt || this.#settled) return;
    this.#tried = [...this.#tried, attempt.upstream];
    // Nothing was sent, so another endpoint may have it. None is tried twice, so this ends.
    this.#retry(`can't connect to ${attempt.endpoint}: ${reason}`);
  }

  attemptReset(attempt: Attempt, code: number, by: ResetOrigin, unprocessed: boolean): void {
    if (attempt !== this.attempt || this.#settled) return;
    if (unprocessed && !this.#responseStarted) {
      if (this.#request.replayable && this.#transparentRetries < MAX_TRANSPARENT_RETRIES) {
        this.#transparentRetries++;
        this.#retry(`${attempt.endpoint} did not process the call (HTTP/2 error ${code})`);
        return;
      }
      // The upstream's promise is passed on: the client may send the call again itself (RFC 9113 section 8.7).
      this.#settle(status.UNAVAILABLE, `${attempt.endpoint} refused the stream`, 'UR', 'upstream');
      this.downstream.reset(ErrorCode.REFUSED_STREAM);
      this.#finish();
      return;
    }
    const ending = attempt.stream?.connection.ending ?? null;
    const failure = failureOfReset(this.cluster, attempt.endpoint, code, by, this.#responseStarted, ending);
    if (this.#responseStarted && by === 'peer' && code !== ErrorCode.NO_ERROR) {
      // Its reason passes through: a server ends an overdue call with CANCEL, and the client reads that as such.
      this.#settle(failure.status, failure.message, failure.flag, failure.source);
      this.downstream.reset(code === ErrorCode.REFUSED_STREAM ? ErrorCode.INTERNAL_ERROR : code);
      this.#finish();
      return;
    }
    this.#fail(failure);
  }

  deadlineExpired(): void {
    this.#inTurn(() => {
      const attempt = this.attempt;
      attempt?.abandon(ErrorCode.CANCEL);
      const waitedMs = this.#parts.now() - this.startedMs;
      const message = deadlineMessage(this.cluster, attempt?.endpoint ?? '', attempt?.stream != null, waitedMs);
      this.#fail({ status: status.DEADLINE_EXCEEDED, message, flag: 'UT', source: 'agent' });
    });
  }

  // ---- endings -------------------------------------------------------------------------------------------------

  #retry(reason: string): void {
    this.#parts.log('debug', 'call sent to another endpoint', { method: this.method, cluster: this.cluster, reason });
    this.#tryEndpoint(this.#request.head!);
  }

  /** The whole answer of the upstream has been handed on. `trailers` is `null` when it ended without any. */
  #settleAnswered(trailers: HeaderBlock | null): void {
    let code = trailers === null ? -1 : readStatus(trailers, this.#parts.statusMemo);
    if (code === -1) code = this.status === -1 ? status.UNKNOWN : this.status;
    this.#settle(
      code,
      code === status.OK || trailers === null ? '' : readMessage(trailers),
      '-',
      code === status.OK ? null : 'upstream',
    );
    this.#endDownstream();
  }

  #fail(failure: CallFailure, http: HttpAnswer | null = null): void {
    if (this.#settled) return;
    const rewrite = this.#rewrite;
    const request = this.#request.head;
    const isRewritten = rewrite !== null && request !== null;
    const rewriteHead = isRewritten ? (answer: HeaderBlock) => rewrite.response(answer, request, this) : null;
    this.#settle(failure.status, failure.message, failure.flag, failure.source);
    const head = this.#head!;
    answerFailure(
      this.downstream,
      this.#parts.shapes,
      { ...head, responseStarted: this.#responseStarted, http, rewriteHead },
      failure,
    );
    this.#endDownstream();
  }

  #settle(code: number, message: string, flag: ResponseFlag, source: FailureSource | null): void {
    this.#settled = true;
    this.status = code;
    this.message = message;
    this.flag = flag;
    this.source = source;
    this.#letGo();
  }

  /** An early answer: the client is told to stop sending, behind the last byte (RFC 9113 section 8.1). */
  #endDownstream(): void {
    const downstream = this.downstream;
    if (!this.#request.ended) downstream.reset(ErrorCode.NO_ERROR);
    if (downstream.queuedBytes === 0) this.#finish();
  }

  #finish(): void {
    if (this.#ended) return;
    this.#settled = true;
    this.#ended = true;
    this.#letGo();
    this.#upstreamCluster?.end();
    this.endedMs = this.#parts.now();
    for (const observer of this.#parts.observers) observer.callEnded(this);
  }

  /** The outcome is known: what was kept for another one is given back. */
  #letGo(): void {
    if (this.deadlineSlot !== -1) this.#parts.deadlines.remove(this);
    this.#request.forget();
    if (this.#pending !== null) {
      this.#pending.cancel();
      this.#pending = null;
    }
  }

  /** Work that begins outside a read: what it writes is flushed when it is done. */
  #inTurn(work: () => void): void {
    if (this.#settled) return;
    this.#parts.flusher.enter();
    try {
      work();
    } finally {
      this.#parts.flusher.leave();
    }
  }
}
