// Recorded calls that wait to be exported, by the rules of OpenTelemetry's batch processor: a batch goes when it is full
// or its time has come, one at a time. What waits are the calls as they came, and spans are made of them as they go: the
// SDK's own processor holds spans, which are ten objects each, and the garbage collector would carry them along.
import { globalErrorHandler } from '@opentelemetry/core';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { type CallBatch, CallBatchReader } from '../observe/call-batch.ts';
import type { CallRecord } from '../observe/call-observer.ts';
import type { BatchSettings } from './telemetry-settings.ts';

export interface SpanQueueOptions {
  readonly exporter: SpanExporter;
  readonly batch: BatchSettings;
  readonly spanOf: (record: CallRecord) => ReadableSpan;
  /** So many calls found the queue full. */
  readonly onDropped: (calls: number) => void;
}

export class SpanQueue {
  readonly #options: SpanQueueOptions;
  /** Read from the first one. */
  readonly #batches: CallBatchReader[] = [];
  /** Calls in them. */
  #waiting = 0;
  #timer: NodeJS.Timeout | null = null;
  #isExporting = false;
  #isShut = false;

  constructor(options: SpanQueueOptions) {
    this.#options = options;
  }

  /** Takes what there is room for: the last calls of the batch are dropped. */
  add(batch: CallBatch): void {
    const { batch: settings, onDropped } = this.#options;
    const room = this.#isShut ? 0 : settings.maxQueueSize - this.#waiting;
    const taken = Math.min(batch.count, room);
    if (taken > 0) this.#batches.push(new CallBatchReader({ ...batch, count: taken }));
    if (taken < batch.count) onDropped(batch.count - taken);
    this.#waiting += taken;
    this.#exportWhenDue();
  }

  /** Exports all that waits now; resolves when that is done or has failed. */
  async flush(): Promise<void> {
    const exports: Promise<void>[] = [];
    while (this.#waiting > 0) exports.push(this.#exportBatch());
    await Promise.all(exports);
    await this.#options.exporter.forceFlush?.();
  }

  /** Exports what waits, and ends. */
  async shutdown(): Promise<void> {
    this.#isShut = true;
    await this.flush();
    await this.#options.exporter.shutdown();
  }

  #exportWhenDue(): void {
    if (this.#isExporting || this.#waiting === 0) return;
    const { maxExportBatchSize, scheduledDelayMillis } = this.#options.batch;
    if (this.#waiting >= maxExportBatchSize) this.#exportNow();
    else this.#timer ??= setTimeout(() => this.#exportNow(), scheduledDelayMillis).unref();
  }

  #exportNow(): void {
    this.#isExporting = true;
    void this.#exportBatch().then(() => {
      this.#isExporting = false;
      this.#exportWhenDue();
    });
  }

  /** Settles when the exporter has answered, or has not in its time. */
  #exportBatch(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    const { exporter, batch } = this.#options;
    return new Promise((resolve) => {
      const overdue = setTimeout(resolve, batch.exportTimeoutMillis);
      const settle = (): void => {
        clearTimeout(overdue);
        resolve();
      };
      try {
        exporter.export(this.#takeSpans(batch.maxExportBatchSize), settle);
      } catch (error) {
        globalErrorHandler(error instanceof Error ? error : new Error(String(error)));
        settle();
      }
    });
  }

  #takeSpans(most: number): ReadableSpan[] {
    const spans: ReadableSpan[] = [];
    while (spans.length < most) {
      const batch = this.#batches[0];
      if (batch === undefined) break;
      spans.push(this.#options.spanOf(batch.next()));
      if (batch.left === 0) this.#batches.shift();
    }
    this.#waiting -= spans.length;
    return spans;
  }
}
