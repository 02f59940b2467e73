// The metrics as a Prometheus server reads them. gRFC A66; text format 0.0.4.
import test from 'ava';
import { histogramQuantile } from '../../agent/admin/histogram-quantile.ts';
import { formatPrometheus } from '../../agent/admin/prometheus-text.ts';
import { decodeStats, encodeStats } from '../../agent/admin/stats-json.ts';
import { formatStats } from '../../agent/admin/stats-text.ts';
import { CallStats } from '../../agent/stats/call-stats.ts';
import { StatsReader } from '../../agent/stats/stats-reader.ts';
import { StatsRegion } from '../../agent/stats/stats-region.ts';
import { observedCall } from '../stats/observed-call.ts';
import { type Family, parsePrometheus } from './prometheus-parser.ts';

/** Calls of 1 to 100 ms both ways, some of them failed. */
function countSomeCalls(): StatsReader {
  const reader = new StatsReader();
  const buffer = new SharedArrayBuffer(1024 * 1024);
  reader.addWorker(0, buffer);
  const stats = new CallStats(new StatsRegion(buffer, (row) => reader.addRow(0, row)));
  for (let i = 1; i <= 100; i++) {
    for (const direction of ['inbound', 'outbound'] as const) {
      const call = observedCall({
        direction,
        endedMs: 1000 + i,
        status: i % 10 === 0 ? 14 : 0,
        responseBytes: i * 1000,
      });
      stats.callStarted(call);
      stats.callRouted(call);
      stats.callEnded(call);
    }
  }
  return reader;
}

function samples(family: Family | undefined, suffix: string, labels: Record<string, string>) {
  return (family?.samples ?? []).filter(
    (sample) =>
      sample.name.endsWith(suffix) && Object.entries(labels).every(([name, value]) => sample.labels[name] === value),
  );
}

const names = [
  ['grpc_client_attempt_started_total', 'counter'],
  ['grpc_client_attempt_duration_seconds', 'histogram'],
  ['grpc_client_attempt_sent_total_compressed_message_size_bytes', 'histogram'],
  ['grpc_client_attempt_rcvd_total_compressed_message_size_bytes', 'histogram'],
  ['grpc_client_call_duration_seconds', 'histogram'],
  ['grpc_server_call_started_total', 'counter'],
  ['grpc_server_call_duration_seconds', 'histogram'],
  ['grpc_server_call_sent_total_compressed_message_size_bytes', 'histogram'],
  ['grpc_server_call_rcvd_total_compressed_message_size_bytes', 'histogram'],
] as const;

test('the metrics have the names, types and labels of gRFC A66', (t) => {
  const families = parsePrometheus(formatPrometheus(countSomeCalls().rows()));
  for (const [name, type] of names) {
    t.is(families.get(name)?.type, type, name);
    const [sample] = families.get(name)?.samples ?? [];
    const labels = Object.keys(sample?.labels ?? {}).filter((label) => label !== 'le');
    const expected = ['grpc_method'];
    if (name.startsWith('grpc_client')) expected.push('grpc_target');
    if (type === 'histogram') expected.push('grpc_status');
    t.deepEqual(labels, expected, name);
  }
  const [started] = families.get('grpc_client_attempt_started_total')?.samples ?? [];
  t.deepEqual(started, {
    name: 'grpc_client_attempt_started_total',
    labels: { grpc_method: 'demo.Catalogue/GetProduct', grpc_target: 'catalogue-v1' },
    value: 100,
  });
});

test('buckets are cumulative, end in +Inf, and agree with count and sum', (t) => {
  const families = parsePrometheus(formatPrometheus(countSomeCalls().rows()));
  for (const [name, type] of names) {
    if (type !== 'histogram') continue;
    for (const [grpc_status, count] of [
      ['OK', 90],
      ['UNAVAILABLE', 10],
    ] as const) {
      const buckets = samples(families.get(name), '_bucket', { grpc_status });
      const values = buckets.map((bucket) => bucket.value);
      t.deepEqual(
        values,
        values.toSorted((a, b) => a - b),
      );
      t.is(buckets.at(-1)?.labels['le'], '+Inf');
      t.is(buckets.length, name.endsWith('seconds') ? 42 : 15);
      t.is(values.at(-1), count);
      t.is(samples(families.get(name), '_count', { grpc_status })[0]?.value, count);
    }
  }
  const duration = families.get('grpc_client_call_duration_seconds');
  // 1 to 100 ms without every tenth: those up to 10 ms are nine, and their sum is 4.5 s.
  t.is(samples(duration, '_bucket', { grpc_status: 'OK', le: '0.01' })[0]?.value, 9);
  t.is(samples(duration, '_sum', { grpc_status: 'OK' })[0]?.value.toFixed(6), '4.500000');
});

test('label values with quotes, backslashes and line ends are read back as they were', (t) => {
  const values = Float64Array.of(1);
  const value = 'a"b\\c\nd{e="f"} \\n';
  const text = formatPrometheus([{ kind: 'counter', name: 'x_total', labels: { odd: value, plain: 'p' }, values }]);
  t.deepEqual(parsePrometheus(text).get('x_total')?.samples, [
    { name: 'x_total', labels: { odd: value, plain: 'p' }, value: 1 },
  ]);
});

test('rows of several agents, each with a label of its own, make one metric', (t) => {
  const rows = countSomeCalls().rows();
  const merged = ['shop', 'catalogue'].flatMap((agent) =>
    rows.map((row) => ({ ...row, labels: { agent, ...row.labels } })),
  );
  const families = parsePrometheus(formatPrometheus(merged));
  t.deepEqual(
    families.get('grpc_server_call_started_total')?.samples.map(({ labels }) => labels['agent']),
    ['shop', 'catalogue'],
  );
});

test('the JSON form gives the same rows back, and leaves out what is none', (t) => {
  const rows = countSomeCalls().rows();
  t.deepEqual(decodeStats(encodeStats(rows)), rows);
  const odd = [
    null,
    5,
    { kind: 'call', name: '', labels: { direction: 'inbound' }, values: [1] },
    { kind: 'x' },
    { kind: 'counter', name: 'a', labels: { b: 1 }, values: [1] },
  ];
  t.deepEqual(decodeStats(JSON.stringify({ rows: odd })), []);
  t.deepEqual(decodeStats('null'), []);
});

test('the plain form is lines of name: value, sorted, with quantiles', (t) => {
  const lines = formatStats(countSomeCalls().rows(), /server_call_duration.*OK|active/).split('\n');
  t.is(
    lines[0],
    'grpc_server_call_duration_seconds_count{grpc_method="demo.Catalogue/GetProduct",grpc_status="OK"}: 90',
  );
  t.is(lines.length, 6);
  t.true(lines.includes('outrigger_cluster_active_calls{cluster="catalogue-v1"}: 0'));
});

test('quantiles lie within their bucket, linearly; the open bucket answers its lower bound', (t) => {
  const bounds = [0, 10, 20];
  t.is(histogramQuantile(bounds, [0, 4, 0, 0], 0.5), 5);
  t.is(histogramQuantile(bounds, [0, 4, 4, 0], 0.75), 15);
  t.is(histogramQuantile(bounds, [0, 0, 0, 3], 0.5), 20);
  t.is(histogramQuantile(bounds, [3, 0, 0, 0], 0.99), 0);
  t.is(histogramQuantile(bounds, [0, 0, 0, 0], 0.5), null);
});
