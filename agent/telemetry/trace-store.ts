// The last traces, put together from spans that come in any order and from several processes.
import type { ReceivedSpan } from './otlp-spans.ts';

export interface ReceivedTrace {
  readonly traceId: string;
  /** Name of the first span whose parent is not in the trace. */
  readonly rootName: string;
  readonly startMs: number;
  readonly durationMs: number;
  /** There is one root, and it is a root by its own word: no span is missed. */
  readonly whole: boolean;
  /** When its last span arrived, in milliseconds since the epoch. */
  readonly receivedMs: number;
  /** A parent goes before its children, and these by their start. */
  readonly spans: readonly ReceivedSpan[];
}

interface StoredTrace {
  readonly spans: Map<string, ReceivedSpan>;
  receivedMs: number;
}

interface TraceStoreOptions {
  /** The oldest trace goes for a new one. */
  readonly maxTraces: number;
  /** What comes after these of one trace is left out. */
  readonly maxSpansOfTrace: number;
  /** Of all traces together; past it the oldest trace goes. */
  readonly maxSpans: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}

export class TraceStore {
  readonly #options: TraceStoreOptions;
  /** Oldest first. */
  readonly #traces = new Map<string, StoredTrace>();
  #spans = 0;

  constructor(options: TraceStoreOptions) {
    this.#options = options;
  }

  add(span: ReceivedSpan): void {
    const { maxTraces, maxSpansOfTrace, maxSpans, now } = this.#options;
    let trace = this.#traces.get(span.traceId);
    if (trace === undefined) {
      trace = { spans: new Map(), receivedMs: 0 };
      this.#traces.set(span.traceId, trace);
    }
    trace.receivedMs = now();
    if (trace.spans.size < maxSpansOfTrace && !trace.spans.has(span.spanId)) {
      trace.spans.set(span.spanId, span);
      this.#spans++;
    }
    for (const [id, { spans }] of this.#traces) {
      if (this.#traces.size <= maxTraces && this.#spans <= maxSpans) return;
      this.#traces.delete(id);
      this.#spans -= spans.size;
    }
  }

  /** Newest first. */
  traces(): ReceivedTrace[] {
    return Array.from(this.#traces, ([traceId, trace]) => assemble(traceId, trace)).reverse();
  }
}

function assemble(traceId: string, { spans, receivedMs }: StoredTrace): ReceivedTrace {
  const children = new Map<string, ReceivedSpan[]>();
  const roots: ReceivedSpan[] = [];
  for (const span of [...spans.values()].sort((a, b) => a.startMs - b.startMs)) {
    const siblings = spans.has(span.parentSpanId) ? children.get(span.parentSpanId) : roots;
    if (siblings === undefined) children.set(span.parentSpanId, [span]);
    else siblings.push(span);
  }
  const ordered = new Set<ReceivedSpan>();
  const waiting = [...roots].reverse();
  for (let span = waiting.pop(); span !== undefined; span = waiting.pop()) {
    ordered.add(span);
    waiting.push(...[...(children.get(span.spanId) ?? [])].reverse());
  }
  // Spans that name each other as parents hang on no root.
  for (const span of spans.values()) ordered.add(span);
  const all = [...ordered];
  const startMs = Math.min(...all.map((span) => span.startMs));
  const endMs = Math.max(...all.map((span) => span.startMs + span.durationMs));
  return {
    traceId,
    rootName: all[0]?.name ?? '',
    startMs,
    durationMs: endMs - startMs,
    whole: roots.length === 1 && roots[0]?.parentSpanId === '',
    receivedMs,
    spans: all,
  };
}
