// How recorded calls wait for their export. Exporters are the test's own, and answer when it says so.
import { type ExportResult, ExportResultCode } from '@opentelemetry/core';
import { resourceFromAttributes } from '@opentelemetry/resources';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import test from 'ava';
import { SpanQueue } from '../../agent/telemetry/span-queue.ts';
import { spanOf } from '../../agent/telemetry/spans.ts';
import { batchOf, callRecord } from './call-record.ts';

const settings = { maxQueueSize: 10, maxExportBatchSize: 4, scheduledDelayMillis: 60_000, exportTimeoutMillis: 60_000 };

class Exporter implements SpanExporter {
  readonly batches: string[][] = [];
  readonly #answers: ((result: ExportResult) => void)[] = [];
  #exported = (): void => {};
  isShut = false;

  export(spans: ReadableSpan[], done: (result: ExportResult) => void): void {
    this.batches.push(spans.map(({ name }) => name));
    this.#answers.push(done);
    this.#exported();
  }

  answer(): void {
    this.#answers.shift()?.({ code: ExportResultCode.SUCCESS });
  }

  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#exported = resolve;
    });
  }

  async shutdown(): Promise<void> {
    this.isShut = true;
  }
}

function startQueue(changed: Partial<typeof settings> = {}, exporter: SpanExporter = new Exporter()) {
  const resource = resourceFromAttributes({});
  const dropped: number[] = [];
  const queue = new SpanQueue({
    exporter,
    batch: { ...settings, ...changed },
    spanOf: (record) => spanOf(record, resource),
    onDropped: (calls) => dropped.push(calls),
  });
  let made = 0;
  const add = (calls: number): void => {
    queue.add(batchOf(...Array.from({ length: calls }, () => callRecord({ method: `m${++made}` }))));
  };
  return { queue, add, dropped };
}

test('a batch goes when it is full, the next one when that has been answered, in the order in which calls came', async (t) => {
  const exporter = new Exporter();
  const { add } = startQueue({}, exporter);
  add(3);
  t.deepEqual(exporter.batches, []);
  add(6);
  t.deepEqual(exporter.batches, [['m1', 'm2', 'm3', 'm4']]);
  const second = exporter.next();
  exporter.answer();
  await second;
  t.deepEqual(exporter.batches[1], ['m5', 'm6', 'm7', 'm8']);
  exporter.answer();
});

test('what is fewer than a batch goes after the delay', async (t) => {
  const exporter = new Exporter();
  const { add } = startQueue({ scheduledDelayMillis: 1 }, exporter);
  const exported = exporter.next();
  add(2);
  // The queue's timer keeps no process up, so the test does.
  const alive = setTimeout(() => {}, 5000);
  await exported;
  clearTimeout(alive);
  t.deepEqual(exporter.batches, [['m1', 'm2']]);
  exporter.answer();
});

test('beyond the size of the queue calls are dropped and counted, the newest ones', async (t) => {
  const exporter = new Exporter();
  const { queue, add, dropped } = startQueue({}, exporter);
  add(4);
  add(7);
  add(5);
  t.deepEqual(dropped, [2]);
  add(1);
  t.deepEqual(dropped, [2, 1]);
  const flushed = queue.flush();
  while (exporter.batches.length > 0 && exporter.batches.flat().length < 14) await exporter.next();
  for (let i = 0; i < exporter.batches.length; i++) exporter.answer();
  await flushed;
  t.deepEqual(exporter.batches.at(-1), ['m13', 'm14']);
});

test('an export that is never answered holds up the others for its time-out only', async (t) => {
  const exporter = new Exporter();
  const { add } = startQueue({ exportTimeoutMillis: 1 }, exporter);
  add(4);
  const second = exporter.next();
  add(4);
  await second;
  t.deepEqual(exporter.batches[1], ['m5', 'm6', 'm7', 'm8']);
});

test('an exporter that throws loses its batch and nothing else', async (t) => {
  let isBroken = true;
  const inner = new Exporter();
  const { add } = startQueue(
    {},
    {
      export: (spans, done) => {
        if (!isBroken) return inner.export(spans, done);
        isBroken = false;
        throw new Error('broken');
      },
      shutdown: () => inner.shutdown(),
    },
  );
  const second = inner.next();
  add(4);
  add(4);
  await second;
  t.deepEqual(inner.batches, [['m5', 'm6', 'm7', 'm8']]);
  inner.answer();
});

test('a queue that ends exports what waits first, and takes nothing afterwards', async (t) => {
  const exporter = new Exporter();
  const { queue, add, dropped } = startQueue({}, exporter);
  add(2);
  const ended = queue.shutdown();
  exporter.answer();
  await ended;
  t.deepEqual(exporter.batches, [['m1', 'm2']]);
  t.true(exporter.isShut);
  add(1);
  t.deepEqual(dropped, [1]);
});
