// A trace as rows: what the waterfall draws, also where spans are missing or nonsense.

import test from 'ava';
import { layOutSpans, servicesOf } from '../../admin-ui/src/span-tree.ts';
import type { MeshSpan, MeshTrace } from '../../agent/admin/mesh-snapshot.ts';

function span(spanId: string, parentSpanId: string, startMs: number, durationMs: number, service = 'shop'): MeshSpan {
  const about = {
    name: spanId,
    kind: 'SERVER',
    status: 'UNSET',
    statusMessage: '',
    attributes: {},
    events: [],
  } as const;
  return { ...about, spanId, parentSpanId, service, startMs, durationMs };
}

function trace(...spans: MeshSpan[]): MeshTrace {
  return { traceId: 't', rootName: 'root', startMs: 0, durationMs: 100, spans };
}

const outline = (spans: MeshTrace) => layOutSpans(spans).map((row) => `${'.'.repeat(row.depth)}${row.span.spanId}`);

test('children stand beneath their parent in the order of their start, whatever order they arrived in', (t) => {
  const spans = trace(span('d', 'b', 35, 5), span('c', 'a', 60, 10), span('b', 'a', 20, 30), span('a', '', 0, 100));
  t.deepEqual(outline(spans), ['a', '.b', '..d', '.c']);
});

test('a row begins and ends where its span does on the axis of the whole trace', (t) => {
  const rows = layOutSpans(trace(span('a', '', 1000, 200), span('b', 'a', 1050, 100)));
  t.deepEqual(
    rows.map(({ start, width }) => [start, width]),
    [
      [0, 1],
      [0.25, 0.5],
    ],
  );
});

test('a span whose parent is missing is a root', (t) => {
  t.deepEqual(outline(trace(span('a', '', 0, 9), span('b', 'lost', 2, 3), span('c', 'b', 3, 1))), ['a', 'b', '.c']);
});

test('spans that name each other or themselves as parent are each shown once', (t) => {
  t.deepEqual(outline(trace(span('a', 'b', 0, 9), span('b', 'a', 1, 3), span('c', 'c', 2, 1))), ['c', 'a', '.b']);
});

test('a trace of no length is laid out without a division by zero', (t) => {
  t.deepEqual(
    layOutSpans(trace(span('a', '', 5, 0))).map(({ start, width }) => [start, width]),
    [[0, 0]],
  );
});

test('the services of a trace are listed in the order it reached them', (t) => {
  const spans = trace(span('b', 'a', 2, 1, 'catalogue'), span('a', '', 0, 9, 'shop'), span('c', 'a', 4, 1, 'shop'));
  t.deepEqual(servicesOf(spans), ['shop', 'catalogue']);
});
