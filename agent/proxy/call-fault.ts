// A throw where none should be, met on the way of one call: what the client, the log and the counter are told of it. It is
// this program's own fault, or that of a function its user gave it, and costs the call it was met in, nobody else's.
import { status } from '../grpc/status.ts';
import type { CallFailure } from './failure.ts';

/** Where on its way a call was. */
export type CallPart = 'head' | 'route' | 'endpoint' | 'request' | 'response' | 'record';

const doing: Readonly<Record<CallPart, string>> = {
  head: 'reading the head of the call',
  route: 'routing the call',
  endpoint: 'choosing an endpoint for the call',
  request: 'sending the request on',
  response: 'handing the response on',
  record: 'recording the call',
};

/** What was thrown is for the log: it may name what is no client's to know. */
export function failureOfFault(part: CallPart): CallFailure {
  const message = `this proxy failed while ${doing[part]}; its log says why`;
  return { status: status.INTERNAL, message, flag: '-', source: 'agent' };
}

/** The stack where there is one; of whatever was thrown, that can even be shown. */
export function describeFault(error: unknown): string {
  try {
    return error instanceof Error ? (error.stack ?? error.message) : String(error);
  } catch {
    return 'what was thrown can not even be looked at';
  }
}
