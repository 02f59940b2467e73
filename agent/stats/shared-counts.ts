// What the data planes of one agent count together, since its limit is the agent's and not a thread's: of each cluster the
// calls under way, and those of them that are retried. Every thread writes a row of its own, and a total is the sum of
// all rows: so the share of a thread that has died is given back by clearing its row, whatever it was doing.

/** What is counted of a cluster. */
export const Counted = { calls: 0, retries: 1 } as const;
const kinds = 2;

/** Clusters beyond these are counted by each thread for itself. */
const defaultPlaces = 65_536;

/** The block, and which row of it is the holder's; what a data plane is given at its start. */
export interface CountsRow {
  readonly buffer: SharedArrayBuffer;
  readonly rows: number;
  readonly row: number;
}

/** The control thread's part: which place of the rows is which cluster's. */
export class SharedCounts {
  readonly #cells: Int32Array;
  readonly #buffer: SharedArrayBuffer;
  readonly #rows: number;
  readonly #places: number;
  readonly #placeOf = new Map<string, number>();
  /** Given back, the longest ago first. */
  readonly #free: number[] = [];
  #used = 0;

  /** @param rows one for each thread. */
  constructor(rows: number, places: number = defaultPlaces) {
    this.#rows = rows;
    this.#places = places;
    this.#buffer = new SharedArrayBuffer(4 * rows * kinds * places);
    this.#cells = new Int32Array(this.#buffer);
  }

  row(row: number): CountsRow {
    return { buffer: this.#buffer, rows: this.#rows, row };
  }

  /** -1: it has none, and each thread counts for itself. */
  placeOf(cluster: string): number {
    return this.#placeOf.get(cluster) ?? -1;
  }

  /** Finds a place for a cluster; one that has a place keeps it. */
  assign(cluster: string): void {
    if (this.#placeOf.has(cluster)) return;
    const place = this.#nextPlace();
    if (place !== -1) this.#placeOf.set(cluster, place);
  }

  release(cluster: string): void {
    const place = this.#placeOf.get(cluster);
    if (place === undefined) return;
    this.#placeOf.delete(cluster);
    this.#free.push(place);
  }

  /** The thread of that row is gone, and with it whatever it counted. */
  clearRow(row: number): void {
    const length = kinds * this.#places;
    this.#cells.fill(0, row * length, (row + 1) * length);
  }

  /** Calls of a cluster that was removed may still be under way: nobody else is to count them. */
  #nextPlace(): number {
    const first = this.#free[0];
    if (first !== undefined && this.#isEmpty(first)) {
      this.#free.shift();
      return first;
    }
    return this.#used < this.#places ? this.#used++ : -1;
  }

  #isEmpty(place: number): boolean {
    for (let row = 0; row < this.#rows; row++) {
      const at = (row * this.#places + place) * kinds;
      if (Atomics.load(this.#cells, at) !== 0 || Atomics.load(this.#cells, at + 1) !== 0) return false;
    }
    return true;
  }
}

/** A data plane's part of one number. */
export class SharedCount {
  readonly #cells: Int32Array;
  readonly #own: number;
  /** The same place of the first row, and how far it is to the next. */
  readonly #first: number;
  readonly #step: number;

  /** @param kind one of `Counted`. */
  constructor({ buffer, rows, row }: CountsRow, place: number, kind: number) {
    this.#cells = new Int32Array(buffer);
    this.#step = this.#cells.length / rows;
    this.#first = place * kinds + kind;
    this.#own = this.#first + row * this.#step;
  }

  /**
   * This thread's share is so many from now on. All threads agree on the order of what is written and read: of two that
   * write the last share that fits and then look at the total, one at least sees the other's.
   */
  set(own: number): void {
    Atomics.store(this.#cells, this.#own, own);
  }

  /** Of all threads. */
  get total(): number {
    const cells = this.#cells;
    let sum = 0;
    for (let at = this.#first; at < cells.length; at += this.#step) sum += Atomics.load(cells, at);
    return sum;
  }
}
