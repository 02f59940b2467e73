// A worker's part of the statistics block: rows of Float64 in shared memory, handed out one after another and never
// taken back. Only its worker writes; whoever has the buffer may read. What a row means is announced once.
import { OUTBOUND_LENGTH, rowLength } from './call-layout.ts';
import type { StatsRow } from './stats-row.ts';

export interface StatsCounter {
  /** `n` is 0 or more. */
  add(n: number): void;
}

export interface StatsGauge {
  set(n: number): void;
  add(n: number): void;
}

/** Rows for which there was no room. Always the first that is announced. */
const REFUSED_ROWS = 'outrigger_stats_rows_refused_total';

export class StatsRegion {
  /** The numbers themselves, for a writer that keeps offsets (`call-stats.ts`). */
  readonly cells: Float64Array;
  readonly #announce: (row: StatsRow) => void;
  readonly #refused: number;
  /** Where rows that found no room are written, unread: as long as the longest row. */
  readonly #sink: number;
  #used = 0;

  /**
   * `buffer`: all zeros, at least 1 KiB. `announce` is told of each new row before its first number is written.
   * Throws a RangeError when the buffer is too small to hold even the count of what did not fit.
   */
  constructor(buffer: SharedArrayBuffer, announce: (row: StatsRow) => void) {
    this.cells = new Float64Array(buffer);
    this.#announce = announce;
    if (this.cells.length < OUTBOUND_LENGTH + 1) {
      throw new RangeError(`a statistics region of ${buffer.byteLength} bytes holds no row`);
    }
    this.#sink = 0;
    this.#used = OUTBOUND_LENGTH;
    this.#refused = this.row('counter', REFUSED_ROWS, {});
  }

  /**
   * Makes and announces a row; answers the index of its first Float64. When the region is full the row is not announced,
   * the refusal is counted, and the answer is a place that nobody reads, so that a writer need not care.
   */
  row(kind: StatsRow['kind'], name: string, labels: Readonly<Record<string, string>>): number {
    const offset = this.#used;
    const end = offset + rowLength({ kind, labels });
    if (end > this.cells.length) {
      this.cells[this.#refused] = (this.cells[this.#refused] ?? 0) + 1;
      return this.#sink;
    }
    this.#used = end;
    this.#announce({ kind, name, labels, offset });
    return offset;
  }

  /** A number that only grows; `name` in Prometheus spelling, ending in `_total`. */
  counter(name: string, labels: Readonly<Record<string, string>>): StatsCounter {
    return new StatsCell(this.cells, this.row('counter', name, labels));
  }

  /** A number that moves both ways. */
  gauge(name: string, labels: Readonly<Record<string, string>>): StatsGauge {
    return new StatsCell(this.cells, this.row('gauge', name, labels));
  }
}

class StatsCell implements StatsCounter, StatsGauge {
  readonly #cells: Float64Array;
  readonly #offset: number;

  constructor(cells: Float64Array, offset: number) {
    this.#cells = cells;
    this.#offset = offset;
  }

  add(n: number): void {
    this.#cells[this.#offset] = (this.#cells[this.#offset] ?? 0) + n;
  }

  set(n: number): void {
    this.#cells[this.#offset] = n;
  }
}
