// A trace's spans as rows of a waterfall: parents before children, children by their start.

import type { MeshSpan, MeshTrace } from '../../agent/admin/mesh-snapshot.ts';

export interface SpanRow {
  readonly span: MeshSpan;
  /** How many parents it has within the trace. */
  readonly depth: number;
  /** Position on the trace's time axis, 0 to 1. */
  readonly start: number;
  readonly width: number;
  /** It runs until after its siblings' rows: where the connecting line of the tree ends. */
  readonly isLastChild: boolean;
}

/** Spans whose parent is missing (not sampled, not arrived) count as roots; a circle of parents is cut open. */
export function layOutSpans(trace: MeshTrace): SpanRow[] {
  const known = new Set(trace.spans.map(({ spanId }) => spanId));
  const childrenOf = new Map<string, MeshSpan[]>();
  for (const span of trace.spans) {
    const parent = known.has(span.parentSpanId) && span.parentSpanId !== span.spanId ? span.parentSpanId : '';
    const siblings = childrenOf.get(parent);
    if (siblings === undefined) childrenOf.set(parent, [span]);
    else siblings.push(span);
  }
  const startMs = Math.min(...trace.spans.map((span) => span.startMs));
  const endMs = Math.max(...trace.spans.map((span) => span.startMs + span.durationMs));
  const lengthMs = Math.max(endMs - startMs, 0.001);
  const rows: SpanRow[] = [];
  const placed = new Set<string>();
  const place = (spans: readonly MeshSpan[], depth: number) => {
    const ordered = spans.filter(({ spanId }) => !placed.has(spanId)).sort((a, b) => a.startMs - b.startMs);
    for (const [index, span] of ordered.entries()) {
      placed.add(span.spanId);
      rows.push({
        span,
        depth,
        start: (span.startMs - startMs) / lengthMs,
        width: span.durationMs / lengthMs,
        isLastChild: index === ordered.length - 1,
      });
      place(childrenOf.get(span.spanId) ?? [], depth + 1);
    }
  };
  place(childrenOf.get('') ?? [], 0);
  for (const span of trace.spans) if (!placed.has(span.spanId)) place([span], 0);
  return rows;
}

/** The services a trace passed, in the order it reached them, each once. */
export function servicesOf(trace: MeshTrace): string[] {
  return [...new Set([...trace.spans].sort((a, b) => a.startMs - b.startMs).map(({ service }) => service))];
}

export function hasError(trace: MeshTrace): boolean {
  return trace.spans.some(({ status }) => status === 'ERROR');
}
