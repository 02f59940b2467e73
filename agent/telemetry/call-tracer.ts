// Decides, in the data plane and before any span work, which calls are recorded, and gives those their context. Knows
// W3C Trace Context Level 2 and nothing of OpenTelemetry.
import { randomFillSync } from 'node:crypto';
import type { SamplingSettings } from '../link.ts';
import type { CallTrace, CallTracer, TraceCarrier } from '../observe/call-observer.ts';
import {
  flagsOf,
  formatTraceparent,
  isTraceparent,
  parentIdOf,
  RANDOM_TRACE_ID,
  SAMPLED,
  TRACEPARENT_BYTES,
  traceIdOf,
} from './traceparent.ts';

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
  /** A value, and one byte to tell a longer one by. */
  readonly #parent = Buffer.alloc(TRACEPARENT_BYTES + 1);
  /** Roots that are not recorded before one that is. */
  #rootsToSkip: number;

  constructor(settings: SamplingSettings, fill: RandomFill = randomFillSync) {
    this.#settings = settings;
    this.#fill = fill;
    this.#threshold = Math.round((1 - settings.ratio) * RANDOMNESS_RANGE);
    this.#rootsToSkip = settings.enabled ? this.#drawSkip() : Number.POSITIVE_INFINITY;
  }

  begin(head: TraceCarrier): CallTrace | null {
    if (!this.#settings.enabled) return null;
    const parent = this.#parent;
    const length = head.read('traceparent', parent);
    if (length === -1 || !isTraceparent(parent, length)) return this.#beginRoot();
    const flags = flagsOf(parent);
    const recorded = this.#settings.parentBased
      ? (flags & SAMPLED) !== 0
      : numberOf(traceIdOf(parent)) >= this.#threshold;
    if (!recorded) return null;
    const ownFlags = SAMPLED | (flags & RANDOM_TRACE_ID);
    // Only what comes with a sound traceparent may be trusted (section 3.3.1.1).
    const tracestate = head.value('tracestate') ?? '';
    return contextOf(traceIdOf(parent), this.#id(SPAN_ID_BYTES), parentIdOf(parent), tracestate, ownFlags);
  }

  /**
   * What decides is the trace id, of which a root makes its own. So none is made for a root that is not recorded: how many
   * of those come before the next one that is, is drawn at once, and that one's id is drawn from those that are recorded.
   */
  #beginRoot(): CallTrace | null {
    if (this.#rootsToSkip > 0) {
      this.#rootsToSkip--;
      return null;
    }
    this.#rootsToSkip = this.#drawSkip();
    const traceId = this.#recordedTraceId();
    return contextOf(traceId, this.#id(SPAN_ID_BYTES), '', '', SAMPLED | RANDOM_TRACE_ID);
  }

  /** How often in a row a number falls below the threshold: geometrically distributed. */
  #drawSkip(): number {
    const below = this.#threshold / RANDOMNESS_RANGE;
    if (below === 0) return 0;
    if (below === 1) return Number.POSITIVE_INFINITY;
    // Above 0, at most 1.
    const drawn = (this.#number() + 1) / RANDOMNESS_RANGE;
    return Math.floor(Math.log(drawn) / Math.log(below));
  }

  #number(): number {
    this.#refillFor(RANDOMNESS_BYTES);
    const number = this.#pool.readUIntBE(this.#poolAt, RANDOMNESS_BYTES);
    this.#poolAt += RANDOMNESS_BYTES;
    return number;
  }

  /** An id whose number is at least the threshold, all such numbers being alike. */
  #recordedTraceId(): string {
    const id = this.#id(TRACE_ID_BYTES);
    const at = 2 * RANDOMNESS_BYTE;
    const range = RANDOMNESS_RANGE - this.#threshold;
    const number = this.#threshold + Math.floor((numberOf(id) / RANDOMNESS_RANGE) * range);
    const digits = number.toString(16).padStart(2 * RANDOMNESS_BYTES, '0');
    return `${id.slice(0, at)}${digits}${id.slice(at + digits.length)}`;
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
