// What a call is given: what it shares with all calls of its data plane, and with those of its listener.
import type { Director } from '../director/decision.ts';
import type { CallFilters } from '../filters/filter-chain.ts';
import type { CallHead, CallHeadMemo } from '../grpc/call-head.ts';
import type { DeadlineQueue } from '../grpc/deadline-queue.ts';
import type { StatusMemo } from '../grpc/trailers.ts';
import type { Flusher, HeaderBlock, HeaderEdit, HeaderShapes } from '../http2/index.ts';
import type { CallObserver, CallTrace, CallTracer } from '../observe/call-observer.ts';
import type { Log } from '../observe/log.ts';
import type { UpstreamCluster } from '../upstream/cluster.ts';
import type { CallPart } from './call-fault.ts';

/** What the calls of one listener have in common. */
export interface CallContext {
  /** The listener's name, for messages. */
  readonly name: string;
  readonly direction: 'inbound' | 'outbound';
  readonly director: Director<CallContext>;
  /** What is asked about each call before it goes anywhere; `null`: nothing. */
  readonly filters: CallFilters | null;
  /** What takes calls that a route leaves to this process; `null`: nothing does. */
  readonly local: Upstream | null;
}

/** What a call needs of the cluster that takes it. */
export type Upstream = Pick<UpstreamCluster, 'begin' | 'end' | 'pick' | 'beginRetry' | 'endRetry' | 'callName'>;

/** Clusters by name. */
export interface Upstreams {
  get(name: string): Upstream | undefined;
}

export interface ProxyOptions {
  readonly shapes: HeaderShapes;
  readonly flusher: Flusher;
  readonly clusters: Upstreams;
  readonly deadlines: DeadlineQueue;
  readonly observers: readonly CallObserver[];
  /** `null`: no call is recorded and trace context passes untouched. */
  readonly tracer: CallTracer | null;
  readonly log: Log;
  /** A throw was met on the way of a call, which failed for it; it has been logged. */
  readonly onFault: (part: CallPart) => void;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Uniform in [0, 1): spreads retries. */
  readonly random: () => number;
}

export interface ProxyParts extends ProxyOptions {
  readonly headMemo: CallHeadMemo;
  readonly statusMemo: StatusMemo;
  readonly edits: {
    readonly authority: HeaderEdit;
    readonly traceparent: HeaderEdit;
    readonly grpcTimeout: HeaderEdit;
    readonly previousAttempts: HeaderEdit;
  };
}

/** A request's block with its authority in `:authority` alone (RFC 9113 section 8.3.1, gRFC A41). */
export function withoutHost(block: HeaderBlock, head: CallHead, edits: ProxyParts['edits']): HeaderBlock {
  return head.hasHost ? block.edit(edits.authority, [Buffer.from(head.authority, 'latin1')]) : block;
}

/** `head` with what is ours to say upstream: the trace context and the time that is left, where they change. */
export function upstreamHead(
  head: HeaderBlock,
  trace: CallTrace | null,
  timeout: Uint8Array | null,
  edits: ProxyParts['edits'],
): HeaderBlock {
  const traced = trace === null ? head : head.edit(edits.traceparent, [trace.traceparent]);
  return timeout === null ? traced : traced.edit(edits.grpcTimeout, [timeout]);
}
