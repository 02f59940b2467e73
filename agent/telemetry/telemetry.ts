// Telemetry of the control thread: recorded calls in, spans out, by the OTEL_* variables (telemetry-settings.ts).
import { randomUUID } from 'node:crypto';
import { type DiagLogger, DiagLogLevel, diag } from '@opentelemetry/api';
import { diagLogLevelFromString, setGlobalErrorHandler } from '@opentelemetry/core';
import { defaultResource, resourceFromAttributes } from '@opentelemetry/resources';
import { ConsoleSpanExporter, type SpanExporter } from '@opentelemetry/sdk-trace';
import type { SamplingSettings } from '../link.ts';
import type { CallBatch } from '../observe/call-batch.ts';
import type { CallRecord } from '../observe/call-observer.ts';
import type { Log } from '../observe/log.ts';
import type { StatsRegion } from '../stats/stats-region.ts';
import { createOtlpExporter, type ExportObserver, otlpEndpoint, watchExporter } from './span-exporter.ts';
import { SpanQueue, type SpanQueueOptions } from './span-queue.ts';
import { spanOf } from './spans.ts';
import {
  type Environment,
  effectiveEnvironment,
  parseTelemetrySettings,
  type TelemetrySettings,
} from './telemetry-settings.ts';

export interface TelemetryOptions {
  /** As it is, with `OTEL_*` and `OUTRIGGER_OTEL_*`. */
  readonly env: Environment;
  /** `service.name` where the environment gives none. */
  readonly serviceName: string;
  readonly log: Log;
  /** Where `outrigger_spans_total` is counted, if spans go anywhere. */
  readonly stats?: StatsRegion;
}

interface SpanCounts {
  /** Calls that came from the data planes. */
  readonly received: number;
  /** Sampled calls that a data plane could not send, because this thread did not keep up, or that found the queue full. */
  readonly dropped: number;
  readonly exported: number;
  /** Spans of exports that failed for good. */
  readonly failed: number;
}

type Outcome = 'dropped' | 'exported' | 'failed';

export interface Telemetry {
  /** What the data planes are to record. */
  readonly sampling: SamplingSettings;
  /** A batch of recorded calls, and how many more were dropped before it. Never throws. */
  onCalls(batch: CallBatch, dropped: number): void;
  readonly counts: SpanCounts;
  /** Exports what waits; resolves when that is done or has failed. */
  flush(): Promise<void>;
  /** Exports what waits, for `timeoutMs` (1,000) at the most, and ends. */
  shutdown(timeoutMs?: number): Promise<void>;
}

export function createTelemetry({ env, serviceName, log, stats }: TelemetryOptions): Telemetry {
  const settings = parseTelemetrySettings(env);
  for (const problem of settings.problems) log('warn', problem);
  const variables = effectiveEnvironment(env);
  sendDiagnosticsTo(log, variables['OTEL_LOG_LEVEL']);

  const counts = { received: 0, dropped: 0, exported: 0, failed: 0 };
  const observer: ExportObserver = {
    exported: (spans) => count('exported', spans),
    failed: (spans) => count('failed', spans),
  };
  const rowOf = (outcome: Outcome) =>
    settings.exporters.length === 0 ? undefined : stats?.counter('outrigger_spans_total', { outcome });
  const rows = { dropped: rowOf('dropped'), exported: rowOf('exported'), failed: rowOf('failed') };
  function count(outcome: Outcome, spans: number): void {
    counts[outcome] += spans;
    rows[outcome]?.add(spans);
  }
  const resource = defaultResource().merge(
    resourceFromAttributes({
      'service.name': serviceName,
      'service.instance.id': randomUUID(),
      ...settings.resource,
    }),
  );
  const queueOptions = {
    batch: settings.batch,
    spanOf: (record: CallRecord) => spanOf(record, resource),
    onDropped: (calls: number) => count('dropped', calls),
  };
  const queues = settings.exporters.flatMap((kind) => {
    const exporter = createExporter(kind, settings, variables, observer, log);
    return exporter === null ? [] : [createQueue(kind, { ...queueOptions, exporter })];
  });
  const each = async (act: (queue: SpanQueue) => Promise<void>): Promise<void> => {
    await Promise.allSettled(queues.map(act));
  };
  return {
    // An exporter that could not be made leaves nothing to record for.
    sampling: { ...settings.sampling, enabled: queues.length > 0 },
    onCalls: (batch, newlyDropped) => {
      counts.received += batch.count;
      if (newlyDropped > 0) count('dropped', newlyDropped);
      for (const queue of queues) queue.add(batch);
    },
    counts,
    flush: () => each((queue) => queue.flush()),
    shutdown: (timeoutMs = 1000) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        void each((queue) => queue.shutdown()).then(() => {
          clearTimeout(timer);
          resolve();
        });
      }),
  };
}

/** People who watch a console want to see a call when it has ended. */
function createQueue(kind: TelemetrySettings['exporters'][number], options: SpanQueueOptions): SpanQueue {
  if (kind !== 'console') return new SpanQueue(options);
  return new SpanQueue({ ...options, batch: { ...options.batch, maxExportBatchSize: 1 } });
}

function createExporter(
  kind: TelemetrySettings['exporters'][number],
  { protocol }: TelemetrySettings,
  env: Readonly<Record<string, string>>,
  observer: ExportObserver,
  log: Log,
): SpanExporter | null {
  if (kind === 'console') return new ConsoleSpanExporter();
  try {
    return watchExporter(createOtlpExporter(protocol, env), otlpEndpoint(protocol, env), observer, log);
  } catch (error) {
    log('error', 'no spans are exported', { reason: error instanceof Error ? error.message : String(error) });
    return null;
  }
}

/** What the SDK says of itself goes to the log; its own default would be the console. */
function sendDiagnosticsTo(log: Log, level: string | undefined): void {
  const say =
    (as: 'debug' | 'info' | 'warn' | 'error') =>
    (message: string, ...details: unknown[]) =>
      log(as, 'OpenTelemetry', { message, ...(details.length > 0 && { details: details.map(String) }) });
  const logger: DiagLogger = {
    error: say('error'),
    warn: say('warn'),
    info: say('info'),
    debug: say('debug'),
    verbose: say('debug'),
  };
  const logLevel = (level === undefined ? undefined : diagLogLevelFromString(level)) ?? DiagLogLevel.WARN;
  diag.setLogger(logger, { logLevel, suppressOverrideMessage: true });
  setGlobalErrorHandler((error) => log('warn', 'OpenTelemetry', { message: String(error) }));
}
