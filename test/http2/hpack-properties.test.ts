// Any headers, written in any way the RFC allows, come out of our decoder as they went into the writer, and out of our
// encoder as they went into our decoder. The other side is the plain reading of RFC 7541 in `hpack-reference.ts`.

import test from 'ava';
import fc from 'fast-check';
import { HeaderShapes } from '../../agent/http2/header-shapes.ts';
import { byName, ReferenceDecoder, ReferenceEncoder, type Representation } from './hpack-reference.ts';

const timeBox = { seed: 9113, numRuns: 3000, interruptAfterTimeLimit: 1500 };

const latin1 = (maxLength: number) =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));

const name = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(':method', ':path', ':authority', 'te', 'content-type', 'x-a', 'x-b') },
  { weight: 3, arbitrary: fc.constantFrom('traceparent', 'grpc-timeout', 'authorization', 'cookie', 'x-data-bin') },
  { weight: 1, arbitrary: latin1(12) },
);
const value = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('', 'POST', 'trailers', 'one', 'two', 'three', '/svc/Method') },
  { weight: 2, arbitrary: latin1(40) },
  { weight: 1, arbitrary: fc.constantFrom('x'.repeat(300), '\xff'.repeat(600), 'z'.repeat(5000)) },
);
const field = fc.record({
  name,
  value,
  representation: fc.constantFrom<Representation>('indexed', 'indexed', 'incremental', 'plain', 'never'),
  isHuffman: fc.boolean(),
  byIndex: fc.boolean(),
});
const block = fc.record({
  fields: fc.array(field, { maxLength: 12 }),
  updates: fc.array(fc.constantFrom(0, 60, 200, 1000, 4096), { maxLength: 2 }),
  /** SETTINGS_HEADER_TABLE_SIZE that the next peer announces before the block leaves. */
  peer: fc.option(fc.constantFrom(0, 50, 300, 4096, 65536), { freq: 6 }),
});

type Block = typeof block extends fc.Arbitrary<infer T> ? T : never;

function write(encoder: ReferenceEncoder, { fields, updates }: Block): Buffer {
  return Buffer.concat([
    ...updates.map((size) => encoder.update(size)),
    ...fields.map((f) => encoder.field(f.name, f.value, f.representation, f.isHuffman, f.byIndex)),
  ]);
}

const isSecret = (text: string) => text === 'authorization' || text === 'cookie' || text.endsWith('-bin');

test('what any encoder may write is decoded, re-encoded and decoded again without a change', (t) => {
  const shapes = new HeaderShapes({ seed: 3, maxShapes: 64, maxInternedFields: 128 });
  fc.assert(
    fc.property(fc.array(block, { minLength: 1, maxLength: 12 }), (blocks) => {
      const writer = new ReferenceEncoder();
      const ours = shapes.createDecoder({ maxListBytes: 1e6 });
      const encoder = shapes.createEncoder();
      const reader = new ReferenceDecoder();
      for (const each of blocks) {
        const wire = write(writer, each);
        const decoded = ours.decode(wire, 0, wire.length);
        if (decoded === null) throw new Error(ours.error ?? '');
        const sent = each.fields.map((f) => [f.name, f.value] as const);
        t.deepEqual(byName(decoded.entries()), byName(sent));
        t.is(
          ours.listBytes,
          sent.reduce((sum, [n, v]) => sum + n.length + v.length + 32, 0),
        );
        if (each.peer !== null) {
          encoder.setPeerMaxTableBytes(each.peer);
          reader.allow(each.peer);
        }
        wire.fill(0);
        const out = Buffer.alloc(encoder.maxBytes(decoded) + 1, 0xee);
        const end = encoder.encode(decoded, out, 0);
        t.true(end < out.length, 'maxBytes is an upper bound');
        t.is(out[out.length - 1], 0xee);
        const read = reader.decode(out.subarray(0, end));
        t.deepEqual(byName(read.map((f) => [f.name, f.value] as const)), byName(sent));
        const secrets = read.filter((f) => isSecret(f.name) && f.value !== '').map((f) => f.isNeverIndexed);
        t.true(secrets.every(Boolean), 'what is secret leaves as never-indexed');
        const never = each.fields.filter((f) => f.representation === 'never').map((f) => `${f.name}\n${f.value}`);
        for (const text of never) {
          t.true(
            read.some((f) => f.isNeverIndexed && `${f.name}\n${f.value}` === text),
            'never-indexed stays so',
          );
        }
        t.true(reader.table.bytes() <= reader.table.maxBytes);
      }
    }),
    timeBox,
  );
});

test('the order of different names makes no difference to a shape, that of equal names does', (t) => {
  const shapes = new HeaderShapes({ seed: 3 });
  const decoder = shapes.createDecoder();
  const fields = [
    ['x-a', '1'],
    ['x-b', '2'],
    ['x-c', '3'],
    ['x-d', '4'],
    ['x-a', '5'],
  ] as const;
  const run = (order: readonly number[]) => {
    const wire = Buffer.concat(
      order.map((i) => new ReferenceEncoder().field(fields[i]?.[0] ?? '', fields[i]?.[1] ?? '', 'plain', false, false)),
    );
    return decoder.decode(wire, 0, wire.length);
  };
  for (let i = 0; i < 4; i++) run([0, 1, 2, 3, 4]);
  const shape = run([0, 1, 2, 3, 4])?.shape;
  const order = fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 });
  fc.assert(
    fc.property(order, (indices) => {
      const isKept = indices.indexOf(0) < indices.indexOf(4);
      t.deepEqual(run(indices)?.values('x-a'), isKept ? ['1', '5'] : ['5', '1']);
      if (isKept) t.is(run(indices)?.shape, shape);
      else t.not(run(indices)?.shape, shape);
    }),
    { seed: 1, numRuns: 200, interruptAfterTimeLimit: 1000 },
  );
});

test('any bytes are decoded, or refused with a reason, without a throw', (t) => {
  const shapes = new HeaderShapes({ seed: 4 });
  const bytes = fc.array(fc.oneof(fc.constantFrom(0x82, 0x40, 0x41, 0x01, 0x62, 0x20, 0xbe, 0x10), fc.nat(255)), {
    maxLength: 60,
  });
  fc.assert(
    fc.property(fc.array(bytes, { maxLength: 4 }), (blocks) => {
      const decoder = shapes.createDecoder();
      const reference = new ReferenceDecoder();
      for (const each of blocks) {
        const wire = Buffer.from(each);
        const decoded = decoder.decode(wire, 0, wire.length);
        if (decoded === null) {
          t.truthy(decoder.error);
          return;
        }
        const read = reference.decode(wire).map((f) => [f.name, f.value] as const);
        t.deepEqual(byName(decoded.entries()), byName(read));
        decoded.problem('request');
      }
    }),
    timeBox,
  );
  t.pass();
});
