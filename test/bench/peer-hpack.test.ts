// What grpc-go 1.85 and grpcio 1.85 (C-core) were seen to send on the wire, byte for byte where their values are fixed.
import test from 'ava';
import { HeaderShapes } from '../../agent/http2/index.ts';
import { callFields } from '../../bench/load/call-fields.ts';
import { PeerEncoder, type PeerField, type PeerName } from '../../bench/load/peer-hpack.ts';

const out = Buffer.alloc(4096);

function blocks(peer: PeerName, calls: readonly (readonly PeerField[])[], tableBytes = 4096): Buffer[] {
  const encoder = new PeerEncoder(peer);
  encoder.limitTable(tableBytes);
  return calls.map((fields) => Buffer.from(out.subarray(0, encoder.encode(fields, out, 0))));
}

function withTimeouts(...timeouts: readonly string[]): PeerField[][] {
  return timeouts.map((value, call) =>
    callFields('c-core', call).map((field) => (field.name === 'grpc-timeout' ? { ...field, value } : field)),
  );
}

for (const peer of ['grpc-go', 'c-core'] as const) {
  for (const tableBytes of [4096, 200, 0]) {
    test(`blocks of ${peer} decode to the fields that were meant, with a table of ${tableBytes} bytes`, (t) => {
      const calls = Array.from({ length: 100 }, (_, call) => callFields(peer, call));
      const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
      const wrong = blocks(peer, calls, tableBytes).flatMap((block, call) => {
        const decoded = decoder.decode(block, 0, block.length);
        // A deadline of C-core's may stand for one up to 3 % shorter.
        const isExact = ({ name, value, varies }: PeerField): boolean =>
          decoded?.value(name) === value || (peer === 'c-core' && varies && name === 'grpc-timeout');
        return calls[call]!.filter((field) => !isExact(field));
      });
      t.deepEqual(wrong, []);
    });
  }
}

test('grpc-go puts fresh values into the table, by the index of their name', (t) => {
  const [, second] = blocks('grpc-go', [callFields('grpc-go', 0), callFields('grpc-go', 1)]);
  t.is(second?.subarray(0, 10).toString('hex'), '8386c4c3c2c1c07f0086');
  // Huffman-coded, 38 bytes for 55: it varies with the digits.
  const trace = second!.subarray(10 + 6);
  t.is(trace.subarray(0, 2).toString('hex'), '7f00');
  t.is(trace[2]! & 0x80, 0x80);
});

test('C-core writes a fresh traceparent in plain text, beside the table, and names its last deadline again', (t) => {
  const [, second] = blocks('c-core', withTimeouts('500m', '490m'));
  t.is(second?.subarray(0, 9).toString('hex'), 'c4c38386c2c1c0bfbe');
  t.is(second?.subarray(9, 22).toString('latin1'), '\0\x0btraceparent');
  t.is(second?.[22], 55);
});

test('C-core names one of its last five deadlines for one up to 3 % shorter, and inserts any other', (t) => {
  const lengths = blocks('c-core', withTimeouts('500m', '485m', '486m', '501m', '500m')).map(({ length }) => length);
  const [, shorter, within, longer, again] = lengths;
  t.is(within, again);
  // 485 is 3 % shorter than 500, which is too much; 501 is longer.
  t.is(shorter! - within!, '@\x0cgrpc-timeout\x04485m'.length - 1);
  t.is(longer, shorter);
});

test('no two calls in a row have a traceparent alike, and one in a hundred is sampled', (t) => {
  const traces = Array.from({ length: 1000 }, (_, call) => callFields('grpc-go', call).at(-1)!.value);
  t.is(new Set(traces).size, 1000);
  t.is(traces.filter((trace) => trace.endsWith('-01')).length, 10);
  t.true(traces.every((trace) => /^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/.test(trace)));
});
