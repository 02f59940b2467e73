// Where calls begin: each new downstream stream becomes a `Call` (call.ts tells its story) with the parts it needs.
import type { Director } from '../director/decision.ts';
import { type CallHeadMemo, createCallHeadMemo } from '../grpc/call-head.ts';
import type { DeadlineQueue } from '../grpc/deadline-queue.ts';
import { createStatusMemo, type StatusMemo } from '../grpc/trailers.ts';
import type { Flusher, HeaderEdit, HeaderShapes, Stream, StreamHandler } from '../http2/index.ts';
import type { CallObserver, CallTracer } from '../observe/call-observer.ts';
import type { Log } from '../observe/log.ts';
import type { ClusterManager } from '../upstream/cluster-manager.ts';
import { Call } from './call.ts';

/** What the calls of one listener have in common. */
export interface CallContext {
  /** The listener's name, for messages. */
  readonly name: string;
  readonly direction: 'inbound' | 'outbound';
  readonly director: Director;
}

export interface ProxyOptions {
  readonly shapes: HeaderShapes;
  readonly flusher: Flusher;
  readonly clusters: ClusterManager;
  readonly deadlines: DeadlineQueue;
  readonly observers: readonly CallObserver[];
  /** `null`: no call is recorded and trace context passes untouched. */
  readonly tracer: CallTracer | null;
  readonly log: Log;
  /** Monotonic milliseconds. */
  readonly now: () => number;
}

export interface ProxyParts extends ProxyOptions {
  readonly headMemo: CallHeadMemo;
  readonly statusMemo: StatusMemo;
  readonly edits: {
    readonly authority: HeaderEdit;
    readonly traceparent: HeaderEdit;
    readonly grpcTimeout: HeaderEdit;
  };
}

export class GrpcProxy {
  readonly #parts: ProxyParts;

  constructor(options: ProxyOptions) {
    const { shapes } = options;
    this.#parts = {
      ...options,
      headMemo: createCallHeadMemo(shapes),
      statusMemo: createStatusMemo(shapes),
      edits: {
        authority: shapes.edit({ set: [{ name: ':authority' }] }),
        traceparent: shapes.edit({ set: [{ name: 'traceparent' }] }),
        grpcTimeout: shapes.edit({ set: [{ name: 'grpc-timeout' }] }),
      },
    };
  }

  /** Takes a stream that a client opened. */
  accept(stream: Stream, context: CallContext): StreamHandler {
    return new Call(this.#parts, context, stream);
  }
}
