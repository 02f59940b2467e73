// Where calls begin: each new downstream stream becomes a `Call` (call.ts tells its story) with the parts it needs.
import { createCallHeadMemo } from '../grpc/call-head.ts';
import { createStatusMemo } from '../grpc/trailers.ts';
import type { Stream, StreamHandler } from '../http2/index.ts';
import { Call } from './call.ts';
import type { CallContext, ProxyOptions, ProxyParts } from './call-parts.ts';

export class GrpcProxy {
  readonly #parts: ProxyParts;

  constructor(options: ProxyOptions) {
    const { shapes } = options;
    this.#parts = {
      ...options,
      headMemo: createCallHeadMemo(shapes),
      statusMemo: createStatusMemo(shapes),
      edits: {
        authority: shapes.edit({ remove: ['host'], set: [{ name: ':authority' }] }),
        traceparent: shapes.edit({ set: [{ name: 'traceparent' }] }),
        grpcTimeout: shapes.edit({ set: [{ name: 'grpc-timeout' }] }),
        previousAttempts: shapes.edit({ set: [{ name: 'grpc-previous-rpc-attempts' }] }),
      },
    };
  }

  /** Takes a stream that a client opened. */
  accept(stream: Stream, context: CallContext): StreamHandler {
    return new Call(this.#parts, context, stream);
  }
}
