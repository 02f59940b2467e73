// The last two minutes of each method, a column a second.
import type { MeshHistory } from './mesh-snapshot.ts';

const COLUMNS = 120;

interface Column {
  readonly callsPerSecond: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export class MethodHistory {
  #columns: { readonly atMs: number; readonly methods: ReadonlyMap<string, Column> }[] = [];

  add(atMs: number, methods: ReadonlyMap<string, Column>): void {
    this.#columns = [...this.#columns.slice(1 - COLUMNS), { atMs, methods }];
  }

  /** A method that came later has nulls before. */
  read(): MeshHistory {
    const columns = this.#columns;
    const names = new Set(columns.flatMap(({ methods }) => [...methods.keys()]));
    return {
      atMs: columns.map(({ atMs }) => atMs),
      methods: [...names].sort().map((method) => {
        const own = columns.map(({ methods }) => methods.get(method));
        return {
          method,
          callsPerSecond: own.map((column) => column?.callsPerSecond ?? null),
          p50Ms: own.map((column) => column?.p50Ms ?? null),
          p99Ms: own.map((column) => column?.p99Ms ?? null),
        };
      }),
    };
  }
}
