// The exporters of the OpenTelemetry SDK, built from the agent's environment rather than the process's, and watched:
// that a collector went away or came back is logged once, and never harms a call.
import { readFileSync } from 'node:fs';
import { type ChannelCredentials, credentials } from '@grpc/grpc-js';
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter as GrpcTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { OTLPTraceExporter as HttpTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import type { Log } from '../observe/log.ts';
import type { TelemetrySettings } from './telemetry-settings.ts';

type Variables = Readonly<Record<string, string>>;

/** Throws an Error of one sentence where a certificate can't be read. `env`: `effectiveEnvironment`. */
export function createOtlpExporter(protocol: TelemetrySettings['protocol'], env: Variables): SpanExporter {
  return withProcessEnvironment(env, () =>
    protocol === 'grpc' ? new GrpcTraceExporter({ credentials: grpcCredentials(env) }) : new HttpTraceExporter(),
  );
}

/** Where spans go, as a person would say it. */
export function otlpEndpoint(protocol: TelemetrySettings['protocol'], env: Variables): string {
  const base = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] ?? env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  return base ?? (protocol === 'grpc' ? 'http://localhost:4317' : 'http://localhost:4318');
}

/**
 * The exporters read `process.env` as they are made, with rules of their own for endpoints, headers, time-outs,
 * compression and certificates. So that exactly these rules hold, they get to see the variables that count here.
 */
function withProcessEnvironment<T>(env: Variables, create: () => T): T {
  const isExporterVariable = (name: string) => name.startsWith('OTEL_EXPORTER_OTLP_');
  const saved = Object.entries(process.env).filter(([name]) => isExporterVariable(name));
  for (const [name] of saved) delete process.env[name];
  const lent = Object.entries(env).filter(([name]) => isExporterVariable(name));
  for (const [name, value] of lent) process.env[name] = value;
  try {
    return create();
  } finally {
    for (const [name] of lent) delete process.env[name];
    for (const [name, value] of saved) process.env[name] = value;
  }
}

/** The gRPC exporter reads these when it connects, which is too late. TLS unless the URL or `INSECURE` says otherwise. */
function grpcCredentials(env: Variables): ChannelCredentials {
  const variable = (name: string) => env[`OTEL_EXPORTER_OTLP_TRACES_${name}`] ?? env[`OTEL_EXPORTER_OTLP_${name}`];
  const url = otlpEndpoint('grpc', env);
  const insecure =
    url.startsWith('http://') || (!url.startsWith('https://') && variable('INSECURE')?.toLowerCase() === 'true');
  if (insecure) return credentials.createInsecure();
  const read = (name: string): Buffer | null => {
    const path = variable(name);
    if (path === undefined) return null;
    try {
      return readFileSync(path);
    } catch (error) {
      throw new Error(`OTEL_EXPORTER_OTLP_${name}: can't read ${path}: ${messageOf(error)}`);
    }
  };
  return credentials.createSsl(read('CERTIFICATE'), read('CLIENT_KEY'), read('CLIENT_CERTIFICATE'));
}

/** Told of each export: how many spans went out, or were lost for good. */
export interface ExportObserver {
  exported(spans: number): void;
  failed(spans: number): void;
}

/**
 * Logs the first failure and the first success after one, with `endpoint`, and tells `observer`. The processor is told that
 * all went well, since it would only report each failure again.
 */
export function watchExporter(inner: SpanExporter, endpoint: string, observer: ExportObserver, log: Log): SpanExporter {
  let failing = false;
  const settle = (spans: number, { code, error }: ExportResult): void => {
    if (code === ExportResultCode.SUCCESS) {
      observer.exported(spans);
      if (failing) log('info', 'spans are exported again', { endpoint });
      failing = false;
      return;
    }
    observer.failed(spans);
    if (!failing) log('warn', "spans can't be exported", { endpoint, reason: messageOf(error) });
    failing = true;
  };
  return {
    export: (spans: ReadableSpan[], done: (result: ExportResult) => void) => {
      // The spans themselves need not live until the answer.
      const { length } = spans;
      inner.export(spans, (result) => {
        settle(length, result);
        done({ code: ExportResultCode.SUCCESS });
      });
    },
    forceFlush: async () => inner.forceFlush?.(),
    shutdown: () => inner.shutdown(),
  };
}

function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join(', ');
  return error instanceof Error ? error.message : String(error);
}
