// A call as an observer sees it, with what a test does not care about filled in.
import type { ObservedAttempt, ObservedCall } from '../../agent/observe/call-observer.ts';

export function observedCall(call: Partial<ObservedCall> = {}): ObservedCall {
  return {
    direction: 'outbound',
    method: 'demo.Catalogue/GetProduct',
    authority: 'catalogue',
    cluster: 'catalogue-v1',
    peer: '127.0.0.1:40000',
    startedMs: 1000,
    endedMs: 1005,
    attempts: [attempt()],
    status: 0,
    message: '',
    flag: '-',
    source: null,
    requestBytes: 100,
    responseBytes: 5000,
    trace: null,
    ...call,
  };
}

export function attempt(parts: Partial<ObservedAttempt> = {}): ObservedAttempt {
  return { endpoint: '127.0.0.1:15061', startedMs: 1000, sentMs: 1001, firstByteMs: 1004, ...parts };
}
