// What a span says of a call. OpenTelemetry semantic conventions 1.45, RPC and gRPC.
import { SpanKind, SpanStatusCode } from '@opentelemetry/api';
import { emptyResource } from '@opentelemetry/resources';
import test from 'ava';
import type { CallRecord } from '../../agent/observe/call-observer.ts';
import { spanOf } from '../../agent/telemetry/spans.ts';
import { callRecord } from './call-record.ts';

const span = (record: Partial<CallRecord>) => spanOf(callRecord(record), emptyResource());

test('a call from the app is a CLIENT span toward the endpoint of its last attempt', (t) => {
  const { name, kind, attributes, status } = span({});
  t.is(name, 'demo.Catalogue/GetProduct');
  t.is(kind, SpanKind.CLIENT);
  t.like(attributes, {
    'rpc.system.name': 'grpc',
    'rpc.method': 'demo.Catalogue/GetProduct',
    'rpc.status_code': 'OK',
    'server.address': 'catalogue',
    'server.port': 8080,
    'network.peer.address': '127.0.0.1',
    'network.peer.port': 15061,
    'outrigger.cluster': 'catalogue-v1',
    'outrigger.endpoint': '127.0.0.1:15061',
  });
  t.is(status.code, SpanStatusCode.UNSET);
  t.false('error.type' in attributes);
  t.false('outrigger.response_flag' in attributes);
});

test('a call from the network is a SERVER span whose peer is the caller', (t) => {
  const { kind, attributes } = span({ direction: 'inbound', peer: '[::1]:40000' });
  t.is(kind, SpanKind.SERVER);
  t.like(attributes, { 'network.peer.address': '::1', 'network.peer.port': 40000 });
});

test('addresses without a port, and calls without an authority, are named as far as they can be', (t) => {
  t.like(span({ authority: 'catalogue' }).attributes, { 'server.address': 'catalogue', 'server.port': undefined });
  t.like(span({ authority: '' }).attributes, { 'server.address': 'catalogue-v1' });
  t.like(span({ authority: '[2001:db8::1]:443' }).attributes, { 'server.address': '2001:db8::1', 'server.port': 443 });
  t.like(span({ authority: 'a:b:c' }).attributes, { 'server.address': 'a:b:c', 'server.port': undefined });
});

test('a client span is an error with any status but OK, a server span only where the server is at fault', (t) => {
  const clientErrors: number[] = [];
  const serverErrors: number[] = [];
  for (let status = 0; status <= 16; status++) {
    const client = span({ status, message: 'why' });
    if (client.status.code === SpanStatusCode.ERROR) clientErrors.push(status);
    const server = span({ status, message: 'why', direction: 'inbound' });
    if (server.status.code === SpanStatusCode.ERROR) serverErrors.push(status);
    // error.type goes with the span's status, and the description leaves out the code.
    t.is(client.attributes['error.type'], status === 0 ? undefined : client.attributes['rpc.status_code']);
    t.is('error.type' in server.attributes, server.status.code === SpanStatusCode.ERROR);
    t.is(client.status.message, status === 0 ? undefined : 'why');
  }
  t.deepEqual(clientErrors, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]);
  t.deepEqual(serverErrors, [2, 4, 12, 13, 14, 15]);
});

test('attempts, the wait for a connection, the first byte and the trailers are events in the order they came', (t) => {
  const record = callRecord({
    attempts: [
      { endpoint: '127.0.0.1:1', startMs: 1_790_000_000_001, sentMs: null, firstByteMs: null },
      {
        endpoint: '127.0.0.1:2',
        startMs: 1_790_000_000_002,
        sentMs: 1_790_000_000_004.5,
        firstByteMs: 1_790_000_000_009,
      },
    ],
  });
  const { events, attributes } = spanOf(record, emptyResource());
  t.deepEqual(
    events.map(({ name, attributes }) => [name, attributes?.['outrigger.endpoint'] ?? attributes?.['rpc.status_code']]),
    [
      ['endpoint chosen', '127.0.0.1:1'],
      ['endpoint chosen', '127.0.0.1:2'],
      ['request sent', '127.0.0.1:2'],
      ['first byte', '127.0.0.1:2'],
      ['trailers', 'OK'],
    ],
  );
  t.is(events[2]?.attributes?.['outrigger.wait_ms'], 2.5);
  t.deepEqual(events[2]?.time, [1_790_000_000, 4_500_000]);
  t.is(attributes['outrigger.attempts'], 2);
});

test('a failure of the agent names its flag and its source, and ends in no trailers of anybody', (t) => {
  const { attributes, events } = span({
    status: 14,
    flag: 'UH',
    source: 'agent',
    attempts: [],
    message: 'no endpoint',
  });
  t.like(attributes, {
    'outrigger.response_flag': 'UH',
    'outrigger.failure_source': 'agent',
    'error.type': 'UNAVAILABLE',
  });
  t.deepEqual(
    events.map(({ name }) => name),
    ['call failed'],
  );
  t.false('network.peer.address' in attributes);
});

test('a method that no route takes is _OTHER, so that strangers can make no span names', (t) => {
  const { name, attributes } = span({ cluster: '', flag: 'NR', status: 12, method: 'made.Up/42', attempts: [] });
  t.is(name, 'grpc');
  t.like(attributes, { 'rpc.method': '_OTHER', 'rpc.method_original': 'made.Up/42' });
});

test('ids, parent, tracestate and times are those of the call', (t) => {
  const root = span({});
  t.is(root.parentSpanContext, undefined);
  t.deepEqual(root.startTime, [1_790_000_000, 250_000]);
  t.deepEqual(root.duration, [0, 10_500_000]);
  const child = span({ parentSpanId: '00f067aa0ba902b7', tracestate: 'vendor=1' });
  t.is(child.parentSpanContext?.spanId, '00f067aa0ba902b7');
  t.is(child.spanContext().traceState?.serialize(), 'vendor=1');
  t.is(child.spanContext().spanId, 'b7ad6b7169203331');
  t.deepEqual(span({ endMs: 0 }).duration, [0, 0]);
});
