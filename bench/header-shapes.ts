// What decoding, editing and encoding a header block costs, in ns per block: HPACK in from one client, HPACK out to one
// upstream connection, nothing else. Run: node bench/header-shapes.ts [seconds per row]
// Rows: a gRPC request whose nine fields are all in the peer's table; the same with a fresh `traceparent` and
// `grpc-timeout`, indexed (as grpc-go does) or not, plain or Huffman-coded; with more metadata in random order.

import { HeaderShapes } from '../agent/http2/header-shapes.ts';
import { writeInteger } from '../agent/http2/hpack-integer.ts';
import { encodeHuffman } from '../agent/http2/huffman.ts';

const seconds = Number(process.argv[2] ?? 0.5);
const rounds = 5;
/** Distinct blocks that are decoded in turn. */
const variety = 256;

interface Row {
  readonly name: string;
  /** Block number `n` of the connection, after a first block that fills the peer's table. */
  readonly blocks: readonly Buffer[];
  readonly first: readonly Buffer[];
  readonly edits: boolean;
}

const head: readonly (readonly [string, string])[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/shop.v1.Catalogue/ListProducts'],
  [':authority', 'catalogue.shop.svc.cluster.local:8080'],
  ['content-type', 'application/grpc'],
  ['user-agent', 'grpc-go/1.80.0'],
  ['te', 'trailers'],
];

function literal(first: number, bits: number, index: number, name: string, value: string, isCoded: boolean): Buffer {
  const out = Buffer.alloc(4096);
  let at = writeInteger(out, 0, first, bits, index);
  if (index === 0) {
    at = writeInteger(out, at, 0, 7, name.length);
    at += out.write(name, at, 'latin1');
  }
  const bytes = isCoded ? encodeHuffman(Buffer.from(value, 'latin1')) : Buffer.from(value, 'latin1');
  at = writeInteger(out, at, isCoded ? 0x80 : 0, 7, bytes.length);
  at += bytes.copy(out, at);
  return out.subarray(0, at);
}

function fresh(n: number): readonly (readonly [string, string])[] {
  const id = (n * 0x9e3779b1).toString(16).padStart(16, '0');
  return [
    ['traceparent', `00-4bf92f3577b34da6a3ce929d0e0e4736-${id.slice(-16)}-01`],
    ['grpc-timeout', `${499_000 + n}u`],
  ];
}

/** Indices 62 and up, newest first, of fields inserted in that order. */
function indexedBlock(count: number, order: readonly number[]): Buffer {
  const out = Buffer.alloc(256);
  let at = 0;
  for (const i of order) at = writeInteger(out, at, 0x80, 7, 61 + count - i);
  return out.subarray(0, at);
}

function inserting(fields: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(fields.map(([name, value]) => literal(0x40, 6, 0, name, value, false)));
}

function indexedRow(): Row {
  const fields = [...head, ...fresh(0)];
  const blocks = [indexedBlock(fields.length, [...fields.keys()])];
  return { name: '9 fields, all indexed', first: [inserting(fields)], blocks, edits: false };
}

function ordinaryRow(): Row {
  const fields: [string, string][] = [...head, ['grpc-accept-encoding', 'gzip'], ['x-tenant', 'blue']].map(
    ([name, value]) => [name ?? '', value ?? ''],
  );
  const blocks = [indexedBlock(fields.length, [...fields.keys()])];
  return { name: '9 fields, all indexed, none a hole', first: [inserting(fields)], blocks, edits: false };
}

function freshRow(name: string, isIndexing: boolean, isCoded: boolean, edits: boolean): Row {
  const first = [inserting(head)];
  const blocks: Buffer[] = [];
  // Each block inserts two entries, so the seven fields move on by two; to keep them in the table, they are re-inserted.
  const stays = indexedBlock(head.length, [...head.keys()]);
  for (let n = 0; n < variety; n++) {
    const pieces = [isIndexing && n % 8 === 0 ? inserting(head) : movedBy(stays, isIndexing ? 2 * (n % 8) : 0)];
    for (const [field, value] of fresh(n)) {
      pieces.push(isIndexing ? literal(0x40, 6, 0, field, value, isCoded) : literal(0, 4, 0, field, value, isCoded));
    }
    blocks.push(Buffer.concat(pieces));
  }
  return { name, first, blocks, edits };
}

function movedBy(block: Buffer, steps: number): Buffer {
  return Buffer.from(block.map((byte) => byte + steps));
}

function metadataRow(keys: number): Row {
  const fields = [...head, ...Array.from({ length: keys }, (_, i) => [`x-meta-${i}`, `value-${i}`] as const)];
  const blocks: Buffer[] = [];
  let state = 1;
  for (let n = 0; n < variety; n++) {
    const order = [...fields.keys()];
    for (let i = order.length - 1; i > head.length; i--) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      const j = head.length + ((state >>> 8) % (i - head.length + 1));
      [order[i], order[j]] = [order[j] ?? 0, order[i] ?? 0];
    }
    blocks.push(indexedBlock(fields.length, order));
  }
  return {
    name: `7 fields and ${keys} metadata keys in random order`,
    first: [inserting(fields)],
    blocks,
    edits: false,
  };
}

function measure(row: Row): number {
  const shapes = new HeaderShapes({ seed: 42 });
  const decoder = shapes.createDecoder();
  const encoder = shapes.createEncoder();
  const edit = shapes.edit({
    remove: ['x-internal'],
    set: [{ name: 'traceparent' }, { name: 'x-proxy', value: 'on' }],
  });
  const hole = [Buffer.from('00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01')];
  const out = Buffer.alloc(65536);
  const run = (block: Buffer): number => {
    const decoded = decoder.decode(block, 0, block.length);
    if (decoded === null) throw new Error(decoder.error ?? '');
    const problem = decoded.problem('request');
    if (problem !== null) throw new Error(problem);
    const sent = row.edits ? decoded.edit(edit, hole) : decoded;
    if (encoder.maxBytes(sent) > out.length) throw new Error('block too large');
    return encoder.encode(sent, out, 0);
  };
  for (const block of row.first) run(block);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    let count = 0;
    let elapsed = 0;
    while (elapsed < (1000 * seconds) / rounds) {
      for (let i = 0; i < 16; i++) for (const block of row.blocks) run(block);
      count += 16 * row.blocks.length;
      elapsed = performance.now() - start;
    }
    best = Math.min(best, (1e6 * elapsed) / count);
  }
  return best;
}

const rows = [
  ordinaryRow(),
  indexedRow(),
  freshRow('7 indexed, 2 fresh literals', false, false, false),
  freshRow('7 indexed, 2 fresh literals, Huffman', false, true, false),
  freshRow('7 indexed, 2 fresh with indexing', true, false, false),
  freshRow('7 indexed, 2 fresh with indexing, Huffman', true, true, false),
  freshRow('7 indexed, 2 fresh literals, edited', false, false, true),
  metadataRow(3),
  metadataRow(8),
  metadataRow(12),
];
for (const row of rows) process.stdout.write(`${measure(row).toFixed(0).padStart(6)} ns  ${row.name}\n`);
