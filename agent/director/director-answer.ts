// What a user's director function may answer: where a call goes and how, or the status that it gets.
import type { Metadata } from '../grpc/metadata.ts';
import { STATUS_NAMES, statusName } from '../grpc/status.ts';
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
}

/** Make it with `reject`. */
export interface Reject {
  readonly kind: 'reject';
  /** 1 to 16. */
  readonly status: number;
  readonly message: string;
}

/**
 * Answers the call with that status: `return reject(status.UNIMPLEMENTED, 'Unknown method')`, or `throw` it.
 * @param code 1 to 16; @throws RangeError for any other.
 */
export function reject(code: number, message = ''): Reject {
  if (!isFailure(code))
    throw new RangeError(`${code} is no status to reject a call with (${statusName(0)} or unknown)`);
  return { kind: 'reject', status: code, message };
}

/** The status that a thrown value stands for; `null` where it is a fault. */
export function thrownStatus(thrown: unknown): Reject | null {
  if (typeof thrown !== 'object' || thrown === null) return null;
  const { kind, status, code, details, message }: Record<string, unknown> = { ...thrown };
  if (kind === 'reject' && isFailure(status)) return { kind, status, message: textOf(message) };
  // As grpc-js makes them: ServiceError and StatusObject. The codes of Node's own errors are text.
  if (!isFailure(code)) return null;
  const own = thrown instanceof Error ? thrown.message : message;
  return { kind: 'reject', status: code, message: textOf(details ?? own) };
}

function textOf(message: unknown): string {
  return typeof message === 'string' ? message : '';
}

function isFailure(code: unknown): code is number {
  return typeof code === 'number' && Number.isInteger(code) && code > 0 && code < STATUS_NAMES.length;
}
