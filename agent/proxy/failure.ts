// A call that failed for a reason the agent knows, and the one place where that becomes what the client reads.
import type { Decision, HttpAnswer } from '../director/decision.ts';
import { encodeGrpcMessage } from '../grpc/grpc-message.ts';
import { status, statusName, statusOfHttp } from '../grpc/status.ts';
import { ErrorCode, type HeaderBlock, type HeaderShapes, type Oversize, type Stream } from '../http2/index.ts';
import type { FailureSource, ResponseFlag } from '../observe/call-observer.ts';

/** How a call ended. */
export interface CallOutcome {
  /** gRPC code. */
  readonly status: number;
  readonly message: string;
  readonly flag: ResponseFlag;
  /** `null`: it did not fail. */
  readonly source: FailureSource | null;
}

export interface CallFailure extends CallOutcome {
  /** gRPC code. */
  readonly status: number;
  /** Names hop and reason; becomes `grpc-message`. */
  readonly message: string;
  readonly flag: ResponseFlag;
  readonly source: FailureSource;
}

/** What `answerFailure` needs to know of the call. */
export interface FailedCall {
  readonly isGrpc: boolean;
  readonly isHead: boolean;
  readonly contentType: string;
  /** The response's first HEADERS have gone to the client. */
  readonly responseStarted: boolean;
  /** What a route gives to callers that don't speak gRPC, and fields for all; `null`: what the status means. */
  readonly http: HttpAnswer | null;
  /** What the route makes of the answer's head; `null`: nothing. */
  readonly rewriteHead: ((head: HeaderBlock) => HeaderBlock) | null;
}

/** gRPC code to HTTP status, for callers that do not speak gRPC (google.rpc.Code's own mapping). */
function httpStatusOf(code: number): number {
  switch (code) {
    case status.CANCELLED:
      return 499;
    case status.INVALID_ARGUMENT:
    case status.FAILED_PRECONDITION:
    case status.OUT_OF_RANGE:
      return 400;
    case status.DEADLINE_EXCEEDED:
      return 504;
    case status.NOT_FOUND:
    case status.UNIMPLEMENTED:
      return 404;
    case status.PERMISSION_DENIED:
      return 403;
    case status.RESOURCE_EXHAUSTED:
      return 429;
    case status.UNAUTHENTICATED:
      return 401;
    case status.UNAVAILABLE:
      return 503;
    default:
      return 500;
  }
}

/**
 * Ends the downstream stream with that failure: trailers-only where nothing has gone yet, trailers where headers have,
 * a reset where even those can't follow (HTTP that is not gRPC). Source: PROTOCOL-HTTP2.md "Responses".
 */
export function answerFailure(stream: Stream, shapes: HeaderShapes, call: FailedCall, failure: CallFailure): void {
  const fields = call.http?.fields ?? [];
  const sendHead = (head: readonly (readonly [string, string])[], endStream: boolean): void => {
    const block = shapes.block(head);
    stream.sendHeaders(call.rewriteHead === null ? block : call.rewriteHead(block), endStream);
  };
  if (call.isGrpc) {
    const outcome: [string, string][] = [['grpc-status', String(failure.status)]];
    if (failure.message !== '') outcome.push(['grpc-message', encodeGrpcMessage(failure.message)]);
    if (call.responseStarted) stream.sendHeaders(shapes.block(outcome), true);
    else sendHead([[':status', '200'], ['content-type', call.contentType], ...outcome, ...fields], true);
    return;
  }
  if (call.responseStarted) {
    stream.reset(ErrorCode.INTERNAL_ERROR);
    return;
  }
  const text = call.http?.body ?? `${statusName(failure.status)}: ${failure.message}\n`;
  const head: [string, string][] = [[':status', String(call.http?.status ?? httpStatusOf(failure.status))]];
  if (text === '') {
    sendHead([...head, ...fields], true);
    return;
  }
  const body = Buffer.from(text, 'utf8');
  const ofBody = [
    ['content-type', 'text/plain; charset=utf-8'],
    ['content-length', String(body.length)],
  ] as const;
  sendHead([...head, ...ofBody, ...fields], call.isHead);
  if (!call.isHead) stream.sendData(body, 0, body.length, true);
}

/** A response that is HTTP's failure and carries no grpc-status counts by its `:status`; -1 for 200. */
export function statusOfResponseHead(block: HeaderBlock): number {
  const httpStatus = block.value(':status');
  return httpStatus === null || httpStatus === '200' ? -1 : statusOfHttp(Number(httpStatus));
}

/** An endpoint would reset a head that is larger than its SETTINGS_MAX_HEADER_LIST_SIZE: nothing is sent. */
export function headTooLarge(cluster: string, endpoint: string, { bytes, maxBytes }: Oversize): CallFailure {
  const message = `${cluster}: the request's headers take ${bytes} bytes, and ${endpoint} reads no more than ${maxBytes}`;
  return { status: status.RESOURCE_EXHAUSTED, message, flag: '-', source: 'agent' };
}

/** The route leaves the call to this process. */
export function noHandler(listener: string, method: string): CallFailure {
  const message = `${listener}: /${method} is for a handler of this process, and it has none`;
  return { status: status.UNIMPLEMENTED, message, flag: 'NR', source: 'agent' };
}

export function unknownCluster(
  listener: string,
  method: string,
  { cluster, policy }: Extract<Decision, { kind: 'forward' }>,
): CallFailure {
  const message = `${listener}: the route of /${method} names cluster ${cluster}, which is not known`;
  return { status: policy.unknownClusterStatus, message, flag: 'NC', source: 'agent' };
}
