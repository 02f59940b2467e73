// The control thread's view of the statistics block: the rows of all workers, those with the same meaning added up.
// What a worker counted stays when it dies; only its gauges go.
import { rowLength } from './call-layout.ts';
import type { StatsRow } from './stats-row.ts';

/** A row as it stands now, over all workers. `values` is a copy, laid out as call-layout.ts says. */
export interface MergedRow extends Omit<StatsRow, 'offset'> {
  readonly values: Float64Array;
}

interface Meaning {
  readonly row: Omit<StatsRow, 'offset'>;
  /** Where the live workers keep it: Float64 index by worker. */
  readonly offsets: Map<number, number>;
  /** What dead workers counted. */
  readonly kept: Float64Array;
}

export class StatsReader {
  readonly #workers = new Map<number, Float64Array>();
  readonly #meanings = new Map<string, Meaning>();

  /** `id` must be new: a restarted worker gets a number of its own, so that its predecessor's totals stay. */
  addWorker(id: number, buffer: SharedArrayBuffer): void {
    this.#workers.set(id, new Float64Array(buffer));
  }

  /** What a worker announced. Of a worker that is not there (any more) it is ignored. */
  addRow(worker: number, row: StatsRow): void {
    if (!this.#workers.has(worker)) return;
    const { kind, name, labels, offset } = row;
    const key = JSON.stringify([kind, name, Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
    let meaning = this.#meanings.get(key);
    if (meaning === undefined) {
      meaning = { row: { kind, name, labels }, offsets: new Map(), kept: new Float64Array(rowLength(row)) };
      this.#meanings.set(key, meaning);
    }
    meaning.offsets.set(worker, offset);
  }

  /** Folds what the worker counted into what is kept, and lets go of its block. */
  workerDied(id: number): void {
    const cells = this.#workers.get(id);
    if (cells === undefined) return;
    this.#workers.delete(id);
    for (const { row, offsets, kept } of this.#meanings.values()) {
      const offset = offsets.get(id);
      if (offset === undefined) continue;
      offsets.delete(id);
      if (row.kind !== 'gauge') addInto(kept, cells, offset);
    }
  }

  /** In the order in which the rows were first announced. */
  rows(): MergedRow[] {
    return Array.from(this.#meanings.values(), ({ row, offsets, kept }) => {
      const values = Float64Array.from(kept);
      for (const [worker, offset] of offsets) {
        const cells = this.#workers.get(worker);
        if (cells !== undefined) addInto(values, cells, offset);
      }
      return { ...row, values };
    });
  }
}

function addInto(sums: Float64Array, cells: Float64Array, offset: number): void {
  for (let i = 0; i < sums.length; i++) sums[i] = (sums[i] ?? 0) + (cells[offset + i] ?? 0);
}
