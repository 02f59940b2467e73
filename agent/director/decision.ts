// What a director answers: where a call goes, if it goes anywhere.
import type { FilterOverrides } from '../../xds/model/http-filter.ts';
import type { RetryPolicy } from '../../xds/model/retry-policy.ts';
import type { CallHead } from '../grpc/call-head.ts';
import type { HeaderBlock } from '../http2/index.ts';
import type { ResponseFlag } from '../observe/call-observer.ts';
import type { CallFacts } from './call-facts.ts';

/** `Context`: what calls of a listener have in common, where a director knows of other listeners than its own. */
export type Decision<Context = never> =
  | { readonly kind: 'forward'; readonly cluster: string; readonly policy: CallPolicy }
  /** To the handlers that live in this process (gRFC A36 non_forwarding_action). */
  | { readonly kind: 'local' }
  /** By the rules of another listener. */
  | { readonly kind: 'handed-on'; readonly context: Context }
  /** `status` is a gRPC code; `message` names hop and reason. */
  | Rejection;

/** An answer that needs no endpoint. */
export interface Rejection {
  readonly kind: 'reject';
  /** gRPC code. */
  readonly status: number;
  /** Names hop and reason. */
  readonly message: string;
  readonly flag: ResponseFlag;
  /** Of the route that answers; `null`: none took the call. */
  readonly route: RouteTraits | null;
  /** What callers get that don't speak gRPC; `null`: what the status means in HTTP. Its fields go to all callers. */
  readonly http: HttpAnswer | null;
}

/** What holds for every call that a route takes, whether it is forwarded or not. */
export interface RouteTraits {
  /** What becomes of the heads that pass; `null`: they stay as they are. */
  readonly rewrite: HeadChange | null;
  /** Rules of the route's own for filters of its connection manager; `null`: none. */
  readonly filterOverrides: FilterOverrides | null;
}

/** What is made of the heads of a call on their way through. Each answer is valid as long as `head` is. */
export interface HeadChange {
  request(head: HeaderBlock, facts: CallFacts): HeaderBlock;
  /** @param requestHead as it came. `head` is the upstream's, or our own. */
  response(head: HeaderBlock, requestHead: HeaderBlock, facts: CallFacts): HeaderBlock;
}

export interface HttpAnswer {
  /** `null`: what the gRPC code means in HTTP. */
  readonly status: number | null;
  /** `null`: code and message. */
  readonly body: string | null;
  readonly fields: readonly (readonly [name: string, value: string])[];
}

/** How a forwarded call is to be treated. All times in milliseconds; `null`: no limit. */
export interface CallPolicy extends RouteTraits {
  readonly timeoutMs: number | null;
  readonly maxStreamDurationMs: number | null;
  readonly grpcTimeoutMaxMs: number | null;
  /** `null`: a call is sent again only where it provably was not processed. */
  readonly retry: RetryPolicy | null;
  /** gRPC code for calls to a cluster that is not known. */
  readonly unknownClusterStatus: number;
  /** Makes of a call what balancing by hash goes by. */
  readonly hash: CallHash | null;
}

/** The client's own deadline counts, and nothing else. */
export const plainPolicy: CallPolicy = {
  timeoutMs: null,
  maxStreamDurationMs: null,
  grpcTimeoutMaxMs: null,
  retry: null,
  unknownClusterStatus: 14,
  hash: null,
  rewrite: null,
  filterOverrides: null,
};

export interface CallHash {
  /** 64 bits, unsigned; `null` where the call has nothing to go by. `peer` is `host:port` of who calls. */
  of(head: CallHead, peer: string): bigint | null;
}

/** What the route brings that takes the call; `null` where none does, or it stays in this process. */
export function traitsOf(decision: Exclude<Decision<unknown>, { kind: 'handed-on' }>): RouteTraits | null {
  switch (decision.kind) {
    case 'forward':
      return decision.policy;
    case 'reject':
      return decision.route;
    case 'local':
      return null;
  }
}

/** A decision that is still being made. */
export interface PendingDecision<Context = never> {
  readonly kind: 'pending';
  /** Never rejects. */
  readonly decision: Promise<Decision<Context>>;
  /** The call is over, and the decision of no use any more. */
  cancel(): void;
}

export interface Director<Context = never> {
  /** Rules compiled from configuration answer at once; a user's function may take its time. Never throws. */
  direct(head: CallHead, facts: CallFacts): Decision<Context> | PendingDecision<Context>;
}
