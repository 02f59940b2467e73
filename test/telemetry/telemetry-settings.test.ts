// What the OTEL_* variables make the agent do.
import test from 'ava';
import {
  type Environment,
  parseTelemetrySettings,
  samplingSettings,
} from '../../agent/telemetry/telemetry-settings.ts';

const endpoint = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' };

const exporters: readonly (readonly [Environment, readonly string[]])[] = [
  [{}, []],
  [{ OTEL_SERVICE_NAME: 'shop' }, []],
  [endpoint, ['otlp']],
  [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces' }, ['otlp']],
  [{ OTEL_EXPORTER_OTLP_ENDPOINT: ' ' }, []],
  [{ OTEL_TRACES_EXPORTER: 'otlp' }, ['otlp']],
  [{ OTEL_TRACES_EXPORTER: 'console' }, ['console']],
  [{ OTEL_TRACES_EXPORTER: 'otlp, console' }, ['otlp', 'console']],
  [{ ...endpoint, OTEL_TRACES_EXPORTER: 'none' }, []],
  [{ ...endpoint, OTEL_SDK_DISABLED: 'TRUE' }, []],
  [{ ...endpoint, OTEL_SDK_DISABLED: 'false' }, ['otlp']],
  [{ OUTRIGGER_OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, ['otlp']],
  [{ ...endpoint, OUTRIGGER_OTEL_TRACES_EXPORTER: 'none' }, []],
  [{ OTEL_SDK_DISABLED: 'true', OUTRIGGER_OTEL_SDK_DISABLED: 'false', ...endpoint }, ['otlp']],
];

for (const [env, expected] of exporters) {
  test(`${JSON.stringify(env)} exports to ${expected.join(' and ') || 'nowhere'}`, (t) => {
    const settings = parseTelemetrySettings(env);
    t.deepEqual(settings.exporters, expected);
    t.is(settings.sampling.enabled, expected.length > 0);
    t.deepEqual(settings.problems, []);
  });
}

const samplers: readonly (readonly [sampler: string | undefined, argument: string | undefined, boolean, number])[] = [
  [undefined, undefined, true, 1],
  ['always_on', undefined, false, 1],
  ['always_off', undefined, false, 0],
  ['traceidratio', '0.25', false, 0.25],
  ['traceidratio', undefined, false, 1],
  ['parentbased_always_on', '0.1', true, 1],
  ['parentbased_always_off', undefined, true, 0],
  ['parentbased_traceidratio', '0.01', true, 0.01],
];

for (const [sampler, argument, parentBased, ratio] of samplers) {
  test(`the sampler ${sampler} with ${argument} records ${ratio} of the roots, parent-based: ${parentBased}`, (t) => {
    const env = { ...endpoint, OTEL_TRACES_SAMPLER: sampler, OTEL_TRACES_SAMPLER_ARG: argument };
    t.deepEqual(samplingSettings(env), { enabled: true, parentBased, ratio });
  });
}

test('an unsound value is a problem that names its variable, and the default holds', (t) => {
  const { problems, ...settings } = parseTelemetrySettings({
    OTEL_TRACES_EXPORTER: 'otlp,zipkin',
    OTEL_TRACES_SAMPLER: 'jaeger_remote',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_BSP_MAX_QUEUE_SIZE: '-1',
    OTEL_BSP_SCHEDULE_DELAY: 'soon',
    OTEL_RESOURCE_ATTRIBUTES: 'team=shop,oops',
    OTEL_SDK_DISABLED: 'yes',
    OTEL_PROPAGATORS: 'tracecontext,b3',
  });
  const names = [
    'SDK_DISABLED',
    'TRACES_EXPORTER',
    'TRACES_SAMPLER',
    'EXPORTER_OTLP_PROTOCOL',
    'BSP_MAX_QUEUE_SIZE',
    'BSP_SCHEDULE_DELAY',
    'RESOURCE_ATTRIBUTES',
    'PROPAGATORS',
  ];
  t.is(problems.length, names.length);
  for (const name of names)
    t.truthy(
      problems.find((problem) => problem.startsWith(`OTEL_${name} `)),
      name,
    );
  t.like(parseTelemetrySettings({ OTEL_TRACES_EXPORTER: 'otlp' }), settings);
  const ratio = { ...endpoint, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' };
  t.is(samplingSettings(ratio).ratio, 1);
  t.is(parseTelemetrySettings(ratio).problems.length, 1);
});

test('the protocol of traces goes before that of all signals', (t) => {
  t.is(parseTelemetrySettings({}).protocol, 'http/protobuf');
  t.is(parseTelemetrySettings({ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }).protocol, 'grpc');
  const both = { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc', OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf' };
  t.is(parseTelemetrySettings(both).protocol, 'http/protobuf');
});

test('OTEL_BSP_* size the batches, and a batch is never larger than the queue', (t) => {
  const { batch } = parseTelemetrySettings({
    OTEL_BSP_MAX_QUEUE_SIZE: '100',
    OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '50',
    OTEL_BSP_SCHEDULE_DELAY: '10',
    OTEL_BSP_EXPORT_TIMEOUT: '20',
  });
  t.deepEqual(batch, { maxQueueSize: 100, maxExportBatchSize: 50, scheduledDelayMillis: 10, exportTimeoutMillis: 20 });
  const small = parseTelemetrySettings({ OTEL_BSP_MAX_QUEUE_SIZE: '100' });
  t.is(small.batch.maxExportBatchSize, 100);
  t.deepEqual(small.problems, []);
  const large = parseTelemetrySettings({ OTEL_BSP_MAX_QUEUE_SIZE: '10', OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '11' });
  t.is(large.batch.maxExportBatchSize, 10);
  t.is(large.problems.length, 1);
});

test('resource attributes are percent-decoded; the service name of its own variable wins', (t) => {
  const env = { OTEL_RESOURCE_ATTRIBUTES: 'service.name=a, team=caf%C3%A9,empty=', OTEL_SERVICE_NAME: 'b' };
  t.deepEqual(parseTelemetrySettings(env).resource, { 'service.name': 'b', team: 'café', empty: '' });
  const { resource } = parseTelemetrySettings({ ...env, OUTRIGGER_OTEL_SERVICE_NAME: 'sidecar' });
  t.is(resource['service.name'], 'sidecar');
});
