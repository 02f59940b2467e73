// The decoder's table against a plain list: order, eviction, and the bytes of holes in their ring.

import test from 'ava';
import fc from 'fast-check';
import { FieldHash } from '../../agent/http2/field-bytes.ts';
import { FieldInterner } from '../../agent/http2/field-interner.ts';
import { HeaderShapes } from '../../agent/http2/header-shapes.ts';
import { HpackDynamicTable } from '../../agent/http2/hpack-dynamic-table.ts';
import { indexed, literal } from './hpack-reference.ts';

const interner = new FieldInterner(new FieldHash(1), { maxInternedFields: 100, maxInternedBytes: 1e6 });
const fixed = interner.staticFields[16]!;
const { hole } = fixed.name;

const step = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ kind: 'fixed' as const }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('hole' as const), length: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('hole' as const), length: fc.nat(1500) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('resize' as const), bytes: fc.constantFrom(0, 90, 600, 1200) }),
  },
);

test('the table holds what a plain list would, in a ring of bounded size', (t) => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 50, maxLength: 300 }), (steps) => {
      const table = new HpackDynamicTable(1200);
      let entries: { text: string | null; size: number }[] = [];
      let maxBytes = 1200;
      const shrink = () => {
        while (entries.reduce((sum, entry) => sum + entry.size, 0) > maxBytes) entries.pop();
      };
      steps.forEach((each, n) => {
        if (each.kind === 'resize') {
          maxBytes = each.bytes;
          table.resize(maxBytes);
        } else if (each.kind === 'fixed') {
          table.addFixed(fixed);
          entries = [{ text: null, size: fixed.size }, ...entries];
        } else {
          const text = String.fromCharCode(33 + (n % 90)).repeat(each.length);
          const size = hole.size + text.length;
          table.addHole(hole, Buffer.from(`<${text}>`), 1, 1 + text.length, size, 0);
          entries = [{ text, size }, ...entries];
        }
        shrink();
        t.is(table.count, entries.length);
        t.true(table.ring.length <= 2 * 1200 + 1);
        entries.forEach(({ text, size }, age) => {
          const slot = table.slotOf(62 + age);
          t.is(table.fields[slot], text === null ? fixed : hole);
          t.is(table.sizeOf(slot), size);
          if (text !== null) t.is(table.ring.toString('latin1', table.startOf(slot), table.endOf(slot)), text);
        });
        t.is(table.slotOf(62 + entries.length), -1);
      });
    }),
    { seed: 62, numRuns: 200, interruptAfterTimeLimit: 1500 },
  );
});

test('a ring that is exactly full is not taken for an empty one', (t) => {
  const table = new HpackDynamicTable(4096);
  // The first three fill the first ring of 512 bytes. The fourth evicts the first and takes half of its place, the
  // fifth would fit the other half to the byte, and evicts nothing.
  const values: readonly (readonly [bytes: number, size: number])[] = [
    [200, 3000],
    [200, 500],
    [112, 500],
    [100, 1000],
    [100, 150],
    [50, 100],
  ];
  values.forEach(([bytes, size], n) => {
    table.addHole(hole, Buffer.alloc(bytes, n + 1), 0, bytes, size, 0);
    for (let age = 0; age < table.count; age++) {
      const slot = table.slotOf(62 + age);
      const found = table.ring.subarray(table.startOf(slot), table.endOf(slot));
      t.deepEqual([found.length, ...new Set(found)], [values[n - age]?.[0], n - age + 1]);
    }
  });
  t.is(table.count, 5);
});

test('a value that its coding makes longer takes no more of the table than its text', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder({ maxTableBytes: 200 });
  const text = '\xff'.repeat(150);
  const run = (block: Buffer) => decoder.decode(block, 0, block.length)?.entries() ?? decoder.error;
  for (let i = 0; i < 3; i++) {
    t.deepEqual(run(literal('incremental', 'date', text, true)), [['date', text]]);
    run(literal('plain', 'date', 'y'.repeat(600)));
    t.deepEqual(run(indexed(62)), [['date', text]]);
  }
});
