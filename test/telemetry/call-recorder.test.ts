// How sampled calls travel to the control thread: in batches, and never more than it keeps up with.
import test from 'ava';
import type { CallRecord, CallTrace } from '../../agent/observe/call-observer.ts';
import { CallRecorder, type CallRecorderOptions } from '../../agent/telemetry/call-recorder.ts';
import { attempt, observedCall } from '../stats/observed-call.ts';
import { recordsOf } from './call-record.ts';

const trace: CallTrace = {
  traceId: '0af7651916cd43dd8448eb211c80319c',
  spanId: 'b7ad6b7169203331',
  parentSpanId: '',
  tracestate: 'vendor=1',
  traceparent: Buffer.from('00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'),
};

function createRecorder(options: Partial<CallRecorderOptions> = {}) {
  const batches: { records: readonly CallRecord[]; dropped: number }[] = [];
  let posted = (): void => {};
  const recorder = new CallRecorder({
    post: (batch, dropped) => {
      batches.push({ records: recordsOf(structuredClone(batch)), dropped });
      posted();
    },
    ...options,
  });
  const nextPost = new Promise<void>((resolve) => {
    posted = resolve;
  });
  return { recorder, batches, nextPost };
}

test('a sampled call becomes plain data with times since the epoch; one that is not sampled becomes nothing', (t) => {
  const { recorder, batches } = createRecorder();
  const startedMs = performance.now();
  const before = Date.now();
  recorder.callEnded(observedCall({ trace: null }));
  recorder.callEnded(
    observedCall({
      trace,
      startedMs,
      endedMs: startedMs + 5,
      attempts: [attempt({ startedMs, sentMs: startedMs + 1, firstByteMs: Number.NaN })],
    }),
  );
  recorder.flush();
  t.is(batches.length, 1);
  const [record] = batches[0]?.records ?? [];
  t.is(record?.traceId, trace.traceId);
  t.is(record?.tracestate, 'vendor=1');
  t.true(Math.abs((record?.startMs ?? 0) - before) < 1000);
  t.is(Math.round(((record?.endMs ?? 0) - (record?.startMs ?? 0)) * 10), 50);
  t.is(Math.round((record?.attempts[0]?.sentMs ?? 0) - (record?.startMs ?? 0)), 1);
  t.is(record?.attempts[0]?.firstByteMs, null);
});

test('a batch goes when it is full, and what is left goes by itself after the delay', async (t) => {
  const { recorder, batches } = createRecorder({ maxBatch: 3, delayMs: 1 });
  for (let i = 0; i < 7; i++) recorder.callEnded(observedCall({ trace }));
  t.deepEqual(
    batches.map(({ records }) => records.length),
    [3, 3],
  );
  const { recorder: slow, batches: late, nextPost } = createRecorder({ delayMs: 1 });
  slow.callEnded(observedCall({ trace }));
  t.is(late.length, 0);
  // The recorder's timer keeps no process alive, so the test does.
  const alive = setTimeout(() => {}, 5000);
  await nextPost;
  clearTimeout(alive);
  t.is(late[0]?.records.length, 1);
  recorder.stop();
  t.is(batches.length, 3);
});

test('what the control thread has not taken is bounded; the rest is dropped, counted, and told with the next batch', (t) => {
  const { recorder, batches } = createRecorder({ maxBatch: 4, maxOutstanding: 10 });
  for (let i = 0; i < 100; i++) recorder.callEnded(observedCall({ trace }));
  recorder.flush();
  const sum = (of: (batch: (typeof batches)[number]) => number) =>
    batches.reduce((total, batch) => total + of(batch), 0);
  t.is(
    sum(({ records }) => records.length),
    10,
  );
  t.is(
    sum(({ dropped }) => dropped),
    90,
  );
  recorder.taken(4);
  for (let i = 0; i < 5; i++) recorder.callEnded(observedCall({ trace }));
  recorder.flush();
  t.is(
    sum(({ records }) => records.length),
    14,
  );
  t.is(
    sum(({ dropped }) => dropped),
    91,
  );
});
