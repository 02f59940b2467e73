// What the data planes of one agent count together, since its limit is the agent's and not a thread's: of each cluster the
// calls under way, and those of them that are retried. There is one total, which threads change only as they have seen
// it; beside it every thread keeps its own share in a row, so that the share of one that has died can be given back.

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
    this.#buffer = new SharedArrayBuffer(4 * (1 + rows) * kinds * places);
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
    const first = (1 + row) * kinds * this.#places;
    for (let at = 0; at < kinds * this.#used; at++) {
      const share = Atomics.exchange(this.#cells, first + at, 0);
      if (share !== 0) Atomics.sub(this.#cells, at, share);
    }
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
    const at = kinds * place;
    return Atomics.load(this.#cells, at + Counted.calls) === 0 && Atomics.load(this.#cells, at + Counted.retries) === 0;
  }
}

/** A data plane's view of one number. */
export class SharedCount {
  readonly #cells: Int32Array;
  readonly #totalAt: number;
  readonly #ownAt: number;

  /** @param kind one of `Counted`. */
  constructor({ buffer, rows, row }: CountsRow, place: number, kind: number) {
    this.#cells = new Int32Array(buffer);
    this.#totalAt = place * kinds + kind;
    this.#ownAt = this.#totalAt + ((1 + row) * this.#cells.length) / (1 + rows);
  }

  /** Of all threads. */
  get total(): number {
    return Atomics.load(this.#cells, this.#totalAt);
  }

  /** One more, unless the total is not `seen` any more: then whoever judged by that has to judge again. */
  take(seen: number): boolean {
    if (Atomics.compareExchange(this.#cells, this.#totalAt, seen, seen + 1) !== seen) return false;
    Atomics.add(this.#cells, this.#ownAt, 1);
    return true;
  }

  /** One less of this thread's. */
  give(): void {
    Atomics.sub(this.#cells, this.#ownAt, 1);
    Atomics.sub(this.#cells, this.#totalAt, 1);
  }
}
