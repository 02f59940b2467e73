// Recorded calls on their way to the control thread and in its queue: numbers in one array, texts in another, each text
// that comes again once. As objects they would be cloned key by key, and be thousands for the collector to carry along.
import type { CallRecord, CallRecordAttempt, FailureSource, ResponseFlag } from './call-observer.ts';

/** Plain data. Opaque but for `count`. */
export interface CallBatch {
  /** Calls in it. */
  readonly count: number;
  readonly texts: readonly string[];
  readonly numbers: Float64Array;
}

/** The index of an empty text, of which there are many. */
const EMPTY = -1;
/** The source of a call that the upstream answered. */
const NO_SOURCE = -2;

export class CallBatchWriter {
  count = 0;
  #texts: string[] = [];
  #numbers: number[] = [];
  readonly #known = new Map<string, number>();

  add(record: CallRecord): void {
    this.count++;
    const { attempts } = record;
    this.#numbers.push(
      record.direction === 'inbound' ? 1 : 0,
      this.#shared(record.method),
      this.#shared(record.authority),
      this.#shared(record.cluster),
      this.#shared(record.peer),
      record.startMs,
      record.endMs,
      record.status,
      this.#shared(record.message),
      this.#shared(record.flag),
      record.source === null ? NO_SOURCE : this.#shared(record.source),
      record.requestBytes,
      record.responseBytes,
      this.#own(record.traceId),
      this.#own(record.spanId),
      this.#own(record.parentSpanId),
      this.#own(record.tracestate),
      attempts.length,
    );
    for (const { endpoint, startMs, sentMs, firstByteMs } of attempts) {
      this.#numbers.push(this.#shared(endpoint), startMs, sentMs ?? Number.NaN, firstByteMs ?? Number.NaN);
    }
  }

  /** What was added since the last time. */
  take(): CallBatch {
    const batch = { count: this.count, texts: this.#texts, numbers: Float64Array.from(this.#numbers) };
    this.count = 0;
    this.#texts = [];
    this.#numbers = [];
    this.#known.clear();
    return batch;
  }

  #shared(text: string): number {
    if (text === '') return EMPTY;
    let index = this.#known.get(text);
    if (index === undefined) {
      index = this.#own(text);
      this.#known.set(text, index);
    }
    return index;
  }

  /** Of a text that hardly comes again. */
  #own(text: string): number {
    return text === '' ? EMPTY : this.#texts.push(text) - 1;
  }
}

/** Reads a batch call by call, in the order in which they were added. */
export class CallBatchReader {
  /** Calls that have not been read. */
  left: number;
  readonly #texts: readonly string[];
  readonly #numbers: Float64Array;
  #at = 0;

  constructor({ count, texts, numbers }: CallBatch) {
    this.left = count;
    this.#texts = texts;
    this.#numbers = numbers;
  }

  /** Only while some are left. */
  next(): CallRecord {
    this.left--;
    return {
      direction: this.#number() === 1 ? 'inbound' : 'outbound',
      method: this.#text(),
      authority: this.#text(),
      cluster: this.#text(),
      peer: this.#text(),
      startMs: this.#number(),
      endMs: this.#number(),
      status: this.#number(),
      message: this.#text(),
      // As a writer put them in.
      flag: this.#text() as ResponseFlag,
      source: this.#source(),
      requestBytes: this.#number(),
      responseBytes: this.#number(),
      traceId: this.#text(),
      spanId: this.#text(),
      parentSpanId: this.#text(),
      tracestate: this.#text(),
      attempts: Array.from({ length: this.#number() }, () => this.#attempt()),
    };
  }

  #attempt(): CallRecordAttempt {
    const [endpoint, startMs, sentMs, firstByteMs] = [this.#text(), this.#number(), this.#number(), this.#number()];
    return {
      endpoint,
      startMs,
      sentMs: Number.isNaN(sentMs) ? null : sentMs,
      firstByteMs: Number.isNaN(firstByteMs) ? null : firstByteMs,
    };
  }

  #source(): FailureSource | null {
    const index = this.#number();
    return index === NO_SOURCE ? null : (this.#texts[index] as FailureSource);
  }

  #text(): string {
    return this.#texts[this.#number()] ?? '';
  }

  #number(): number {
    return this.#numbers[this.#at++]!;
  }
}
