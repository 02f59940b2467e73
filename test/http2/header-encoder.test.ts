// What one upstream connection's encoder writes: its table, who may fill it, and what the peer's settings do to it.

import test from 'ava';
import { HeaderShapes } from '../../agent/http2/header-shapes.ts';
import { byName, literal, ReferenceDecoder } from './hpack-reference.ts';

type Entries = readonly (readonly [name: string, value: string])[];

const call: Entries = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/shop.Catalogue/List'],
  ['content-type', 'application/grpc'],
  ['x-tenant', 'blue'],
];

/** An encoder, a plain reading of what it writes, and clients whose blocks it is given. */
function setUp() {
  const shapes = new HeaderShapes({ seed: 2 });
  const encoder = shapes.createEncoder();
  const reader = new ReferenceDecoder();
  const out = Buffer.alloc(65536);
  const send = (block: ReturnType<HeaderShapes['block']>) => {
    const end = encoder.encode(block, out, 0);
    const bytes = Buffer.from(out.subarray(0, end));
    return { bytes, fields: reader.decode(bytes).map((field) => [field.name, field.value] as const) };
  };
  const createClient = () => {
    const decoder = shapes.createDecoder();
    return (fields: Entries) => {
      const wire = Buffer.concat(fields.map(([name, value]) => literal('plain', name, value)));
      const block = decoder.decode(wire, 0, wire.length);
      if (block === null) throw new Error(decoder.error ?? '');
      return block;
    };
  };
  return { shapes, encoder, reader, send, createClient };
}

test('fixed fields enter the table once and leave as an index each from then on', (t) => {
  const { send, createClient, reader } = setUp();
  const client = createClient();
  for (let i = 0; i < 5; i++) t.deepEqual(byName(send(client(call)).fields), byName(call));
  t.is(send(client(call)).bytes.length, call.length);
  t.deepEqual(byName(reader.table.entries), byName(call.slice(2)));
});

test('(35) holes never enter the table', (t) => {
  const { send, createClient, reader } = setUp();
  const client = createClient();
  for (let i = 0; i < 5; i++) send(client([...call, ['traceparent', 'same'], ['cookie', 'a=b'], ['x-bin', 'AA']]));
  t.false(reader.table.entries.some(([name]) => ['traceparent', 'cookie', 'x-bin'].includes(name)));
});

test('a path with a query is not put into the table, whatever other fields hold', (t) => {
  const { send, createClient, reader } = setUp();
  const client = createClient();
  for (let i = 0; i < 4; i++) send(client([...call.slice(0, 2), [':path', '/a?secret=1'], ['x-a', 'why?']]));
  t.deepEqual(reader.table.entries, [['x-a', 'why?']]);
});

test('(32) a lowered table size is announced before the next block, zero included, and templates go with it', (t) => {
  const { encoder, send, createClient, reader } = setUp();
  const client = createClient();
  for (let i = 0; i < 5; i++) send(client(call));
  for (const [size, announced] of [
    [0, '20'],
    [150, '203f77'],
    [70000, '203fe11f'],
  ] as const) {
    encoder.setPeerMaxTableBytes(size);
    reader.allow(Math.min(size, 4096));
    const { bytes, fields } = send(client(call));
    t.is(bytes.toString('hex', 0, announced.length / 2), announced);
    t.deepEqual(byName(fields), byName(call));
    t.is(reader.table.maxBytes, Math.min(size, 4096));
    for (let i = 0; i < 3; i++) t.deepEqual(byName(send(client(call)).fields), byName(call));
    t.true(reader.table.bytes() <= size);
  }
});

test('(32) two changes between two blocks announce the smallest size and the last (RFC 7541 section 4.2)', (t) => {
  const { encoder, send, createClient, reader } = setUp();
  encoder.setPeerMaxTableBytes(100);
  encoder.setPeerMaxTableBytes(4096);
  t.deepEqual(byName(send(createClient()(call)).fields), byName(call));
  t.is(reader.table.maxBytes, 4096);
});

test('a size that we would not use anyway announces nothing', (t) => {
  const { encoder, send, shapes } = setUp();
  encoder.setPeerMaxTableBytes(65536);
  t.is(send(shapes.block([[':status', '200']])).bytes.toString('hex'), '88');
});

test('a block that throws half-way leaves no field in the table that the peer has not got', (t) => {
  const torn = [];
  for (let room = 1; room < 120; room++) {
    const { encoder, reader, send, createClient } = setUp();
    const client = createClient();
    for (let i = 0; i < 3; i++) send(client(call));
    const known: Entries = [...call, ['x-zone', 'a']];
    for (let i = 0; i < 3; i++) client(known);
    try {
      encoder.encode(client([...known, ['zz-never-seen', 'b']]), Buffer.alloc(room), 0);
      continue;
    } catch {
      torn.push(room);
    }
    for (let i = 0; i < 3; i++) t.deepEqual(byName(send(client(known)).fields), byName(known));
    t.is(send(client(call)).bytes.length, call.length);
    t.is(reader.table.maxBytes, 4096);
  }
  t.true(torn.length > 0);
});

test('one client fills at most half of the table, and another still finds room', (t) => {
  const { send, createClient, reader } = setUp();
  const greedy = createClient();
  for (let i = 0; i < 200; i++) {
    for (let twice = 0; twice < 3; twice++) send(greedy([[':path', `/greedy/${i}/${'x'.repeat(60)}`]]));
  }
  t.true(reader.table.bytes() > 1500 && reader.table.bytes() <= 2048);
  const modest = createClient();
  for (let i = 0; i < 4; i++) send(modest(call));
  t.is(send(modest(call)).bytes.length, call.length);
});

test('a full table is left alone, and begun anew when much was written that it would have saved', (t) => {
  const { send, createClient, reader } = setUp();
  for (let c = 0; c < 2; c++) {
    const old = createClient();
    for (let i = 0; i < 60; i++) {
      for (let twice = 0; twice < 3; twice++) send(old([[':path', `/old/${c}/${i}/${'x'.repeat(30)}`]]));
    }
  }
  const full = [...reader.table.entries];
  const client = createClient();
  const late: Entries = [...call, ['user-agent', 'y'.repeat(200)]];
  let blocks = 0;
  for (; blocks < 3000; blocks++) send(client(late));
  t.deepEqual(reader.table.entries.slice(-full.length), full, 'not for a while');
  t.true(send(client(late)).bytes.length > 200);
  for (; blocks < 6000; blocks++) t.deepEqual(byName(send(client(late)).fields), byName(late));
  t.is(send(client(late)).bytes.length, late.length);
});

test('the upper bound holds for a block of one long hole, and a block of another maker is refused', (t) => {
  const { encoder, createClient, shapes } = setUp();
  const block = createClient()([['x-long', 'y'.repeat(50000)]]);
  const out = Buffer.alloc(encoder.maxBytes(block));
  t.true(encoder.encode(block, out, 0) <= out.length);
  const foreign = { ...shapes.block([]) };
  t.throws(() => encoder.maxBytes(foreign as unknown as typeof block), { instanceOf: TypeError });
});
