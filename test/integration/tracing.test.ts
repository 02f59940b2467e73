// One trace through both agents (design section 10): SERVER inbound, CLIENT outbound, each the child of the one before,
// exported over OTLP by both protocols.
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { OtlpReceiver } from '../../agent/telemetry/otlp-receiver.ts';
import type { ReceivedSpan } from '../../agent/telemetry/otlp-spans.ts';
import { EchoClient, startEchoServer } from '../support/echo-service.ts';
import { startTwoAgents } from '../support/two-agents.ts';

/** Collects spans; `until` resolves once so many have come. */
function collector() {
  const spans: ReceivedSpan[] = [];
  let waiting: { count: number; resolve: () => void }[] = [];
  return {
    spans,
    onSpan: (span: ReceivedSpan) => {
      spans.push(span);
      waiting = waiting.filter(({ count, resolve }) => {
        if (spans.length < count) return true;
        resolve();
        return false;
      });
    },
    until: (count: number): Promise<void> =>
      spans.length >= count ? Promise.resolve() : new Promise((resolve) => waiting.push({ count, resolve })),
  };
}

for (const protocol of ['http/protobuf', 'grpc'] as const) {
  test(`a call makes one trace of nested spans, exported by ${protocol}`, async (t) => {
    const seen = collector();
    const receiver = new OtlpReceiver({ log: () => {}, onSpan: seen.onSpan });
    const { httpPort, grpcPort } = await receiver.listen();
    const server = await startEchoServer();
    const mesh = await startTwoAgents([server.port], {
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${protocol === 'grpc' ? grpcPort : httpPort}`,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_BSP_SCHEDULE_DELAY: '50',
      },
    });
    const client = new EchoClient(mesh.port, 'echo');
    const metadata = new grpc.Metadata();
    metadata.set('traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
    metadata.set('tracestate', 'vendor=1');
    await client.unary(Buffer.from('x'), metadata);
    await seen.until(2);

    const outbound = seen.spans.find(({ kind }) => kind === 'CLIENT')!;
    const inbound = seen.spans.find(({ kind }) => kind === 'SERVER')!;
    t.is(outbound.traceId, '0af7651916cd43dd8448eb211c80319c');
    t.is(inbound.traceId, outbound.traceId);
    t.is(outbound.parentSpanId, 'b7ad6b7169203331', 'the caller is the parent of the client agent');
    t.is(inbound.parentSpanId, outbound.spanId, 'the client agent is the parent of the server agent');
    const arrived = server.lastMetadata?.get('traceparent')[0];
    t.is(arrived, `00-${inbound.traceId}-${inbound.spanId}-01`, 'the server agent is the parent of what the app does');
    t.is(server.lastMetadata?.get('tracestate')[0], 'vendor=1');
    for (const span of [outbound, inbound]) {
      t.is(span.name, 'test.Echo/Unary');
      t.is(span.attributes['rpc.system.name'], 'grpc');
      t.is(span.attributes['rpc.method'], 'test.Echo/Unary');
      t.is(span.attributes['rpc.status_code'], 'OK');
    }
    t.true(inbound.startMs >= outbound.startMs - 1 && inbound.durationMs <= outbound.durationMs + 1);
    t.is(outbound.service, 'client');
    t.is(inbound.service, 'server');

    client.close();
    await mesh.stop();
    await receiver.close();
    await server.stop();
  });
}

test('an unsampled call passes its trace context byte for byte and makes no span', async (t) => {
  const seen = collector();
  const receiver = new OtlpReceiver({ log: () => {}, onSpan: seen.onSpan });
  const { httpPort } = await receiver.listen();
  const server = await startEchoServer();
  const mesh = await startTwoAgents([server.port], {
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${httpPort}`, OTEL_BSP_SCHEDULE_DELAY: '50' },
  });
  const client = new EchoClient(mesh.port, 'echo');
  const call = async (traceparent: string): Promise<void> => {
    const metadata = new grpc.Metadata();
    metadata.set('traceparent', traceparent);
    await client.unary(Buffer.from('x'), metadata);
  };
  const unsampled = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
  await call(unsampled);
  t.is(server.lastMetadata?.get('traceparent')[0], unsampled);
  // The spans of a later, sampled call have come: had the first made any, they would have come before.
  await call('00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01');
  await seen.until(2);
  t.true(seen.spans.every(({ traceId }) => traceId.startsWith('1af7')));
  client.close();
  await mesh.stop();
  await receiver.close();
  await server.stop();
});
