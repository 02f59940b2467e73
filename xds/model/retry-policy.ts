// When a call that failed is tried again (envoy.config.route.v3.RetryPolicy, gRFC A6 and A44).

export interface RetryPolicy {
  /** With the first: 2 or more. */
  readonly maxAttempts: number;
  /** Above 0; before the second attempt, give or take a fifth. */
  readonly initialBackoffMs: number;
  /** Not below `initialBackoffMs`. */
  readonly maxBackoffMs: number;
  /** 1 or more; what each further wait is longer by. */
  readonly backoffMultiplier: number;
  /** gRPC codes of answers. */
  readonly statuses: readonly number[];
  /** Of answers that are none of gRPC's. */
  readonly httpStatuses: readonly number[];
  /** Which calls that got no answer; `by-status`: those whose code is in `statuses` (gRFC A6). */
  readonly unanswered: readonly UnansweredCause[] | 'by-status';
}

/** No endpoint could be connected to; the stream was refused, and not processed; it was reset, or its connection lost. */
export type UnansweredCause = (typeof unansweredCauses)[number];

export const unansweredCauses = ['unconnected', 'refused', 'reset'] as const;
