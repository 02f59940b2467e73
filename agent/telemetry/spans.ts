// A recorded call as a finished span. Source: OpenTelemetry semantic conventions 1.45, "RPC spans" and "gRPC".
// The ids are those that already went over the wire, so the span is made here and not by a tracer.
import {
  type Attributes,
  type HrTime,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api';
import { hrTimeDuration, millisToHrTime, TraceState } from '@opentelemetry/core';
import type { Resource } from '@opentelemetry/resources';
import type { ReadableSpan, TimedEvent } from '@opentelemetry/sdk-trace';
import { statusName } from '../grpc/status.ts';
import type { CallRecord } from '../observe/call-observer.ts';

const SCOPE = { name: 'outrigger' };
/** A server is at fault only with these; with any status but OK a client has failed (gRPC conventions, "Status"). */
const SERVER_ERRORS = new Set([
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'UNIMPLEMENTED',
  'INTERNAL',
  'UNAVAILABLE',
  'DATA_LOSS',
]);

/** SERVER for a call from the network to the app, CLIENT for one from the app. */
export function spanOf(record: CallRecord, resource: Resource): ReadableSpan {
  const kind = record.direction === 'inbound' ? SpanKind.SERVER : SpanKind.CLIENT;
  const status = statusName(record.status);
  const failed = kind === SpanKind.SERVER ? SERVER_ERRORS.has(status) : status !== 'OK';
  const startTime = millisToHrTime(record.startMs);
  const endTime = millisToHrTime(Math.max(record.startMs, record.endMs));
  const context = contextOf(record, record.spanId);
  const span = {
    name: isKnownMethod(record) ? record.method : 'grpc',
    kind,
    spanContext: () => context,
    startTime,
    endTime,
    duration: hrTimeDuration(startTime, endTime),
    ended: true,
    status: failed ? { code: SpanStatusCode.ERROR, message: record.message } : { code: SpanStatusCode.UNSET },
    attributes: attributesOf(record, kind, status, failed),
    events: eventsOf(record, status),
    links: [],
    resource,
    instrumentationScope: SCOPE,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
  if (record.parentSpanId === '') return span;
  return { ...span, parentSpanContext: { ...contextOf(record, record.parentSpanId), isRemote: true } };
}

function contextOf(record: CallRecord, spanId: string): SpanContext {
  const context = { traceId: record.traceId, spanId, traceFlags: TraceFlags.SAMPLED };
  return record.tracestate === '' ? context : { ...context, traceState: new TraceState(record.tracestate) };
}

/** A method that no route takes is a stranger's invention, and would be a span name of its own each time. */
function isKnownMethod(record: CallRecord): boolean {
  return record.cluster !== '' || record.flag !== 'NR';
}

function attributesOf(record: CallRecord, kind: SpanKind, status: string, failed: boolean): Attributes {
  const endpoint = record.attempts.at(-1)?.endpoint ?? '';
  const attributes: Attributes = {
    'rpc.system.name': 'grpc',
    'rpc.method': isKnownMethod(record) ? record.method : '_OTHER',
    'rpc.status_code': status,
    'outrigger.request_bytes': record.requestBytes,
    'outrigger.response_bytes': record.responseBytes,
  };
  if (!isKnownMethod(record)) attributes['rpc.method_original'] = record.method;
  if (failed) attributes['error.type'] = status;
  setAddress(attributes, 'server', record.authority === '' ? record.cluster : record.authority);
  // The other end of this hop: the endpoint of the last attempt, or whoever called.
  setAddress(attributes, 'network.peer', kind === SpanKind.CLIENT ? endpoint : record.peer);
  if (record.cluster !== '') attributes['outrigger.cluster'] = record.cluster;
  if (endpoint !== '') attributes['outrigger.endpoint'] = endpoint;
  if (record.attempts.length > 1) attributes['outrigger.attempts'] = record.attempts.length;
  if (record.flag !== '-') attributes['outrigger.response_flag'] = record.flag;
  if (record.source !== null) attributes['outrigger.failure_source'] = record.source;
  return attributes;
}

/** `host`, `host:port` or `[v6]:port` as `<prefix>.address` and `<prefix>.port`. */
function setAddress(attributes: Attributes, prefix: string, text: string): void {
  const [, bracketed, plain, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d{1,5}))?$/.exec(text) ?? [];
  const address = bracketed ?? plain ?? text;
  if (address === '') return;
  attributes[`${prefix}.address`] = address;
  if (port !== undefined) attributes[`${prefix}.port`] = Number(port);
}

function eventsOf(record: CallRecord, status: string): TimedEvent[] {
  const events: TimedEvent[] = [];
  const add = (name: string, atMs: number, attributes: Attributes): void => {
    const time: HrTime = millisToHrTime(atMs);
    events.push({ name, time, attributes });
  };
  for (const [index, { endpoint, startMs, sentMs, firstByteMs }] of record.attempts.entries()) {
    const attempt = { 'outrigger.attempt': index + 1, 'outrigger.endpoint': endpoint };
    add('endpoint chosen', startMs, attempt);
    // Whatever lies between is time in the queue for a connection, or making one.
    if (sentMs !== null)
      add('request sent', sentMs, { ...attempt, 'outrigger.wait_ms': roundMicros(sentMs - startMs) });
    if (firstByteMs !== null) add('first byte', firstByteMs, attempt);
  }
  const answered = record.source === null;
  add(answered ? 'trailers' : 'call failed', record.endMs, { 'rpc.status_code': status });
  return events;
}

function roundMicros(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
