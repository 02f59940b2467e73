// OTLP trace requests, as JSON has them and as the protobuf loader gives them, to plain spans. The two differ only in
// ids (hex text, bytes) and in how 64-bit numbers are written. Source: opentelemetry-proto, trace/v1/trace.proto, and
// the OTLP specification, "JSON Protobuf Encoding".

type SpanAttributes = Readonly<Record<string, string | number | boolean>>;

export interface ReceivedSpan {
  /** 32 lower-case hex digits. */
  readonly traceId: string;
  /** 16 lower-case hex digits. */
  readonly spanId: string;
  /** Empty for a root. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly kind: 'SERVER' | 'CLIENT' | 'INTERNAL' | 'PRODUCER' | 'CONSUMER';
  /** `service.name` of its resource. */
  readonly service: string;
  /** Milliseconds since the epoch, with fractions. */
  readonly startMs: number;
  readonly durationMs: number;
  readonly status: 'UNSET' | 'OK' | 'ERROR';
  readonly statusMessage: string;
  readonly attributes: SpanAttributes;
  readonly events: readonly ReceivedSpanEvent[];
}

interface ReceivedSpanEvent {
  readonly name: string;
  readonly atMs: number;
  readonly attributes: SpanAttributes;
}

const KINDS = ['INTERNAL', 'INTERNAL', 'SERVER', 'CLIENT', 'PRODUCER', 'CONSUMER'] as const;
const STATUSES = ['UNSET', 'OK', 'ERROR'] as const;
/** What is kept of one span: enough for any that a person made, and a bound for any other. */
const MAX_ATTRIBUTES = 128;
const MAX_EVENTS = 128;
const MAX_TEXT = 4096;

/** The spans of an `ExportTraceServiceRequest`, and how many more had no sound ids. Never throws, whatever came. */
export function decodeTraceRequest(request: unknown): { readonly spans: ReceivedSpan[]; readonly rejected: number } {
  const spans: ReceivedSpan[] = [];
  let rejected = 0;
  for (const resourceSpans of list(request, 'resourceSpans')) {
    const resource = attributesOf(member(resourceSpans, 'resource'));
    const service = String(resource['service.name'] ?? 'unknown_service');
    for (const scopeSpans of list(resourceSpans, 'scopeSpans')) {
      for (const span of list(scopeSpans, 'spans')) {
        const decoded = decodeSpan(span, service);
        if (decoded === null) rejected++;
        else spans.push(decoded);
      }
    }
  }
  return { spans, rejected };
}

function decodeSpan(span: unknown, service: string): ReceivedSpan | null {
  const traceId = id(member(span, 'traceId'), 16);
  const spanId = id(member(span, 'spanId'), 8);
  if (traceId === '' || spanId === '') return null;
  const startMs = milliseconds(member(span, 'startTimeUnixNano'));
  const status = member(span, 'status');
  return {
    traceId,
    spanId,
    parentSpanId: id(member(span, 'parentSpanId'), 8),
    name: text(member(span, 'name')),
    kind: KINDS[Number(member(span, 'kind'))] ?? 'INTERNAL',
    service,
    startMs,
    durationMs: Math.max(0, milliseconds(member(span, 'endTimeUnixNano')) - startMs),
    status: STATUSES[Number(member(status, 'code') ?? 0)] ?? 'UNSET',
    statusMessage: text(member(status, 'message')),
    attributes: attributesOf(span),
    events: list(span, 'events')
      .slice(0, MAX_EVENTS)
      .map((event) => ({
        name: text(member(event, 'name')),
        atMs: milliseconds(member(event, 'timeUnixNano')),
        attributes: attributesOf(event),
      })),
  };
}

/** Lower-case hex of so many bytes, or empty for what is no id: another length, or zeros. */
function id(value: unknown, bytes: number): string {
  const hex = value instanceof Uint8Array ? Buffer.from(value).toString('hex') : text(value).toLowerCase();
  return hex.length === bytes * 2 && /^[0-9a-f]+$/.test(hex) && /[^0]/.test(hex) ? hex : '';
}

function milliseconds(nanoseconds: unknown): number {
  const number = Number(nanoseconds ?? 0);
  return Number.isFinite(number) ? number / 1e6 : 0;
}

function attributesOf(owner: unknown): Record<string, string | number | boolean> {
  const attributes: Record<string, string | number | boolean> = {};
  for (const pair of list(owner, 'attributes').slice(0, MAX_ATTRIBUTES)) {
    const key = text(member(pair, 'key'));
    // As an ordinary property this name would set the prototype.
    if (key !== '' && key !== '__proto__') attributes[key] = attributeValue(member(pair, 'value'));
  }
  return attributes;
}

function attributeValue(value: unknown): string | number | boolean {
  const { stringValue, boolValue, intValue, doubleValue } = record(value);
  if (typeof stringValue === 'string') return text(stringValue);
  if (typeof boolValue === 'boolean') return boolValue;
  if (intValue !== undefined && intValue !== null) return Number(intValue);
  if (doubleValue !== undefined && doubleValue !== null) return Number(doubleValue);
  return text(JSON.stringify(plainValue(value, 0)) ?? '');
}

/** Arrays and maps as JSON has them, to a depth that a person would read. */
function plainValue(value: unknown, depth: number): unknown {
  const { arrayValue, kvlistValue, bytesValue } = record(value);
  if (depth > 4) return '…';
  if (arrayValue) return list(arrayValue, 'values').map((item) => plainValue(item, depth + 1));
  if (kvlistValue) {
    const pairs = list(kvlistValue, 'values');
    return Object.fromEntries(
      pairs.map((pair) => [text(member(pair, 'key')), plainValue(member(pair, 'value'), depth + 1)]),
    );
  }
  if (bytesValue instanceof Uint8Array) return Buffer.from(bytesValue).toString('base64');
  if (typeof bytesValue === 'string') return bytesValue;
  const { stringValue, boolValue, intValue, doubleValue } = record(value);
  return stringValue ?? boolValue ?? (intValue === undefined ? doubleValue : Number(intValue)) ?? null;
}

function record(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function member(value: unknown, name: string): unknown {
  return record(value)[name];
}

function list(value: unknown, name: string): readonly unknown[] {
  const found = member(value, name);
  return Array.isArray(found) ? found : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : '';
}
