// What a director answers: where a call goes, if it goes anywhere.
import type { CallHead } from '../grpc/call-head.ts';
import type { ResponseFlag } from '../observe/call-observer.ts';

export type Decision =
  | { readonly kind: 'forward'; readonly cluster: string; readonly policy: CallPolicy }
  /** To the handlers that live in this process (gRFC A36 non_forwarding_action; the library's `local`). */
  | { readonly kind: 'local' }
  /** `status` is a gRPC code; `message` names hop and reason. */
  | { readonly kind: 'reject'; readonly status: number; readonly message: string; readonly flag: ResponseFlag };

/** How a forwarded call is to be treated. All times in milliseconds; `null`: no limit. */
export interface CallPolicy {
  readonly timeoutMs: number | null;
  readonly maxStreamDurationMs: number | null;
  readonly grpcTimeoutMaxMs: number | null;
  readonly hostRewrite: string | null;
  /** Makes of a call what balancing by hash goes by. */
  readonly hash: CallHash | null;
}

export interface CallHash {
  /** 64 bits, unsigned; `null` where the call has nothing to go by. `peer` is `host:port` of who calls. */
  of(head: CallHead, peer: string): bigint | null;
}

export interface Director {
  /** Rules compiled from configuration answer at once; a user's function may answer with a promise. */
  direct(head: CallHead): Decision | Promise<Decision>;
}
