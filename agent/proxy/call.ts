// One call: a downstream stream, and a list of attempts of which the last one carries it. This class is the story;
// what it calls are its parts: directing, picking, connecting, coupling, observing, ending.
//
//   head ──direct──▶ directing ──pick──▶ connecting ──room──▶ streaming ──last byte──▶ ended
//     └──────────────── reject, failure, deadline, cancel: answered, then ──────────────▲
import type { CallName } from '../../xds/model/cluster.ts';
import { type CallPolicy, type Decision, type PendingDecision, plainPolicy, traitsOf } from '../director/decision.ts';
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
import { calledServer } from '../upstream/called-server.ts';
import type { UpstreamEndpoint } from '../upstream/endpoint.ts';
import { Attempt, type AttemptOwner } from './attempt.ts';
import { callDeadline, clientTimeout, deadlineMessage, requestTimeout } from './call-deadline.ts';
import { type CallContext, type ProxyParts, type Upstream, upstreamHead, withoutHost } from './call-parts.ts';
import { CallRetries } from './call-retries.ts';
import { EndingCall } from './ending-call.ts';
import { type CallFailure, headTooLarge, noHandler, statusOfResponseHead, unknownCluster } from './failure.ts';
import { failureOfClient, failureOfReset } from './reset-mapping.ts';
import { type FailedAttempt, failedAnswer, unanswered } from './retry-policy.ts';
import { NONE } from './visible-call.ts';

/** A stream that was not processed is sent again at most this often (gRFC A6 allows one that reached the wire). */
const MAX_TRANSPARENT_RETRIES = 1;

export class Call extends EndingCall implements StreamHandler, AttemptOwner {
  #context: CallContext;
  #policy: CallPolicy | null = null;
  /** What the client's grpc-timeout says, ms. */
  #clientTimeoutMs: number | null = null;
  /** What the route's hash policy made of the call. */
  #hash: bigint | null = null;
  /** The server that it is for, where its cluster asks. */
  #server: string | null = null;
  #tried: readonly UpstreamEndpoint[] = NONE;
  #transparentRetries = 0;
  #creditedBytes = 0;

  constructor(parts: ProxyParts, context: CallContext, downstream: Stream) {
    super(parts, context.direction, downstream);
    this.#context = context;
  }

  // ---- what the client sends -----------------------------------------------------------------------------------

  onHeaders(_stream: Stream, block: HeaderBlock, endStream: boolean): void {
    try {
      if (this.head === null) this.#start(block, endStream);
      else this.#requestTrailersCame(block);
    } catch (error) {
      this.crashed(error);
    }
  }

  onData(_stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void {
    this.requestMessages.add(buf, start, end);
    const request = this.request;
    request.ended = endStream;
    if (this.settled) return;
    const stream = this.attempt === null ? null : this.attempt.stream;
    request.keepData(buf, start, end, stream !== null);
    if (stream !== null) stream.sendData(buf, start, end, endStream);
  }

  onReset(_stream: Stream, code: number, by: ResetOrigin): void {
    if (this.ended) return;
    this.attempt?.abandon(ErrorCode.CANCEL);
    if (!this.settled) this.settle(failureOfClient(code, by));
    this.finish();
  }

  /** Response bytes have left toward the client: the upstream may send as many more. */
  onSent(_stream: Stream, bytes: number): void {
    this.attempt?.stream?.credit(bytes);
    if (this.settled && this.downstream.queuedBytes === 0) this.finish();
  }

  // ---- the story -----------------------------------------------------------------------------------------------

  #start(block: HeaderBlock, endStream: boolean): void {
    const parts = this.parts;
    const head = readCallHead(block, parts.headMemo);
    this.head = head;
    this.request.ended = endStream;
    this.method = head.method;
    this.authority = head.authority;
    this.#clientTimeoutMs = clientTimeout(block);
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
    this.pending = pending;
    this.request.keepHead(block);
    this.#setDeadline(callDeadline(this.startedMs, this.#clientTimeoutMs, null));
    void pending.decision.then(
      (decision) =>
        this.inTurn(() => {
          this.pending = null;
          this.#route(decision, this.request.head!);
        }),
      (error: unknown) => this.inTurn(() => this.crashed(error)),
    );
  }

  #setDeadline(deadlineMs: number): void {
    const { deadlines } = this.parts;
    if (this.deadlineSlot !== -1) deadlines.remove(this);
    this.deadlineMs = deadlineMs;
    if (deadlineMs !== Number.POSITIVE_INFINITY) deadlines.add(this);
  }

  #route(decision: Decision<CallContext>, block: HeaderBlock): void {
    if (decision.kind === 'handed-on') {
      this.#context = decision.context;
      this.#direct(this.head!, block);
      return;
    }
    const traits = traitsOf(decision);
    this.rewrite = traits === null ? null : traits.rewrite;
    // An answer of our own is made for the request as it came.
    if (this.rewrite !== null) this.request.keepHead(block);
    const { filters } = this.#context;
    const denial = filters === null ? null : filters.check(this.head!, this, traits?.filterOverrides ?? null);
    if (denial !== null) {
      this.parts.log('debug', 'call denied', { method: this.method, peer: this.peer, reason: denial.reason });
      this.fail(denial.answer, denial.http);
      return;
    }
    if (decision.kind === 'reject') {
      const { status: code, message, flag, http } = decision;
      this.fail({ status: code, message, flag, source: 'agent' }, http);
      return;
    }
    if (decision.kind === 'local') {
      const { local, name } = this.#context;
      if (local === null) this.fail(noHandler(name, this.method));
      else this.#forward(local, plainPolicy, block);
      return;
    }
    const cluster = this.parts.clusters.get(decision.cluster);
    this.cluster = decision.cluster;
    for (const observer of this.parts.observers) observer.callRouted(this);
    if (cluster === undefined) {
      this.fail(unknownCluster(this.#context.name, this.method, decision));
      return;
    }
    this.#forward(cluster, decision.policy, block);
  }

  #forward(cluster: Upstream, policy: CallPolicy, block: HeaderBlock): void {
    this.#policy = policy;
    const { hash, retry } = policy;
    if (hash !== null) this.#hash = hash.of(this.head!, this.peer);
    if (retry !== null) this.retries = new CallRetries(retry, cluster, this.parts.random);
    const overflow = cluster.begin(this.downstream.connection);
    if (overflow !== null) {
      this.fail({ status: status.UNAVAILABLE, message: overflow.reason, flag: overflow.flag, source: 'agent' });
      return;
    }
    this.upstreamCluster = cluster;
    if (cluster.callName !== null) this.#server = this.#calledServer(cluster.callName, block);
    this.#setDeadline(callDeadline(this.startedMs, this.#clientTimeoutMs, policy));
    if (this.deadlineMs <= this.parts.now()) this.deadlineExpired();
    else this.#tryEndpoint(block);
  }

  #calledServer(callName: CallName, block: HeaderBlock): string | null {
    const sent = this.rewrite === null ? block : this.rewrite.request(block, this);
    return calledServer(callName, block, sent.value(':authority') ?? this.authority);
  }

  #tryEndpoint(block: HeaderBlock): void {
    const cluster = this.upstreamCluster!;
    const picked = cluster.pick(this.#tried, this.#hash, this.#server);
    if (!('pool' in picked)) {
      if (picked.flag !== 'UO' && this.#tryLater(unanswered(status.UNAVAILABLE, 'unconnected'), block)) return;
      this.fail({ status: status.UNAVAILABLE, message: picked.reason, flag: picked.flag, source: 'agent' });
      return;
    }
    const attempt = new Attempt(this, picked, this.attempt, this.parts.now());
    this.begin(attempt);
    // From here on the block outlives the turn it came in: a stream that is refused is sent again.
    this.request.keepHead(block);
    const connection = picked.pool.take();
    if (connection !== null) this.#open(attempt, connection, block);
    else picked.pool.wait(attempt);
  }

  attemptReady(attempt: Attempt, connection: Connection): void {
    this.#open(attempt, connection, this.request.head!);
  }

  #open(attempt: Attempt, connection: Connection, block: HeaderBlock): void {
    const now = this.parts.now();
    const request = this.request;
    const own = withoutHost(block, this.head!, this.parts.edits);
    const rewritten = this.rewrite === null ? own : this.rewrite.request(own, this);
    const timeout = requestTimeout(this.#clientTimeoutMs, block !== request.head, this, this.#policy!, now);
    const { edits } = this.parts;
    const marked = this.retries === null ? rewritten : this.retries.mark(rewritten, edits.previousAttempts);
    const head = upstreamHead(marked, this.trace, timeout, edits);
    const oversize = connection.oversizeOf(head);
    if (oversize !== null) {
      this.fail(headTooLarge(this.cluster, attempt.endpoint, oversize));
      return;
    }
    const stream = attempt.open(connection, head, request.headOnly, now);
    request.sendBody(stream);
  }

  #requestTrailersCame(block: HeaderBlock): void {
    this.request.ended = true;
    if (this.settled) return;
    this.request.keepTrailers(block);
    this.attempt?.stream?.sendHeaders(block, true);
  }

  // ---- what the upstream answers -------------------------------------------------------------------------------

  responseHeaders(attempt: Attempt, block: HeaderBlock, endStream: boolean): void {
    if (attempt !== this.attempt || this.settled) return;
    let sent = block;
    if (!this.responseStarted) {
      if (this.retries !== null && this.#isTriedAgain(attempt, block, endStream)) return;
      this.responseStarted = true;
      attempt.firstByteMs = this.parts.now();
      if (this.rewrite !== null) sent = this.rewrite.response(block, this.request.head!, this);
      this.request.forget();
      if (!endStream) this.status = statusOfResponseHead(block);
    }
    this.downstream.sendHeaders(sent, endStream);
    if (endStream) this.#settleAnswered(block);
  }

  responseData(attempt: Attempt, buf: Buffer, start: number, end: number, endStream: boolean): void {
    if (attempt !== this.attempt || this.settled) return;
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
    if (attempt !== this.attempt || this.settled) return;
    this.#tried = [...this.#tried, attempt.upstream];
    // Nothing was sent, so another endpoint may have it. None is tried twice, so this ends.
    this.#retry(`can't connect to ${attempt.endpoint}: ${reason}`);
  }

  attemptReset(attempt: Attempt, code: number, by: ResetOrigin, unprocessed: boolean): void {
    if (attempt !== this.attempt || this.settled) return;
    if (unprocessed && !this.responseStarted) {
      if (this.request.replayable && this.#transparentRetries < MAX_TRANSPARENT_RETRIES) {
        this.#transparentRetries++;
        this.#retry(`${attempt.endpoint} did not process the call (HTTP/2 error ${code})`);
        return;
      }
      // The upstream's promise is passed on: the client may send the call again itself (RFC 9113 section 8.7).
      const message = `${attempt.endpoint} refused the stream`;
      const refused: CallFailure = { status: status.UNAVAILABLE, message, flag: 'UR', source: 'upstream' };
      if (this.#tryLater(unanswered(refused.status, 'refused'), null)) return;
      this.settle(refused);
      this.downstream.reset(ErrorCode.REFUSED_STREAM);
      this.finish();
      return;
    }
    const ending = attempt.stream?.connection.ending ?? null;
    const failure = failureOfReset(this.cluster, attempt.endpoint, code, by, this.responseStarted, ending);
    if (this.responseStarted && by === 'peer' && code !== ErrorCode.NO_ERROR) {
      // Its reason passes through: a server ends an overdue call with CANCEL, and the client reads that as such.
      this.settle(failure);
      this.downstream.reset(code === ErrorCode.REFUSED_STREAM ? ErrorCode.INTERNAL_ERROR : code);
      this.finish();
      return;
    }
    if (!this.#tryLater(unanswered(failure.status, 'reset'), null)) this.fail(failure);
  }

  deadlineExpired(): void {
    this.inTurn(() => {
      const attempt = this.attempt;
      attempt?.abandon(ErrorCode.CANCEL);
      const waitedMs = this.parts.now() - this.startedMs;
      const message = deadlineMessage(this.cluster, attempt?.endpoint ?? '', attempt?.stream != null, waitedMs);
      this.fail({ status: status.DEADLINE_EXCEEDED, message, flag: 'UT', source: 'agent' });
    });
  }

  // ---- endings -------------------------------------------------------------------------------------------------

  #retry(reason: string): void {
    this.parts.log('debug', 'call sent to another endpoint', { method: this.method, cluster: this.cluster, reason });
    this.#tryEndpoint(this.request.head!);
  }

  /** Whether the answer is a failure for which there is another attempt; else it counts. */
  #isTriedAgain(attempt: Attempt, block: HeaderBlock, endStream: boolean): boolean {
    const { stream } = attempt;
    const failed = failedAnswer(block, endStream, this.parts.statusMemo);
    if (failed === null || !this.#tryLater(failed, null)) {
      this.retries?.stop();
      return false;
    }
    attempt.firstByteMs = this.parts.now();
    if (!endStream) stream?.reset(ErrorCode.CANCEL);
    return true;
  }

  /** Whether the call waits for another attempt. @param block its head, where that has not been kept. */
  #tryLater(failed: FailedAttempt, block: HeaderBlock | null): boolean {
    const retries = this.retries;
    if (retries === null || this.responseStarted) return false;
    if (block !== null) this.request.keepHead(block);
    if (!this.request.replayable) return false;
    const again = (): void =>
      this.inTurn(() => {
        this.#tried = NONE;
        this.#retry(`its status was ${failed.status}`);
      });
    if (!retries.plan(failed, this.deadlineMs - this.parts.now(), again)) return false;
    // What the client sends meanwhile is kept whole, since no stream takes it.
    if (this.attempt !== null) this.attempt.stream = null;
    return true;
  }

  /** The whole answer of the upstream has been handed on. `trailers` is `null` when it ended without any. */
  #settleAnswered(trailers: HeaderBlock | null): void {
    let code = trailers === null ? -1 : readStatus(trailers, this.parts.statusMemo);
    if (code === -1) code = this.status === -1 ? status.UNKNOWN : this.status;
    this.settle({
      status: code,
      message: code === status.OK || trailers === null ? '' : readMessage(trailers),
      flag: this.retries?.isExhausted ? 'URX' : '-',
      source: code === status.OK ? null : 'upstream',
    });
    this.endDownstream();
  }
}
