// Recorded calls as they cross to the control thread.
import test from 'ava';
import fc from 'fast-check';
import type { CallRecord } from '../../agent/observe/call-observer.ts';
import { batchOf, recordsOf } from './call-record.ts';

const text = fc.oneof(fc.constant(''), fc.constantFrom('shop', 'shop.v1.Shop/Order', '127.0.0.1:80'), fc.string());
const time = fc.double({ min: 0, max: 2e12, noNaN: true });
const record: fc.Arbitrary<CallRecord> = fc.record({
  direction: fc.constantFrom('inbound', 'outbound'),
  method: text,
  authority: text,
  cluster: text,
  peer: text,
  startMs: time,
  endMs: time,
  status: fc.integer({ min: -1, max: 16 }),
  message: text,
  flag: fc.constantFrom('-', 'UF', 'URX'),
  source: fc.constantFrom(null, 'downstream', 'upstream', 'agent'),
  requestBytes: fc.nat(2 ** 40),
  responseBytes: fc.nat(2 ** 40),
  traceId: text,
  spanId: text,
  parentSpanId: text,
  tracestate: text,
  attempts: fc.array(
    fc.record({
      endpoint: text,
      startMs: time,
      sentMs: fc.option(time),
      firstByteMs: fc.option(time),
    }),
    { maxLength: 3 },
  ),
});

test('whatever calls a batch is made of, it has them across a thread, in their order', (t) => {
  fc.assert(
    fc.property(fc.array(record, { maxLength: 20 }), (records) => {
      const batch = structuredClone(batchOf(...records));
      t.is(batch.count, records.length);
      t.deepEqual(recordsOf(batch), records);
    }),
    { seed: 4, numRuns: 200 },
  );
});
