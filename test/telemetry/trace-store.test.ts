// Traces put together from spans in any order, and the bounds of what is kept.
import test from 'ava';
import fc from 'fast-check';
import type { ReceivedSpan } from '../../agent/telemetry/otlp-spans.ts';
import { TraceStore } from '../../agent/telemetry/trace-store.ts';

function span(spanId: string, parentSpanId: string, parts: Partial<ReceivedSpan> = {}): ReceivedSpan {
  return {
    traceId: 'a',
    spanId,
    parentSpanId,
    name: spanId,
    kind: 'SERVER',
    service: 'shop',
    startMs: Number(spanId),
    durationMs: 1,
    status: 'UNSET',
    statusMessage: '',
    attributes: {},
    events: [],
    ...parts,
  };
}

const createStore = (bounds = {}) =>
  new TraceStore({ maxTraces: 10, maxSpansOfTrace: 10, maxSpans: 100, now: () => 7, ...bounds });

test('in whatever order spans come, parents go before their children and these by their start', (t) => {
  const spans = [span('1', ''), span('2', '1'), span('5', '2'), span('3', '1'), span('4', '3')];
  fc.assert(
    fc.property(fc.shuffledSubarray(spans, { minLength: spans.length }), (shuffled) => {
      const store = createStore();
      for (const each of shuffled) store.add(each);
      const [trace] = store.traces();
      t.deepEqual(
        trace?.spans.map(({ spanId }) => spanId),
        ['1', '2', '5', '3', '4'],
      );
      t.like(trace, { rootName: '1', startMs: 1, durationMs: 5, whole: true, receivedMs: 7 });
    }),
    { seed: 1, numRuns: 50 },
  );
});

test('a trace without its root is not whole; neither is one with two', (t) => {
  const store = createStore();
  store.add(span('2', '1'));
  t.like(store.traces()[0], { whole: false, rootName: '2' });
  store.add(span('1', ''));
  t.true(store.traces()[0]?.whole);
  store.add(span('9', ''));
  t.false(store.traces()[0]?.whole);
});

test('spans that name each other as parents are kept and end nobody', (t) => {
  const store = createStore();
  store.add(span('1', '2'));
  store.add(span('2', '1'));
  store.add(span('3', '3'));
  t.deepEqual(
    store
      .traces()[0]
      ?.spans.map(({ spanId }) => spanId)
      .sort(),
    ['1', '2', '3'],
  );
});

test('the oldest trace goes for a new one, by number of traces and by number of spans', (t) => {
  const ids = (store: TraceStore) => store.traces().map(({ traceId, spans }) => `${traceId}${spans.length}`);
  const few = createStore({ maxTraces: 2 });
  for (const traceId of ['a', 'b', 'a', 'c']) few.add(span('1', '', { traceId }));
  t.deepEqual(ids(few), ['c1', 'b1']);
  const small = createStore({ maxSpansOfTrace: 3, maxSpans: 5 });
  for (const traceId of ['a', 'b', 'c']) {
    for (let i = 0; i < 20; i++) small.add(span(String(i), '', { traceId }));
  }
  t.deepEqual(ids(small), ['c3']);
});
