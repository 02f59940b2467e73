// What a user's director function may answer: where a call goes and how, or the status that it gets.
import type { RetryPolicy } from '../../xds/model/retry-policy.ts';
import { Metadata } from '../grpc/metadata.ts';
import { STATUS_NAMES, status } from '../grpc/status.ts';
import type { TargetTls } from '../grpc/target.ts';
import type { DirectorCall } from './director-call.ts';

/**
 * Decides about one call. Throwing what `reject` made, or an error with a gRPC `code`, answers with that status; whatever
 * else it throws is INTERNAL. A promise is waited for as long as the proxy's `directorTimeoutMs`.
 */
export type DirectorFunction = (call: DirectorCall) => DirectorAnswer | PromiseLike<DirectorAnswer>;

export type DirectorAnswer = Forward | Reject;

/** Where a call goes, and what becomes of it on the way. */
export type Forward = ForwardTo & ForwardOptions;

export type ForwardTo =
  | {
      /**
       * `10.0.0.1:443`, `[::1]:443`, `dns:///api.example.com:443`, `unix:/run/api.sock`; or a list, over which calls are
       * balanced one by one. Connections are shared by all calls to that target and identity.
       */
      readonly target: string | readonly string[];
      /** `true`: verified by Node's roots and the target's name. Default: clear text. */
      readonly tls?: boolean | TargetTls;
      readonly cluster?: never;
    }
  | {
      /** One that the proxy's `clusters` declare. */
      readonly cluster: string;
      readonly target?: never;
      readonly tls?: never;
    };

export interface ForwardOptions {
  /** What goes upstream as `:authority`. Default: what came. */
  readonly authority?: string;
  /** What goes upstream. Default: what came; change it as in `call.metadata.with('x-via', 'edge')`. */
  readonly metadata?: Metadata;
  /** From the call's arrival, and upstream as `grpc-timeout`; the client's own deadline counts too. Default: none. */
  readonly timeoutMs?: number;
  /** Default: a call is sent again only where it provably was not processed. */
  readonly retry?: Retry;
}

/**
 * When a call that failed is tried again: before any of its answer went to the client, while its request is at hand
 * (64 KiB of one that is under way), and while not too many other calls are on a retry. What an endpoint says in
 * `grpc-retry-pushback-ms` goes before the waits given here. Source: gRFC A6.
 */
export interface Retry {
  /** With the first: 2 to 5. */
  readonly maxAttempts: number;
  /** Codes that are tried again; a lost connection is UNAVAILABLE. Default: UNAVAILABLE. */
  readonly statuses?: readonly number[];
  /** Before the second attempt, give or take a fifth. Default 100. */
  readonly initialBackoffMs?: number;
  /** Default 1,000. */
  readonly maxBackoffMs?: number;
  /** What each further wait is longer by. Default 2. */
  readonly backoffMultiplier?: number;
}

/** Make it with `reject`. */
export interface Reject {
  readonly kind: 'reject';
  /** 1 to 16. */
  readonly status: number;
  readonly message: string;
  /** Goes with the status, as `grpc-status-details-bin` does; `null`: nothing does. */
  readonly metadata: Metadata | null;
}

/**
 * Answers the call with that status: `return reject(status.UNIMPLEMENTED, 'Unknown method')`, or `throw` it.
 * @param code 1 to 16; @throws RangeError for any other.
 * @param metadata for the client, beside the status.
 */
export function reject(code: number, message = '', metadata: Metadata | null = null): Reject {
  if (!isFailure(code)) throw new RangeError(`${code} is no status to reject a call with: 1 to 16 are`);
  return { kind: 'reject', status: code, message, metadata };
}

/** The status that a thrown value stands for; `null` where it is a fault. */
export function thrownStatus(thrown: unknown): Reject | null {
  if (typeof thrown !== 'object' || thrown === null) return null;
  const { kind, status: own, code, details, message, metadata }: Record<string, unknown> = { ...thrown };
  if (kind === 'reject' && isFailure(own)) {
    return { kind, status: own, message: textOf(message), metadata: metadata instanceof Metadata ? metadata : null };
  }
  // As grpc-js makes them: ServiceError and StatusObject. The codes of Node's own errors are text.
  if (!isFailure(code)) return null;
  const text = thrown instanceof Error ? thrown.message : message;
  return { kind: 'reject', status: code, message: textOf(details ?? text), metadata: null };
}

/** @throws TypeError that names what is wrong. */
export function retryPolicy(retry: Retry | undefined): RetryPolicy | null {
  if (retry === undefined) return null;
  const { maxAttempts, statuses = [status.UNAVAILABLE], initialBackoffMs = 100, backoffMultiplier = 2 } = retry;
  const { maxBackoffMs = Math.max(1000, initialBackoffMs) } = retry;
  if (!(Number.isInteger(maxAttempts) && maxAttempts >= 2 && maxAttempts <= 5)) {
    throw new TypeError('retry.maxAttempts has to be 2, 3, 4 or 5');
  }
  if (!statuses.every(isFailure)) throw new TypeError('retry.statuses has to be a list of codes from 1 to 16');
  if (!(initialBackoffMs > 0 && maxBackoffMs >= initialBackoffMs && maxBackoffMs < 2 ** 31)) {
    throw new TypeError('retry.initialBackoffMs has to be above 0, and maxBackoffMs not below it');
  }
  if (!(backoffMultiplier >= 1)) throw new TypeError('retry.backoffMultiplier has to be 1 or more');
  const backoff = { initialBackoffMs, maxBackoffMs, backoffMultiplier };
  return { maxAttempts, ...backoff, statuses, httpStatuses: [], unanswered: 'by-status' };
}

function textOf(message: unknown): string {
  return typeof message === 'string' ? message : '';
}

function isFailure(code: unknown): code is number {
  return typeof code === 'number' && Number.isInteger(code) && code > 0 && code < STATUS_NAMES.length;
}
