// The rules that make header shapes safe (design section 6): what is shared, what is a hole, what one client can do to
// the others.

import test from 'ava';
import type { HeaderDecoder } from '../../agent/http2/header-decoder.ts';
import { HeaderShapes } from '../../agent/http2/header-shapes.ts';
import { encodeHuffman } from '../../agent/http2/huffman.ts';
import { byName, indexed, literal, ReferenceDecoder } from './hpack-reference.ts';

type Entries = readonly (readonly [name: string, value: string])[];

function decode(decoder: HeaderDecoder, ...pieces: Buffer[]) {
  const bytes = Buffer.concat(pieces);
  const block = decoder.decode(bytes, 0, bytes.length);
  if (block === null) throw new Error(decoder.error ?? '');
  return block;
}

/** Which fields of a block are fixed, as text, and which are holes, by name. */
function form(block: { readonly shape: { readonly fields: readonly { name: string; value: string | null }[] } }) {
  return block.shape.fields.map(({ name, value }) => (value === null ? name : `${name}: ${value}`));
}

function plain(entries: Entries): Buffer {
  return Buffer.concat(entries.map(([name, value]) => literal('plain', name, value)));
}

const call: Entries = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/shop.Catalogue/List'],
  [':authority', 'catalogue:8080'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
  ['x-tenant', 'blue'],
];

test('a value is a hole when it is first seen, and fixed from its second sight on', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  t.deepEqual(form(decode(decoder, literal('plain', 19, 'text/x'))), ['accept']);
  t.deepEqual(form(decode(decoder, literal('plain', 19, 'text/x'))), ['accept: text/x']);
  t.deepEqual(form(decode(decoder, literal('plain', 19, 'text/y'))), ['accept']);
});

test('a reference to an entry of the table is the second sight of its name and its value', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  t.deepEqual(form(decode(decoder, literal('incremental', 'x-new', 'one'))), ['x-new']);
  t.deepEqual(form(decode(decoder, indexed(62))), ['x-new: one']);
  t.deepEqual(form(decode(decoder, literal('incremental', 62, 'two'))), ['x-new']);
  t.deepEqual(form(decode(decoder, indexed(62), indexed(63))), ['x-new: two', 'x-new: one']);
});

test('what one connection admitted is fixed for every other at first sight, coded or plain', (t) => {
  const shapes = new HeaderShapes({ seed: 1 });
  const first = shapes.createDecoder();
  for (let i = 0; i < 3; i++) decode(first, literal('plain', 'x-a', 'value'));
  const shape = decode(first, literal('plain', 'x-a', 'value')).shape;
  const second = shapes.createDecoder();
  t.is(decode(second, literal('plain', 'x-a', 'value')).shape, shape);
  for (let i = 0; i < 2; i++) decode(second, literal('plain', 'x-a', 'value', true));
  t.is(decode(second, literal('plain', 'x-a', 'value', true)).shape, shape, 'both codings are one field');
});

test('a plain value whose bytes are the code of another value stays what it is', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  for (let i = 0; i < 4; i++) decode(decoder, literal('plain', 'x-a', 'value', true));
  const code = encodeHuffman(Buffer.from('value')).toString('latin1');
  for (let i = 0; i < 4; i++) t.is(decode(decoder, literal('plain', 'x-a', code)).value('x-a'), code);
  t.is(decode(decoder, literal('plain', 'x-a', 'value', true)).value('x-a'), 'value');
});

test('blocks that differ only in their holes share one shape', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  const run = (id: string) => decode(decoder, plain(call), literal('plain', 'traceparent', id));
  for (let i = 0; i < 4; i++) run(`${i}`);
  const { shape } = run('first');
  const block = run('second');
  t.is(block.shape, shape);
  t.is(block.value('traceparent'), 'second');
  t.deepEqual(byName(block.entries()), byName([...call, ['traceparent', 'second']]));
  t.is(shape.fields[shape.indexOf('traceparent')]?.hole, 0);
  t.is(shape.indexOf('x-absent'), -1);
});

test('(35) known varying names and secrets are holes however often they repeat, and secrets leave as never-indexed', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  for (const name of ['traceparent', 'grpc-timeout', 'x-request-id', 'content-length', 'date']) {
    for (let i = 0; i < 4; i++) decode(decoder, literal('plain', name, '1'));
    const [field] = decode(decoder, literal('plain', name, '1')).shape.fields;
    t.like(field, { name, value: null, sensitive: false });
  }
  for (const name of ['authorization', 'cookie', 'set-cookie', 'x-token-bin', 'grpc-trace-bin']) {
    decode(decoder, literal('incremental', name, '1'));
    for (let i = 0; i < 3; i++) decode(decoder, indexed(62));
    const block = decode(decoder, indexed(62));
    t.like(block.shape.fields[0], { name, value: null, sensitive: true });
    t.is(block.value(name), '1');
  }
});

test('(34) what arrived as never-indexed is a hole, of a shape of its own, and stays never-indexed', (t) => {
  const shapes = new HeaderShapes({ seed: 1 });
  const decoder = shapes.createDecoder();
  const encoder = shapes.createEncoder();
  const reader = new ReferenceDecoder();
  const out = Buffer.alloc(1000);
  for (let i = 0; i < 4; i++) decode(decoder, literal('plain', 'x-key', 'value'));
  const ordinary = decode(decoder, literal('plain', 'x-key', 'value')).shape;
  for (let i = 0; i < 4; i++) {
    const block = decode(decoder, literal('never', 'x-key', 'value'));
    t.not(block.shape, ordinary);
    t.like(block.shape.fields[0], { value: null, sensitive: true });
    const sent = reader.decode(out.subarray(0, encoder.encode(block, out, 0)));
    t.deepEqual(sent, [{ name: 'x-key', value: 'value', isNeverIndexed: true }]);
  }
  t.is(reader.table.entries.length, 0);
});

test('a name whose values keep being new becomes a hole, while the table still holds its old fields', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  decode(decoder, literal('incremental', 'x-user', 'first'));
  t.deepEqual(form(decode(decoder, indexed(62))), ['x-user: first']);
  for (let i = 0; i < 100; i++) {
    const value = `user-${i}`;
    t.is(decode(decoder, literal('plain', 'x-user', value)).value('x-user'), value);
  }
  for (let i = 0; i < 3; i++) decode(decoder, literal('plain', 'x-user', 'again'));
  t.deepEqual(form(decode(decoder, literal('plain', 'x-user', 'again'))), ['x-user'], 'a hole for good');
  t.deepEqual(decode(decoder, indexed(62)).entries(), [['x-user', 'first']], 'the old field means what it meant');
});

test('a value that is too long to be shared uses up no credits, however often it comes', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  const long = 'e'.repeat(600);
  decode(decoder, literal('incremental', 'x-long', long, true));
  for (let i = 0; i < 1000; i++) decode(decoder, indexed(62), literal('plain', 'x-long', long, true));
  t.deepEqual(form(decode(decoder, indexed(62))), ['x-long']);
  for (let i = 0; i < 2; i++) decode(decoder, literal('plain', 'x-a', 'short'));
  decode(decoder, literal('plain', 'x-a', 'short'));
  t.deepEqual(form(decode(decoder, literal('plain', 'x-a', 'short'))), ['x-a: short']);
});

test('what one connection learnt to be a hole stays fixed for the others', (t) => {
  const shapes = new HeaderShapes({ seed: 1 });
  const other = shapes.createDecoder();
  for (let i = 0; i < 3; i++) decode(other, literal('plain', 'x-tenant', 'blue'));
  const noisy = shapes.createDecoder();
  for (let i = 0; i < 200; i++) decode(noisy, literal('plain', 'x-tenant', `${i}`));
  t.deepEqual(form(decode(other, literal('plain', 'x-tenant', 'blue'))), ['x-tenant: blue']);
});

test('the bytes of a hole outlive the buffer and the table entry that they came in', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder({ maxTableBytes: 100 });
  decode(decoder, literal('incremental', 'cookie', 'one'));
  // The first reference is to an entry that the second field of the same block evicts and overwrites.
  const wire = Buffer.concat([indexed(62), literal('incremental', 'cookie', 'x'.repeat(60))]);
  const block = decoder.decode(wire, 0, wire.length);
  wire.fill(0x41);
  t.deepEqual(block?.values('cookie'), ['one', 'x'.repeat(60)]);
});

test('a retained block outlives the next blocks', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  const kept = decode(decoder, literal('plain', 'traceparent', 'kept'), literal('plain', 'x-a', 'A')).retain();
  for (let i = 0; i < 5; i++) decode(decoder, literal('plain', 'traceparent', 'later'), literal('plain', 'x-a', 'B'));
  t.deepEqual(byName(kept.entries()), [
    ['traceparent', 'kept'],
    ['x-a', 'A'],
  ]);
});

test('values are read as latin1 text or bytes, Huffman undone, first or all of a name', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  const block = decode(
    decoder,
    literal('plain', 'x-many', 'one\xff'),
    literal('plain', 'x-other', '1'),
    literal('plain', 'x-many', 'two\x80', true),
    literal('plain', 'x-coded', 'coded', true),
  );
  t.is(block.value('x-many'), 'one\xff');
  t.deepEqual(block.values('x-many'), ['one\xff', 'two\x80']);
  t.deepEqual([...(block.bytes('x-coded') ?? [])], [...Buffer.from('coded')]);
  t.is(block.value('x-absent'), null);
  t.is(block.bytes('x-absent'), null);
  const into = Buffer.alloc(4);
  for (const [name, read] of [
    ['x-many', 'one\xff'],
    ['x-coded', 'code'],
    ['x-other', '1'],
  ] as const) {
    const length = block.read(name, into);
    t.is(block.value(name)?.length, length);
    t.is(into.toString('latin1', 0, length), read);
  }
  t.is(block.read('x-absent', into), -1);
  t.deepEqual(block.values('x-absent'), []);
  t.is(block.value('__proto__'), null);
});

test('a block beyond the list size or the number of fields is marked, and the table stays in step', (t) => {
  const shapes = new HeaderShapes({ seed: 1 });
  const counted = shapes.createDecoder({ maxFields: 3 });
  decode(counted, ...Array.from({ length: 4 }, () => indexed(2)), literal('incremental', 'x-late', 'yes'));
  t.true(counted.oversize);
  t.is(counted.listBytes, 4 * (7 + 3 + 32) + 6 + 3 + 32);
  t.deepEqual(decode(counted, indexed(62)).entries(), [['x-late', 'yes']]);
  t.false(counted.oversize);

  const sized = shapes.createDecoder({ maxListBytes: 100 });
  decode(sized, literal('incremental', 'x-big', 'x'.repeat(63), true));
  t.is(sized.listBytes, 100, 'decoded lengths count, whatever the coding saves');
  t.false(sized.oversize);
  decode(sized, indexed(62), indexed(62));
  t.true(sized.oversize, 'a large entry that is referred to again and again counts each time');
});

/** What client `good` sends upstream while `bad` does its worst: the bytes of the last block, and its shape. */
function bytesBeside(bad: (decoder: HeaderDecoder, shapes: HeaderShapes, i: number) => void) {
  const shapes = new HeaderShapes({ seed: 7 });
  const good = shapes.createDecoder();
  const evil = shapes.createDecoder();
  const encoder = shapes.createEncoder();
  const out = Buffer.alloc(65536);
  const written: string[] = [];
  for (let i = 0; i < 3000; i++) {
    bad(evil, shapes, i);
    const block = decode(good, plain(call), literal('plain', 'traceparent', `${i}`));
    written.push(out.toString('hex', 0, encoder.encode(block, out, 0)));
  }
  return { written, good };
}

test('a client that makes names, values and shapes without end changes no byte of what another sends', (t) => {
  const alone = bytesBeside(() => {});
  const beside = bytesBeside((decoder, shapes, i) => {
    const fields = Array.from({ length: 20 }, (_, k) => literal('incremental', `x-${i % 977}-${k}`, `${i}`));
    for (let twice = 0; twice < 2; twice++) decode(decoder, ...fields);
    const values = [':authority', 'x-tenant', 'content-type'].map((name) => literal('plain', name, `${i >> 1}`));
    const block = decode(decoder, ...values);
    shapes.createEncoder().encode(block, Buffer.alloc(2000), 0);
  });
  t.deepEqual(beside.written, alone.written);
});

test('when the shared tables are full they begin anew, and blocks go on as before', (t) => {
  const shapes = new HeaderShapes({ seed: 1, maxShapes: 8, maxInternedFields: 16 });
  const encoder = shapes.createEncoder();
  const reader = new ReferenceDecoder();
  const out = Buffer.alloc(4096);
  const decoder = shapes.createDecoder();
  decode(decoder, ...call.map(([name, value]) => literal('incremental', name, value)));
  for (let i = 0; i < 400; i++) {
    const other = shapes.createDecoder();
    const fields: Entries = [...call, [`x-${i >> 1}`, `${i >> 2}`]];
    for (const block of [decode(other, plain(fields)), decode(other, plain(fields))]) {
      const read = reader.decode(out.subarray(0, encoder.encode(block, out, 0)));
      t.deepEqual(byName(read.map((f) => [f.name, f.value] as const)), byName(fields));
    }
    const block = decode(decoder, ...call.map((_, k) => indexed(62 + k)));
    const read = reader.decode(out.subarray(0, encoder.encode(block, out, 0)));
    t.deepEqual(byName(read.map((f) => [f.name, f.value] as const)), byName(call));
  }
});

test('a memo keeps what is derived from a shape, each kind in its own slot', (t) => {
  const shapes = new HeaderShapes({ seed: 1 });
  const lengths = shapes.memo<number>();
  const names = shapes.memo<string>();
  const { shape } = shapes.block([[':status', '200']]);
  names.set(shape, 'response');
  t.is(lengths.get(shape), undefined);
  lengths.set(shape, 1);
  const again = shapes.block([[':status', '200']]).shape;
  t.is(again, shape);
  t.is(lengths.get(again), 1);
  t.is(names.get(again), 'response');
});

test('an own block holds what it was given, and refuses what may never be sent', (t) => {
  const shapes = new HeaderShapes({ seed: 1 });
  const reply: Entries = [
    ['grpc-message', 'no route'],
    [':status', '200'],
    ['grpc-status', '12'],
    ['authorization', 'secret'],
  ];
  const block = shapes.block(reply);
  t.is(block.shape.fields[0]?.name, ':status', 'pseudo-fields come first');
  t.deepEqual(byName(block.entries()), byName(reply));
  t.is(block.problem('response'), null);
  t.is(shapes.block([...reply.slice(1), ['grpc-message', 'another reason']]).shape, block.shape);
  t.throws(() => shapes.block([['Upper', '1']]), {
    instanceOf: TypeError,
    message: /'Upper' has an upper-case letter/,
  });
  t.throws(() => shapes.block([['x-a', 'a\nb']]), { instanceOf: TypeError, message: /'x-a' may not be sent/ });
  t.throws(() => shapes.block([['x-a', 'caf\u0153']]), { instanceOf: TypeError, message: /'x-a' holds a character/ });
});
