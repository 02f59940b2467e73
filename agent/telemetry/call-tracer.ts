// Decides, in the data plane and before any span work, which calls are recorded, and gives those their context. Knows
// W3C Trace Context Level 2 and nothing of OpenTelemetry.
import { randomFillSync } from 'node:crypto';
import type { SamplingSettings } from '../link.ts';
import type { CallTrace, CallTracer } from '../observe/call-observer.ts';
import { formatTraceparent, parseTraceparent, RANDOM_TRACE_ID, SAMPLED } from './traceparent.ts';

/** Fills a buffer with random bytes: `crypto.randomFillSync`, or a seeded source in tests. */
export type RandomFill = (bytes: Uint8Array) => void;

/** One refill serves many ids: a call to the system's source costs more than its bytes. */
const POOL_BYTES = 4096;
const TRACE_ID_BYTES = 16;
const SPAN_ID_BYTES = 8;
/**
 * The first six of the last seven bytes of a trace id, which Level 2 holds to be random, are the number that is compared
 * with the ratio. So the decision is a property of the trace id, and another agent with the same ratio decides alike.
 */
const RANDOMNESS_BYTE = 9;
const RANDOMNESS_BYTES = 6;
const RANDOMNESS_RANGE = 2 ** 48;

export class TraceSampler implements CallTracer {
  readonly #settings: SamplingSettings;
  readonly #fill: RandomFill;
  /** A trace id whose number is at least this is recorded. */
  readonly #threshold: number;
  readonly #pool = Buffer.alloc(POOL_BYTES);
  #poolAt = POOL_BYTES;

  constructor(settings: SamplingSettings, fill: RandomFill = randomFillSync) {
    this.#settings = settings;
    this.#fill = fill;
    this.#threshold = Math.round((1 - settings.ratio) * RANDOMNESS_RANGE);
  }

  begin(header: (name: string) => string | null): CallTrace | null {
    if (!this.#settings.enabled) return null;
    const field = header('traceparent');
    const parent = field === null ? null : parseTraceparent(field);
    if (parent === null) return this.#beginRoot();
    const recorded = this.#settings.parentBased
      ? (parent.flags & SAMPLED) !== 0
      : numberOf(parent.traceId) >= this.#threshold;
    if (!recorded) return null;
    const flags = SAMPLED | (parent.flags & RANDOM_TRACE_ID);
    // Only what comes with a sound traceparent may be trusted (section 3.3.1.1).
    return contextOf(parent.traceId, this.#id(SPAN_ID_BYTES), parent.parentId, header('tracestate') ?? '', flags);
  }

  #beginRoot(): CallTrace | null {
    if (this.#threshold >= RANDOMNESS_RANGE) return null;
    this.#refillFor(TRACE_ID_BYTES + SPAN_ID_BYTES);
    if (this.#pool.readUIntBE(this.#poolAt + RANDOMNESS_BYTE, RANDOMNESS_BYTES) < this.#threshold) {
      this.#poolAt += TRACE_ID_BYTES;
      return null;
    }
    const traceId = this.#id(TRACE_ID_BYTES);
    return contextOf(traceId, this.#id(SPAN_ID_BYTES), '', '', SAMPLED | RANDOM_TRACE_ID);
  }

  /** Lower-case hex, never all zeros. */
  #id(bytes: number): string {
    for (;;) {
      this.#refillFor(bytes);
      const start = this.#poolAt;
      this.#poolAt += bytes;
      const id = this.#pool.toString('hex', start, this.#poolAt);
      if (/[^0]/.test(id)) return id;
    }
  }

  #refillFor(bytes: number): void {
    if (this.#poolAt + bytes <= POOL_BYTES) return;
    this.#fill(this.#pool);
    this.#poolAt = 0;
  }
}

function numberOf(traceId: string): number {
  const start = RANDOMNESS_BYTE * 2;
  return Number.parseInt(traceId.slice(start, start + RANDOMNESS_BYTES * 2), 16);
}

function contextOf(
  traceId: string,
  spanId: string,
  parentSpanId: string,
  tracestate: string,
  flags: number,
): CallTrace {
  const traceparent = Buffer.from(formatTraceparent(traceId, spanId, flags), 'latin1');
  return { traceId, spanId, parentSpanId, tracestate, traceparent };
}
