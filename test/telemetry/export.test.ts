// Spans on their whole way: recorded calls in, over the wire by the real exporters, into the receiver of the local mesh.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import test, { type ExecutionContext } from 'ava';
import type { Log } from '../../agent/observe/log.ts';
import { StatsReader } from '../../agent/stats/stats-reader.ts';
import { StatsRegion } from '../../agent/stats/stats-region.ts';
import { OtlpReceiver } from '../../agent/telemetry/otlp-receiver.ts';
import type { ReceivedSpan } from '../../agent/telemetry/otlp-spans.ts';
import { createTelemetry } from '../../agent/telemetry/telemetry.ts';
import { batchOf, callRecord } from './call-record.ts';

const silent: Log = () => {};

async function startReceiver(t: ExecutionContext, maxTraces = 200) {
  const received: ReceivedSpan[] = [];
  const receiver = new OtlpReceiver({ log: silent, maxTraces, onSpan: (span) => received.push(span) });
  const ports = await receiver.listen();
  t.teardown(() => receiver.close());
  return { receiver, received, http: `http://127.0.0.1:${ports.httpPort}`, grpc: `http://127.0.0.1:${ports.grpcPort}` };
}

/** A call of the shop to the catalogue as both agents record it, and the span of a program in between. */
const hops = [
  callRecord({ direction: 'inbound', spanId: '1000000000000001', method: 'demo.Shop/Order', cluster: 'shop' }),
  callRecord({
    direction: 'outbound',
    spanId: '2000000000000002',
    parentSpanId: '1000000000000001',
    tracestate: 'v=1',
    startMs: 1_790_000_000_001,
  }),
  callRecord({
    direction: 'inbound',
    spanId: '3000000000000003',
    parentSpanId: '2000000000000002',
    status: 13,
    message: 'broken',
    startMs: 1_790_000_000_002,
  }),
];

for (const protocol of ['http/protobuf', 'grpc'] as const) {
  test(`over ${protocol} the receiver gets what the calls were, rightly nested`, async (t) => {
    const { receiver, received, http, grpc } = await startReceiver(t);
    const telemetry = createTelemetry({
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: protocol === 'grpc' ? grpc : http,
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip',
        OTEL_RESOURCE_ATTRIBUTES: 'team=shop',
        OUTRIGGER_OTEL_SERVICE_NAME: 'shop-agent',
        OTEL_SERVICE_NAME: 'shop',
      },
      serviceName: 'unused',
      log: silent,
    });
    t.true(telemetry.sampling.enabled);
    // In an order that no trace has.
    telemetry.onCalls(batchOf(...[hops[2], hops[0], hops[1]].flatMap((hop) => hop ?? [])), 5);
    await telemetry.flush();
    t.deepEqual(telemetry.counts, { received: 3, dropped: 5, exported: 3, failed: 0 });
    const [trace, ...others] = receiver.traces();
    t.deepEqual(others, []);
    t.is(trace?.rootName, 'demo.Shop/Order');
    t.true(trace?.whole);
    t.is(trace?.startMs, 1_790_000_000_000.25);
    t.deepEqual(
      trace?.spans.map(({ spanId, parentSpanId, kind, service, status }) => [
        spanId,
        parentSpanId,
        kind,
        service,
        status,
      ]),
      [
        ['1000000000000001', '', 'SERVER', 'shop-agent', 'UNSET'],
        ['2000000000000002', '1000000000000001', 'CLIENT', 'shop-agent', 'UNSET'],
        ['3000000000000003', '2000000000000002', 'SERVER', 'shop-agent', 'ERROR'],
      ],
    );
    const failed = received.find((span) => span.spanId === '3000000000000003');
    t.is(failed?.statusMessage, 'broken');
    t.is(failed?.attributes['rpc.status_code'], 'INTERNAL');
    t.is(failed?.attributes['network.peer.port'], 40000);
    t.deepEqual(
      failed?.events.map(({ name }) => name),
      ['endpoint chosen', 'request sent', 'first byte', 'trailers'],
    );
    t.is(failed?.durationMs.toFixed(3), '8.750');
    await telemetry.shutdown();
  });
}

test("headers and endpoints of the agent's own prefix go out, and those of the application don't", async (t) => {
  const requests: Record<string, unknown>[] = [];
  const server = createServer((request, response) => {
    requests.push({ url: request.url, token: request.headers['x-token'], app: request.headers['x-app'] });
    request.resume().on('end', () => response.end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  // As the exporter would read it by itself, were it not kept from doing so.
  process.env['OTEL_EXPORTER_OTLP_HEADERS'] = 'x-app=secret';
  t.teardown(() => delete process.env['OTEL_EXPORTER_OTLP_HEADERS']);
  const telemetry = createTelemetry({
    env: {
      ...process.env,
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
      OUTRIGGER_OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}/base`,
      OUTRIGGER_OTEL_EXPORTER_OTLP_HEADERS: 'x-token=abc',
    },
    serviceName: 'agent',
    log: silent,
  });
  t.is(process.env['OTEL_EXPORTER_OTLP_HEADERS'], 'x-app=secret');
  t.is(process.env['OTEL_EXPORTER_OTLP_ENDPOINT'], undefined);
  telemetry.onCalls(batchOf(callRecord()), 0);
  await telemetry.shutdown();
  t.deepEqual(requests, [{ url: '/base/v1/traces', token: 'abc', app: undefined }]);
});

test('without any endpoint nothing is recorded and nothing is sent', async (t) => {
  const telemetry = createTelemetry({ env: {}, serviceName: 'agent', log: silent });
  t.false(telemetry.sampling.enabled);
  telemetry.onCalls(batchOf(callRecord()), 0);
  await telemetry.shutdown();
  t.deepEqual(telemetry.counts, { received: 1, dropped: 0, exported: 0, failed: 0 });
});

test('a collector that fails and comes back is logged once each, and its spans are counted', async (t) => {
  let status = 400;
  const server = createServer((request, response) => {
    request.resume().on('end', () => response.writeHead(status).end());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  const lines: string[] = [];
  const telemetry = createTelemetry({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    serviceName: 'agent',
    log: (level, message) => lines.push(`${level} ${message}`),
  });
  for (status of [400, 400, 200, 200, 400]) {
    telemetry.onCalls(batchOf(callRecord()), 0);
    await telemetry.flush();
  }
  t.deepEqual(lines, ["warn spans can't be exported", 'info spans are exported again', "warn spans can't be exported"]);
  t.deepEqual(telemetry.counts, { received: 5, dropped: 0, exported: 2, failed: 3 });
  await telemetry.shutdown();
});

test('what became of the spans is counted where the agent counts everything', async (t) => {
  const { http } = await startReceiver(t);
  const counted = async (env: Record<string, string>) => {
    const reader = new StatsReader();
    const buffer = new SharedArrayBuffer(8192);
    reader.addWorker(0, buffer);
    const stats = new StatsRegion(buffer, (row) => reader.addRow(0, row));
    const telemetry = createTelemetry({ env, serviceName: 'agent', log: silent, stats });
    telemetry.onCalls(batchOf(callRecord(), callRecord()), 3);
    await telemetry.shutdown();
    return reader
      .rows()
      .filter(({ name }) => name === 'outrigger_spans_total')
      .map(({ labels, values }) => [labels['outcome'], values[0]]);
  };
  t.deepEqual(await counted({ OTEL_EXPORTER_OTLP_ENDPOINT: http }), [
    ['dropped', 3],
    ['exported', 2],
    ['failed', 0],
  ]);
  t.deepEqual(await counted({}), []);
});

test('a collector that never answers holds up the end for the time-out and no longer', async (t) => {
  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.closeAllConnections());
  t.teardown(() => server.close());
  const telemetry = createTelemetry({
    env: { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
    serviceName: 'agent',
    log: silent,
  });
  telemetry.onCalls(batchOf(callRecord()), 0);
  const begun = performance.now();
  await telemetry.shutdown(50);
  t.true(performance.now() - begun < 2000);
});

test('a certificate that is not there leaves the agent without traces and says so', (t) => {
  const lines: unknown[] = [];
  const telemetry = createTelemetry({
    env: {
      OTEL_EXPORTER_OTLP_ENDPOINT: 'https://127.0.0.1:1',
      OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
      OTEL_EXPORTER_OTLP_CERTIFICATE: '/nowhere/ca.pem',
    },
    serviceName: 'agent',
    log: (level, message, fields) => lines.push([level, message, fields?.['reason']]),
  });
  t.false(telemetry.sampling.enabled);
  t.regex(
    JSON.stringify(lines),
    /"error","no spans are exported","OTEL_EXPORTER_OTLP_CERTIFICATE: can't read \/nowhere\/ca.pem/,
  );
});

test('the receiver takes OTLP/JSON, zipped or not, and numbers as text', async (t) => {
  const { receiver, http } = await startReceiver(t);
  const request = {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'shop' } }] },
        scopeSpans: [
          {
            spans: [
              {
                traceId: '0AF7651916CD43DD8448EB211C80319C',
                spanId: 'b7ad6b7169203331',
                name: 'work',
                kind: 1,
                startTimeUnixNano: '1790000000000500000',
                endTimeUnixNano: '1790000000002500000',
                attributes: [
                  { key: 'n', value: { intValue: '42' } },
                  { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { intValue: 1 }] } } },
                  { key: '__proto__', value: { stringValue: 'x' } },
                ],
              },
              { name: 'no ids' },
            ],
          },
        ],
      },
    ],
  };
  const headers = { 'content-type': 'application/json; charset=utf-8' };
  const plain = await fetch(`${http}/v1/traces`, { method: 'POST', headers, body: JSON.stringify(request) });
  t.is(plain.status, 200);
  t.deepEqual(await plain.json(), {
    partialSuccess: { rejectedSpans: 1, errorMessage: '1 spans have no trace id or no span id' },
  });
  const zipped = await fetch(`${http}/v1/traces`, {
    method: 'POST',
    headers: { ...headers, 'content-encoding': 'gzip' },
    body: gzipSync(JSON.stringify(request)),
  });
  t.is(zipped.status, 200);
  const [span] = receiver.traces()[0]?.spans ?? [];
  t.like(span, { service: 'shop', kind: 'INTERNAL', status: 'UNSET', startMs: 1_790_000_000_000.5, durationMs: 2 });
  t.deepEqual(span?.attributes, { n: 42, list: '["a",1]' });
});

test('the receiver refuses what is no OTLP request with the HTTP status that says why', async (t) => {
  const { http, receiver } = await startReceiver(t);
  const post = async (path: string, type: string, body: string | Uint8Array<ArrayBuffer>, encoding?: string) => {
    const headers = { 'content-type': type, ...(encoding && { 'content-encoding': encoding }) };
    return (await fetch(http + path, { method: 'POST', headers, body })).status;
  };
  t.is(await post('/v1/metrics', 'application/json', '{}'), 404);
  t.is((await fetch(`${http}/v1/traces`)).status, 405);
  t.is(await post('/v1/traces', 'text/plain', 'x'), 415);
  t.is(await post('/v1/traces', 'application/json', '{"resourceSpans":'), 400);
  t.is(await post('/v1/traces', 'application/x-protobuf', new Uint8Array([0x0a, 0xff])), 400);
  t.is(await post('/v1/traces', 'application/json', 'null'), 200);
  t.is(
    await post(
      '/v1/traces',
      'application/json',
      '{"resourceSpans":[{"scopeSpans":7},null,{"scopeSpans":[{"spans":[null,5]}]}]}',
    ),
    200,
  );
  // A zip bomb: 32 MiB of spaces in some 32 KiB.
  t.is(
    await post(
      '/v1/traces',
      'application/json',
      Uint8Array.from(gzipSync(Buffer.alloc(32 * 1024 * 1024, ' '))),
      'gzip',
    ),
    413,
  );
  t.deepEqual(receiver.traces(), []);
});

test('the receiver keeps the last traces, newest first', async (t) => {
  const { receiver, http } = await startReceiver(t, 3);
  const telemetry = createTelemetry({ env: { OTEL_EXPORTER_OTLP_ENDPOINT: http }, serviceName: 'agent', log: silent });
  telemetry.onCalls(
    batchOf(
      ...[1, 2, 3, 4, 5].map((n) => callRecord({ traceId: String(n).padStart(32, '0'), method: `demo.Shop/M${n}` })),
    ),
    0,
  );
  await telemetry.shutdown();
  t.deepEqual(
    receiver.traces().map(({ rootName }) => rootName),
    ['demo.Shop/M5', 'demo.Shop/M4', 'demo.Shop/M3'],
  );
});

test('a busy port of the receiver is one sentence', async (t) => {
  const { http } = await startReceiver(t);
  const second = new OtlpReceiver({ log: silent, httpPort: Number(new URL(http).port) });
  await t.throwsAsync(second.listen(), { message: /^the OTLP receiver can't listen: .*EADDRINUSE/ });
});
