// A recorded call, with what a test does not care about filled in.
import { type CallBatch, CallBatchReader, CallBatchWriter } from '../../agent/observe/call-batch.ts';
import type { CallRecord } from '../../agent/observe/call-observer.ts';

export function callRecord(record: Partial<CallRecord> = {}): CallRecord {
  return {
    direction: 'outbound',
    method: 'demo.Catalogue/GetProduct',
    authority: 'catalogue:8080',
    cluster: 'catalogue-v1',
    peer: '127.0.0.1:40000',
    startMs: 1_790_000_000_000.25,
    endMs: 1_790_000_000_010.75,
    status: 0,
    message: '',
    flag: '-',
    source: null,
    requestBytes: 12,
    responseBytes: 345,
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    parentSpanId: '',
    tracestate: '',
    attempts: [
      {
        endpoint: '127.0.0.1:15061',
        startMs: 1_790_000_000_001.25,
        sentMs: 1_790_000_000_003.75,
        firstByteMs: 1_790_000_000_009.25,
      },
    ],
    ...record,
  };
}

/** As a data plane sends them up. */
export function batchOf(...records: readonly CallRecord[]): CallBatch {
  const writer = new CallBatchWriter();
  for (const record of records) writer.add(record);
  return writer.take();
}

/** What is in a batch that a data plane has sent. */
export function recordsOf(batch: CallBatch): CallRecord[] {
  const reader = new CallBatchReader(batch);
  const records: CallRecord[] = [];
  while (reader.left > 0) records.push(reader.next());
  return records;
}
