// The table of streams does what a Map would do, whatever is added and deleted in whatever order.
import test from 'ava';
import fc from 'fast-check';
import type { StreamImpl } from '../../agent/http2/stream.ts';
import { StreamTable } from '../../agent/http2/stream-table.ts';

const stream = (id: number): StreamImpl => ({ id }) as StreamImpl;

test('after any adding and deleting it holds what a Map would hold', (t) => {
  // Few ids, so that they collide and come again; a table never holds one twice.
  const step = fc.record({ isAdd: fc.boolean(), id: fc.integer({ min: 0, max: 200 }).map((n) => 2 * n + 1) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const table = new StreamTable();
      const map = new Map<number, StreamImpl>();
      for (const { isAdd, id } of steps) {
        if (!isAdd) {
          table.delete(id);
          map.delete(id);
        } else if (!map.has(id)) {
          const added = stream(id);
          table.add(added);
          map.set(id, added);
        }
        if (table.size !== map.size || table.get(id) !== map.get(id)) return false;
      }
      const ids = (streams: Iterable<StreamImpl>): number[] => [...streams].map((s) => s.id).sort((a, b) => a - b);
      for (const id of map.keys()) if (table.get(id) !== map.get(id)) return false;
      return JSON.stringify(ids(table.all())) === JSON.stringify(ids(map.values()));
    }),
    { seed: 3, interruptAfterTimeLimit: 2000 },
  );
  t.pass();
});

test('a stream that ends is not referred to any more', (t) => {
  const table = new StreamTable();
  for (let id = 1; id < 200; id += 2) table.add(stream(id));
  for (let id = 1; id < 200; id += 2) table.delete(id);
  t.is(table.size, 0);
  t.deepEqual(table.all(), []);
});
