// What a data plane counts, read back as the control thread reads it.
import test from 'ava';
import type { ObservedCall } from '../../agent/observe/call-observer.ts';
import { histogramsOf } from '../../agent/stats/call-layout.ts';
import { CallStats, type CallStatsOptions } from '../../agent/stats/call-stats.ts';
import { type MergedRow, StatsReader } from '../../agent/stats/stats-reader.ts';
import { StatsRegion } from '../../agent/stats/stats-region.ts';
import { attempt, observedCall } from './observed-call.ts';

function createStats(options?: CallStatsOptions, bytes = 1024 * 1024) {
  const reader = new StatsReader();
  const buffer = new SharedArrayBuffer(bytes);
  reader.addWorker(0, buffer);
  const region = new StatsRegion(buffer, (row) => reader.addRow(0, row));
  const stats = new CallStats(region, options);
  return {
    reader,
    stats,
    run: (call: ObservedCall) => {
      stats.callStarted(call);
      if (call.cluster !== '') stats.callRouted(call);
      stats.callEnded(call);
    },
    /** The value of a counter or gauge; undefined where there is no such row. */
    value: (name: string, labels: Record<string, string> = {}) =>
      reader.rows().find((row) => row.name === name && matches(row, labels))?.values[0],
    calls: (labels: Record<string, string>) => reader.rows().find((row) => row.kind === 'call' && matches(row, labels)),
  };
}

function matches(row: MergedRow, labels: Record<string, string>): boolean {
  return Object.entries(labels).every(([name, value]) => row.labels[name] === value);
}

/** A histogram of a row: how many values, their sum, and the buckets that are not empty, by upper bound. */
function histogram(row: MergedRow | undefined, metric: string) {
  const found = row && histogramsOf(row).find((candidate) => candidate.metric === metric);
  if (row === undefined || found === undefined) return undefined;
  const buckets: Record<string, number> = {};
  let count = 0;
  for (let i = 0; i <= found.bounds.length; i++) {
    const n = row.values[found.start + i] ?? 0;
    count += n;
    if (n > 0) buckets[String(found.bounds[i] ?? '+Inf')] = n;
  }
  return { count, sum: row.values[found.sum], buckets };
}

test('an outbound call counts one started attempt, its duration and its sizes (gRFC A66)', (t) => {
  const { run, value, calls } = createStats();
  run(observedCall({ startedMs: 1000, endedMs: 1005, requestBytes: 100, responseBytes: 5000 }));
  const method = { grpc_method: 'demo.Catalogue/GetProduct', grpc_target: 'catalogue-v1' };
  t.is(value('grpc_client_attempt_started_total', method), 1);
  const row = calls({
    direction: 'outbound',
    method: 'demo.Catalogue/GetProduct',
    cluster: 'catalogue-v1',
    status: '0',
  });
  // A value that equals a bound belongs to the bucket of that bound.
  t.deepEqual(histogram(row, 'grpc_client_call_duration_seconds'), { count: 1, sum: 0.005, buckets: { 0.005: 1 } });
  t.deepEqual(histogram(row, 'grpc_client_attempt_duration_seconds'), { count: 1, sum: 0.005, buckets: { 0.005: 1 } });
  t.deepEqual(histogram(row, 'grpc_client_attempt_sent_total_compressed_message_size_bytes'), {
    count: 1,
    sum: 100,
    buckets: { 1024: 1 },
  });
  t.deepEqual(histogram(row, 'grpc_client_attempt_rcvd_total_compressed_message_size_bytes'), {
    count: 1,
    sum: 5000,
    buckets: { 16384: 1 },
  });
});

test('an inbound call counts as the server sees it: what it sent is the response (gRFC A66)', (t) => {
  const { run, value, calls } = createStats();
  run(observedCall({ direction: 'inbound', requestBytes: 0, responseBytes: 5 * 1024 ** 3, endedMs: 201_000 }));
  t.is(value('grpc_server_call_started_total', { grpc_method: 'demo.Catalogue/GetProduct' }), 1);
  const row = calls({ direction: 'inbound', method: 'demo.Catalogue/GetProduct', status: '0' });
  t.deepEqual(histogram(row, 'grpc_server_call_duration_seconds'), { count: 1, sum: 200, buckets: { '+Inf': 1 } });
  t.deepEqual(histogram(row, 'grpc_server_call_sent_total_compressed_message_size_bytes'), {
    count: 1,
    sum: 5 * 1024 ** 3,
    buckets: { '+Inf': 1 },
  });
  t.deepEqual(histogram(row, 'grpc_server_call_rcvd_total_compressed_message_size_bytes'), {
    count: 1,
    sum: 0,
    buckets: { 0: 1 },
  });
});

test('each attempt counts; one that was followed by another was UNAVAILABLE and carried nothing', (t) => {
  const { run, value, calls } = createStats();
  const attempts = [
    attempt({ endpoint: '127.0.0.1:1', startedMs: 1000 }),
    attempt({ endpoint: '127.0.0.1:2', startedMs: 1002 }),
  ];
  run(observedCall({ attempts, endedMs: 1005 }));
  t.is(value('grpc_client_attempt_started_total'), 2);
  const failed = calls({ status: '14' });
  t.deepEqual(histogram(failed, 'grpc_client_attempt_duration_seconds'), {
    count: 1,
    sum: 0.002,
    buckets: { 0.002: 1 },
  });
  t.is(histogram(failed, 'grpc_client_call_duration_seconds')?.count, 0);
  const answered = calls({ status: '0' });
  t.is(histogram(answered, 'grpc_client_attempt_duration_seconds')?.sum, 0.003);
  t.is(histogram(answered, 'grpc_client_call_duration_seconds')?.sum, 0.005);
  t.is(value('outrigger_endpoint_calls_total', { endpoint: '127.0.0.1:1', outcome: 'error' }), 1);
  t.is(value('outrigger_endpoint_calls_total', { endpoint: '127.0.0.1:1', outcome: 'ok' }), 0);
  t.is(value('outrigger_endpoint_calls_total', { endpoint: '127.0.0.1:2', outcome: 'ok' }), 1);
  t.is(value('outrigger_endpoint_call_seconds_total', { endpoint: '127.0.0.1:2' }), 0.003);
});

test('a routed call that found no endpoint still is one attempt, since A66 counts from before the pick', (t) => {
  const { run, value, calls } = createStats();
  run(observedCall({ attempts: [], status: 14, flag: 'UH' }));
  t.is(value('grpc_client_attempt_started_total'), 1);
  t.is(histogram(calls({ status: '14' }), 'grpc_client_attempt_duration_seconds')?.count, 1);
  t.is(value('outrigger_endpoint_calls_total'), undefined);
});

test('a call that no route takes counts under the method other, whatever its client named', (t) => {
  const { run, value, calls } = createStats();
  for (let i = 0; i < 50; i++) {
    run(observedCall({ method: `no.Such/Method${i}`, cluster: '', attempts: [], status: 12, flag: 'NR' }));
    run(
      observedCall({
        method: `no.Such/Method${i}`,
        cluster: '',
        attempts: [],
        status: 12,
        flag: 'NR',
        direction: 'inbound',
      }),
    );
  }
  t.is(
    histogram(calls({ direction: 'outbound', method: 'other', cluster: '' }), 'grpc_client_call_duration_seconds')
      ?.count,
    50,
  );
  t.is(value('grpc_server_call_started_total', { grpc_method: 'other' }), 50);
  t.is(value('grpc_client_attempt_started_total', { grpc_method: 'other' }), 0);
});

test('active calls go up with the route and down with the end', (t) => {
  const { stats, value } = createStats();
  const call = observedCall();
  stats.callStarted(call);
  stats.callRouted(call);
  stats.callRouted(call);
  t.is(value('outrigger_cluster_active_calls', { cluster: 'catalogue-v1' }), 2);
  stats.callEnded(call);
  t.is(value('outrigger_cluster_active_calls', { cluster: 'catalogue-v1' }), 1);
});

test('past the cap new methods and clusters count under other, and no call is lost', (t) => {
  const { run, reader, value } = createStats({ maxRows: 20, maxEndpoints: 10 });
  for (let i = 0; i < 1000; i++) {
    run(observedCall({ method: `demo.Flood/Method${i}`, cluster: `cluster-${i % 100}`, status: i % 17 }));
    run(observedCall({ method: `demo.Flood/Method${i}`, direction: 'inbound', status: i % 17 }));
  }
  const rows = reader.rows();
  const counts = rows
    .filter((row) => row.kind === 'call')
    .map(
      (row) =>
        histogram(
          row,
          row.labels['direction'] === 'outbound'
            ? 'grpc_client_call_duration_seconds'
            : 'grpc_server_call_duration_seconds',
        )?.count ?? 0,
    );
  t.is(
    counts.reduce((sum, n) => sum + n, 0),
    2000,
  );
  const started = rows.filter((row) => row.name === 'grpc_client_attempt_started_total');
  t.is(
    started.reduce((sum, row) => sum + (row.values[0] ?? 0), 0),
    1000,
  );
  t.true(rows.length < 150, `${rows.length} rows`);
  t.truthy(
    rows.find((row) => row.kind === 'call' && row.labels['method'] === 'other' && row.labels['cluster'] === 'other'),
  );
  const endpoints = rows.filter((row) => row.name === 'outrigger_endpoint_calls_total');
  t.is(
    endpoints.reduce((sum, row) => sum + (row.values[0] ?? 0), 0),
    2000,
  );
  t.is(value('outrigger_cluster_active_calls', { cluster: 'other' }), 0);
});

test('a full region refuses rows and counts that; what was there goes on counting', (t) => {
  const { run, value, reader } = createStats({}, 6 * 1024);
  for (let i = 0; i < 100; i++) run(observedCall({ method: `demo.Flood/Method${i}` }));
  run(observedCall({ method: 'demo.Flood/Method0' }));
  t.is(value('grpc_client_attempt_started_total', { grpc_method: 'demo.Flood/Method0' }), 2);
  t.true((value('outrigger_stats_rows_refused_total') ?? 0) > 50);
  t.true(reader.rows().filter((row) => row.kind === 'call').length < 10);
});

test('a clock that stepped back adds no time and makes no sum NaN', (t) => {
  const { run, calls } = createStats();
  run(observedCall({ startedMs: 1005, endedMs: 1000 }));
  run(observedCall({ endedMs: Number.NaN }));
  t.deepEqual(histogram(calls({ status: '0' }), 'grpc_client_call_duration_seconds'), {
    count: 2,
    sum: 0,
    buckets: { 0: 2 },
  });
});

test('rows of several workers are added up by their labels, and what a dead worker counted stays', (t) => {
  const reader = new StatsReader();
  const workers = [0, 1].map((id) => {
    const buffer = new SharedArrayBuffer(64 * 1024);
    reader.addWorker(id, buffer);
    const region = new StatsRegion(buffer, (row) => reader.addRow(id, row));
    // So that the same row lies at another place in each worker.
    for (let i = 0; i < id; i++) region.counter('outrigger_padding_total', {});
    return { stats: new CallStats(region), region };
  });
  for (const { stats, region } of workers) {
    stats.callRouted(observedCall());
    region.gauge('outrigger_connections', {}).set(3);
  }
  const read = (name: string) =>
    reader
      .rows()
      .filter((row) => row.name === name)
      .map((row) => row.values[0]);
  t.deepEqual(read('grpc_client_attempt_started_total'), [2]);
  t.deepEqual(read('outrigger_connections'), [6]);
  reader.workerDied(0);
  t.deepEqual(read('grpc_client_attempt_started_total'), [2]);
  t.deepEqual(read('outrigger_connections'), [3]);
  workers[0]?.stats.callRouted(observedCall());
  reader.addRow(0, { kind: 'counter', name: 'late_total', labels: {}, offset: 0 });
  t.deepEqual(read('grpc_client_attempt_started_total'), [2]);
  t.deepEqual(read('late_total'), []);
});
