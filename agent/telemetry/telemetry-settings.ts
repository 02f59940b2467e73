// What the OTEL_* variables ask for, read into plain settings. OUTRIGGER_OTEL_* wins over the variable of the same name
// without the prefix, since a sidecar may share its environment file with the application.
// Source: OpenTelemetry specification, "Environment Variable Specification" and "OTLP Exporter Configuration".
// An unsound value never stops the agent: it is a problem to log, and the default holds.
//
// One deviation: spans are exported only if an OTLP endpoint or OTEL_TRACES_EXPORTER is set. The specification's
// default of http://localhost:4318 would make noise for whoever never asked for traces.
import type { SamplingSettings } from '../link.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface TelemetrySettings {
  readonly sampling: SamplingSettings;
  /** Where spans go; empty: nowhere. */
  readonly exporters: readonly ('otlp' | 'console')[];
  readonly protocol: 'grpc' | 'http/protobuf';
  readonly batch: BatchSettings;
  /** Of the resource; `service.name` is in it if the environment names one. */
  readonly resource: Readonly<Record<string, string>>;
  /** One sentence each, naming the variable. */
  readonly problems: readonly string[];
}

/** `OTEL_BSP_*`. */
export interface BatchSettings {
  readonly maxQueueSize: number;
  readonly maxExportBatchSize: number;
  readonly scheduledDelayMillis: number;
  readonly exportTimeoutMillis: number;
}

const PREFIX = 'OUTRIGGER_';
const PROTOCOLS = ['grpc', 'http/protobuf'] as const;

/**
 * Larger than the specification's 2,048 and 512, with which spans are lost from some ten thousand a second on; there
 * is one export at a time, so the rate is bounded by a batch a round trip.
 */
const BATCH_DEFAULTS: BatchSettings = {
  maxQueueSize: 16_384,
  maxExportBatchSize: 2048,
  scheduledDelayMillis: 1000,
  exportTimeoutMillis: 30_000,
};

/** The variables as they count for this agent: own prefix over shared name, without what is empty. */
export function effectiveEnvironment(env: Environment): Readonly<Record<string, string>> {
  const effective: Record<string, string> = {};
  const isSet = (value: string | undefined): value is string => value !== undefined && value.trim() !== '';
  for (const [name, value] of Object.entries(env))
    if (name.startsWith('OTEL_') && isSet(value)) effective[name] = value;
  for (const [name, value] of Object.entries(env)) {
    if (name.startsWith(`${PREFIX}OTEL_`) && isSet(value)) effective[name.slice(PREFIX.length)] = value;
  }
  return effective;
}

/** `env`: as it is, prefixed variables and all. */
export function parseTelemetrySettings(env: Environment): TelemetrySettings {
  const variables = effectiveEnvironment(env);
  const problems: string[] = [];
  const exporters = parseExporters(variables, problems);
  checkPropagators(variables, problems);
  return {
    sampling: { enabled: exporters.length > 0, ...parseSampler(variables, problems) },
    exporters,
    protocol: parseProtocol(variables, problems),
    batch: parseBatch(variables, problems),
    resource: parseResource(variables, problems),
    problems,
  };
}

/** How the data plane decides which calls are recorded; `enabled: false` where no span would go anywhere. */
export function samplingSettings(env: Environment): SamplingSettings {
  return parseTelemetrySettings(env).sampling;
}

function parseExporters(env: Readonly<Record<string, string>>, problems: string[]): ('otlp' | 'console')[] {
  const disabled = env['OTEL_SDK_DISABLED']?.trim().toLowerCase();
  if (disabled === 'true') return [];
  if (disabled !== undefined && disabled !== 'false') {
    problems.push(`OTEL_SDK_DISABLED is true or false, not '${disabled}'; taken as false`);
  }
  const named = env['OTEL_TRACES_EXPORTER'];
  if (named === undefined) {
    return env['OTEL_EXPORTER_OTLP_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] ? ['otlp'] : [];
  }
  const exporters = new Set<'otlp' | 'console'>();
  for (const name of named.split(',').map((part) => part.trim())) {
    if (name === 'otlp' || name === 'console') exporters.add(name);
    else if (name !== 'none')
      problems.push(`OTEL_TRACES_EXPORTER knows otlp, console and none, not '${name}'; ignored`);
  }
  return [...exporters];
}

/** The data plane reads and writes `traceparent`, and passes every other header on as it came. */
function checkPropagators(env: Readonly<Record<string, string>>, problems: string[]): void {
  const named = env['OTEL_PROPAGATORS'];
  if (named === undefined) return;
  for (const name of named.split(',').map((part) => part.trim())) {
    if (name !== 'tracecontext' && name !== 'baggage') {
      problems.push(`OTEL_PROPAGATORS knows tracecontext and baggage, not '${name}'; calls carry tracecontext`);
    }
  }
}

function parseSampler(env: Readonly<Record<string, string>>, problems: string[]): Omit<SamplingSettings, 'enabled'> {
  const named = env['OTEL_TRACES_SAMPLER']?.trim().toLowerCase() ?? 'parentbased_always_on';
  const parentBased = named.startsWith('parentbased_');
  switch (named.replace(/^parentbased_/, '')) {
    case 'always_on':
      return { parentBased, ratio: 1 };
    case 'always_off':
      return { parentBased, ratio: 0 };
    case 'traceidratio':
      return { parentBased, ratio: parseRatio(env, problems) };
    default:
      problems.push(
        `OTEL_TRACES_SAMPLER knows always_on, always_off and traceidratio, each also with parentbased_ in front, not '${named}'; taken as parentbased_always_on`,
      );
      return { parentBased: true, ratio: 1 };
  }
}

function parseRatio(env: Readonly<Record<string, string>>, problems: string[]): number {
  const text = env['OTEL_TRACES_SAMPLER_ARG'];
  if (text === undefined) return 1;
  const ratio = Number(text);
  if (ratio >= 0 && ratio <= 1) return ratio;
  problems.push(`OTEL_TRACES_SAMPLER_ARG is a number from 0 to 1, not '${text}'; taken as 1`);
  return 1;
}

function parseProtocol(env: Readonly<Record<string, string>>, problems: string[]): TelemetrySettings['protocol'] {
  for (const name of ['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', 'OTEL_EXPORTER_OTLP_PROTOCOL']) {
    const value = env[name]?.trim();
    if (value === undefined) continue;
    const protocol = PROTOCOLS.find((candidate) => candidate === value);
    if (protocol !== undefined) return protocol;
    problems.push(`${name} knows ${PROTOCOLS.join(' and ')}, not '${value}'; taken as http/protobuf`);
    break;
  }
  return 'http/protobuf';
}

function parseBatch(env: Readonly<Record<string, string>>, problems: string[]): BatchSettings {
  const number = (name: string, fallback: number): number => {
    const text = env[name];
    if (text === undefined) return fallback;
    const value = Number(text);
    if (Number.isInteger(value) && value > 0 && value < 2 ** 31) return value;
    problems.push(`${name} is a whole number above 0, not '${text}'; taken as ${fallback}`);
    return fallback;
  };
  const maxQueueSize = number('OTEL_BSP_MAX_QUEUE_SIZE', BATCH_DEFAULTS.maxQueueSize);
  const batchSize = number('OTEL_BSP_MAX_EXPORT_BATCH_SIZE', Math.min(BATCH_DEFAULTS.maxExportBatchSize, maxQueueSize));
  if (batchSize > maxQueueSize) {
    problems.push(`OTEL_BSP_MAX_EXPORT_BATCH_SIZE can't be above OTEL_BSP_MAX_QUEUE_SIZE; taken as ${maxQueueSize}`);
  }
  return {
    maxQueueSize,
    maxExportBatchSize: Math.min(batchSize, maxQueueSize),
    scheduledDelayMillis: number('OTEL_BSP_SCHEDULE_DELAY', BATCH_DEFAULTS.scheduledDelayMillis),
    exportTimeoutMillis: number('OTEL_BSP_EXPORT_TIMEOUT', BATCH_DEFAULTS.exportTimeoutMillis),
  };
}

/** The whole value is void if one of its pairs is, as the specification has it. */
function parseResource(env: Readonly<Record<string, string>>, problems: string[]): Record<string, string> {
  const resource: Record<string, string> = {};
  const text = env['OTEL_RESOURCE_ATTRIBUTES'];
  if (text !== undefined) {
    const pairs = text.split(',').map(parsePair);
    const sound = pairs.filter((pair) => pair !== null);
    if (sound.length === pairs.length) Object.assign(resource, Object.fromEntries(sound));
    else
      problems.push('OTEL_RESOURCE_ATTRIBUTES is key=value,key=value with %XX for other bytes; all of it is ignored');
  }
  const serviceName = env['OTEL_SERVICE_NAME'];
  if (serviceName !== undefined) resource['service.name'] = serviceName.trim();
  return resource;
}

function parsePair(text: string): readonly [string, string] | null {
  const equals = text.indexOf('=');
  if (equals < 1) return null;
  try {
    return [decodeURIComponent(text.slice(0, equals).trim()), decodeURIComponent(text.slice(equals + 1).trim())];
  } catch {
    return null;
  }
}
