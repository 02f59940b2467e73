// Which calls are recorded, and the context they carry on. W3C Trace Context Level 2.
import test from 'ava';
import fc from 'fast-check';
import type { SamplingSettings } from '../../agent/link.ts';
import type { CallTrace, TraceCarrier } from '../../agent/observe/call-observer.ts';
import { TraceSampler } from '../../agent/telemetry/call-tracer.ts';
import { isTraceparent } from '../../agent/telemetry/traceparent.ts';

const TRACE_ID = '0af7651916cd43dd8448eb211c80319c';
const PARENT_ID = 'b7ad6b7169203331';
const always: SamplingSettings = { enabled: true, parentBased: true, ratio: 1 };
const never: SamplingSettings = { enabled: true, parentBased: true, ratio: 0 };

function begin(settings: SamplingSettings, headers: Record<string, string>): CallTrace | null {
  return new TraceSampler(settings).begin(carrierOf((name) => headers[name] ?? null));
}

function carrierOf(value: (name: string) => string | null): TraceCarrier {
  return {
    value,
    read: (name, into) => {
      const text = value(name);
      if (text === null) return -1;
      Buffer.from(text, 'latin1').copy(into);
      return text.length;
    },
  };
}

const nothing = carrierOf(() => null);

function isSound(traceparent: string): boolean {
  const bytes = Buffer.alloc(56);
  return isTraceparent(bytes, carrierOf(() => traceparent).read('traceparent', bytes));
}

function traceparentOf(trace: CallTrace | null): string {
  return trace === null ? '' : Buffer.from(trace.traceparent).toString('latin1');
}

test('a sampled parent is followed: same trace, a new span id, its tracestate, the sampled flag', (t) => {
  const trace = begin(never, { traceparent: `00-${TRACE_ID}-${PARENT_ID}-01`, tracestate: 'vendor=1' });
  t.is(trace?.traceId, TRACE_ID);
  t.is(trace?.parentSpanId, PARENT_ID);
  t.is(trace?.tracestate, 'vendor=1');
  t.not(trace?.spanId, PARENT_ID);
  t.is(traceparentOf(trace), `00-${TRACE_ID}-${trace?.spanId}-01`);
});

test("a parent's random flag is kept, and flags that are not known are not passed on (Level 2, section 3.2.2.5)", (t) => {
  t.regex(traceparentOf(begin(never, { traceparent: `00-${TRACE_ID}-${PARENT_ID}-03` })), /-03$/);
  t.regex(traceparentOf(begin(never, { traceparent: `00-${TRACE_ID}-${PARENT_ID}-f1` })), /-01$/);
});

test('an unsampled parent leaves the call unrecorded, and its tracestate is not even read', (t) => {
  const read: string[] = [];
  const trace = new TraceSampler(always).begin(
    carrierOf((name) => {
      read.push(name);
      return `00-${TRACE_ID}-${PARENT_ID}-00`;
    }),
  );
  t.is(trace, null);
  t.deepEqual(read, ['traceparent']);
});

test('a call without a parent begins a trace by the ratio, with ids that are random and say so', (t) => {
  const trace = begin(always, { tracestate: 'vendor=1' });
  t.regex(traceparentOf(trace), new RegExp(`^00-${trace?.traceId}-${trace?.spanId}-03$`));
  t.is(trace?.parentSpanId, '');
  // Without a sound traceparent there is nothing that a tracestate belongs to (section 3.3.1.1).
  t.is(trace?.tracestate, '');
  t.is(begin(never, {}), null);
  t.is(begin({ ...always, enabled: false }, { traceparent: `00-${TRACE_ID}-${PARENT_ID}-01` }), null);
});

test('an unsound traceparent counts as none', (t) => {
  const unsound = [
    '',
    'nonsense',
    `00-${TRACE_ID}-${PARENT_ID}-1`,
    `00-${TRACE_ID}-${PARENT_ID}-01-`,
    `00-${TRACE_ID}-${PARENT_ID}-01-more`,
    `00-${TRACE_ID.toUpperCase()}-${PARENT_ID}-01`,
    `00-${'0'.repeat(32)}-${PARENT_ID}-01`,
    `00-${TRACE_ID}-${'0'.repeat(16)}-01`,
    `00-${TRACE_ID}-${PARENT_ID}-0g`,
    `0x-${TRACE_ID}-${PARENT_ID}-01`,
    `ff-${TRACE_ID}-${PARENT_ID}-01`,
    `00_${TRACE_ID}-${PARENT_ID}-01`,
    `01-${TRACE_ID}-${PARENT_ID}-01.more`,
    ` 00-${TRACE_ID}-${PARENT_ID}-01`,
  ];
  for (const traceparent of unsound) {
    t.false(isSound(traceparent), traceparent);
    t.not(begin(always, { traceparent })?.traceId, TRACE_ID, traceparent);
    t.is(begin(never, { traceparent }), null, traceparent);
  }
});

test('a version to come is read as far as it is known, and goes on as version 00 (section 3.2.4)', (t) => {
  const trace = begin(never, { traceparent: `cc-${TRACE_ID}-${PARENT_ID}-01-what-the-future-holds` });
  t.is(traceparentOf(trace), `00-${TRACE_ID}-${trace?.spanId}-01`);
});

test('without parentBased the ratio alone decides, by the trace id, so that every agent decides alike', (t) => {
  const ratio: SamplingSettings = { enabled: true, parentBased: false, ratio: 0.25 };
  fc.assert(
    fc.property(fc.stringMatching(/^[1-9a-f][0-9a-f]{31}$/), fc.constantFrom('00', '01'), (traceId, flags) => {
      const headers = { traceparent: `00-${traceId}-${PARENT_ID}-${flags}` };
      const first = begin(ratio, headers);
      t.is(first === null, begin(ratio, headers) === null);
      // A higher ratio records whatever a lower one does.
      if (first !== null) t.not(begin({ ...ratio, ratio: 0.5 }, headers), null);
      t.is(first !== null, Number.parseInt(traceId.slice(18, 30), 16) / 2 ** 48 >= 0.75);
    }),
    { seed: 1, numRuns: 200 },
  );
});

test('of many roots about the ratio is recorded, and no id comes twice or is all zeros', (t) => {
  const sampler = new TraceSampler({ enabled: true, parentBased: true, ratio: 0.1 });
  const ids = new Set<string>();
  let recorded = 0;
  for (let i = 0; i < 20_000; i++) {
    const trace = sampler.begin(nothing);
    if (trace === null) continue;
    recorded++;
    t.true(isSound(traceparentOf(trace)));
    // What its trace id says is what every agent with that ratio, or a higher one, decides.
    t.true(Number.parseInt(trace.traceId.slice(18, 30), 16) >= 0.9 * 2 ** 48);
    ids.add(trace.traceId).add(trace.spanId);
  }
  // Five standard deviations on either side of 2,000.
  t.true(recorded > 1780 && recorded < 2220, `${recorded} of 20,000`);
  t.is(ids.size, 2 * recorded);
});

test('the ids come from the source of randomness that was passed in, some hundred of them from one call', (t) => {
  let fills = 0;
  const sampler = new TraceSampler(always, (bytes) => {
    fills++;
    for (let i = 0; i < bytes.length; i++) bytes[i] = i % 251;
  });
  t.is(sampler.begin(nothing)?.traceId, '000102030405060708090a0b0c0d0e0f');
  for (let i = 0; i < 169; i++) sampler.begin(nothing);
  t.is(fills, 1);
});
