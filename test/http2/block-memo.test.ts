// A block that comes again byte for byte is not decoded again, and must never be told from one that is.
import test from 'ava';
import fc from 'fast-check';
import type { HeaderBlock } from '../../agent/http2/header-contract.ts';
import type { HeaderDecoder } from '../../agent/http2/header-decoder.ts';
import { HeaderShapes } from '../../agent/http2/header-shapes.ts';
import { byName, indexed, literal, ReferenceDecoder } from './hpack-reference.ts';

function decode(decoder: HeaderDecoder, wire: Buffer): HeaderBlock {
  const block = decoder.decode(wire, 0, wire.length);
  if (block === null) throw new Error(decoder.error ?? '');
  return block;
}

/** The block as it is once it has come ten times. */
function decodeOften(decoder: HeaderDecoder, wire: Buffer): HeaderBlock {
  for (let i = 0; i < 9; i++) decode(decoder, wire);
  return decode(decoder, wire);
}

const request = Buffer.concat([literal('plain', ':path', '/a.B/C'), literal('plain', 'content-length', '105')]);

test('a block that comes again and again is the same object, and so is what is retained of it', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  const block = decodeOften(decoder, request);
  const kept = block.retain();
  t.is(decode(decoder, request), block);
  t.is(decode(decoder, request).retain(), kept);
  t.deepEqual(byName(kept.entries()), [
    [':path', '/a.B/C'],
    ['content-length', '105'],
  ]);
  t.is(decoder.listBytes, 11 + 32 + 17 + 32);
});

test('what is retained stays as it is, whatever comes later', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  const kept = decodeOften(decoder, request).retain();
  const expected = kept.entries();
  decodeOften(decoder, literal('plain', 'content-length', '77'));
  decodeOften(decoder, Buffer.concat([literal('incremental', 'x-a', 'one'), literal('plain', 'content-length', '9')]));
  t.deepEqual(kept.entries(), expected);
});

test('an edit of a block that is known changes neither it nor what was made of it before', (t) => {
  const shapes = new HeaderShapes({ seed: 1 });
  const decoder = shapes.createDecoder();
  const edit = shapes.edit({ remove: [], set: [{ name: 'grpc-timeout' }] });
  const kept = decodeOften(decoder, request).retain();
  const ofKept = kept.edit(edit, [Buffer.from('1S')]);
  const first = decode(decoder, request).edit(edit, [Buffer.from('2S')]);
  t.is(first.value('grpc-timeout'), '2S');
  t.is(
    decode(decoder, request)
      .edit(edit, [Buffer.from('3S')])
      .value('grpc-timeout'),
    '3S',
  );
  t.is(ofKept.value('grpc-timeout'), '1S');
  t.is(decode(decoder, request).value('grpc-timeout'), null);
});

test('the same bytes are another block once the table has changed', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  decode(decoder, literal('incremental', 'x-a', 'one'));
  t.is(decodeOften(decoder, indexed(62)).value('x-a'), 'one');
  decode(decoder, literal('incremental', 'x-a', 'two'));
  t.is(decode(decoder, indexed(62)).value('x-a'), 'two');
});

test('a table that was emptied is not remembered', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  decode(decoder, literal('incremental', 'x-a', 'one'));
  decodeOften(decoder, indexed(62));
  decode(decoder, Buffer.from([0x20]));
  t.is(decoder.decode(indexed(62), 0, 1), null);
});

test('a table size update that is due is asked for, however well the block is known', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  decodeOften(decoder, request);
  decoder.setMaxTableBytes(100);
  t.is(decoder.decode(request, 0, request.length), null);
  t.regex(decoder.error ?? '', /table size update/);
});

test('a value that may not be forwarded is a fault each time', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  const wire = literal('plain', 'traceparent', 'a\rb');
  t.regex(decodeOften(decoder, wire).problem('trailers') ?? '', /'traceparent'/);
});

test('blocks that repeat, in any order, with a table that changes, are what a plain decoder reads', (t) => {
  const wires = [
    indexed(62),
    indexed(63),
    Buffer.concat([indexed(62), indexed(62)]),
    literal('plain', 'content-length', '1'),
    literal('plain', 'content-length', '2'),
    literal('never', 'authorization', 'secret'),
    literal('plain', 62, 'value'),
    literal('incremental', 'x-a', 'one'),
    literal('incremental', 'traceparent', '00-11'),
    Buffer.concat([Buffer.from([0x3f, 0x45]), literal('incremental', 'x-b', 'b'), literal('incremental', 'x-c', 'c')]),
  ];
  const run = fc.record({ wire: fc.constantFrom(...wires), times: fc.integer({ min: 1, max: 12 }) });
  fc.assert(
    fc.property(fc.array(run, { maxLength: 30 }), (runs) => {
      const ours = new HeaderShapes({ seed: 2, maxShapes: 8 }).createDecoder();
      const plain = new ReferenceDecoder();
      const first = Buffer.concat([literal('incremental', 'x-a', '1'), literal('incremental', 'x-a', '2')]);
      decode(ours, first);
      plain.decode(first);
      for (const { wire, times } of runs) {
        for (let i = 0; i < times; i++) {
          const expected = plain.decode(wire).map((field) => [field.name, field.value] as const);
          t.deepEqual(byName(decode(ours, wire).entries()), byName(expected));
        }
      }
    }),
    { seed: 7541, numRuns: 2000, interruptAfterTimeLimit: 1500 },
  );
});
