// Strings under the Huffman code of RFC 7541 appendix B.

import test from 'ava';
import fc from 'fast-check';
import { copyHuffman, decodeHuffman, encodeHuffman, invalidHuffman } from '../../agent/http2/huffman.ts';
import { huffmanBits, huffmanCodes } from '../../agent/http2/huffman-code.ts';

function decoded(coded: Buffer): string | null {
  const out = Buffer.alloc(2 * coded.length + 1);
  const end = decodeHuffman(coded, 0, coded.length, out, 0);
  return end < 0 ? null : out.toString('latin1', 0, end);
}

test('the code is complete: its words fill the code space exactly', (t) => {
  const share = Array.from(huffmanBits).reduce((sum, bits) => sum + 2 ** -bits, 0);
  t.is(share, 1);
});

test('codes at the corners of appendix B are as the RFC prints them', (t) => {
  const printed: readonly (readonly [symbol: number, code: number, bits: number])[] = [
    [0, 0x1ff8, 13],
    [1, 0x7fffd8, 23],
    [10, 0x3ffffffc, 30],
    [32, 0x14, 6],
    [48, 0x0, 5],
    [97, 0x3, 5],
    [90, 0xfd, 8],
    [127, 0xffffffc, 28],
    [128, 0xfffe6, 20],
    [249, 0xffffffe, 28],
    [255, 0x3ffffee, 26],
    [256, 0x3fffffff, 30],
  ];
  t.deepEqual(
    printed.map(([symbol]) => [symbol, huffmanCodes[symbol], huffmanBits[symbol]]),
    printed.map((row) => [...row]),
  );
});

test('any string comes back from its code', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      t.is(decoded(encodeHuffman(bytes)), Buffer.from(bytes).toString('latin1'));
    }),
    { seed: 7541, numRuns: 2000, interruptAfterTimeLimit: 1000 },
  );
  t.pass();
});

const symbols = new Map(
  Array.from(huffmanCodes, (code, symbol) => [`${huffmanBits[symbol]} ${code}`, symbol] as const),
);

/** Bit by bit, as RFC 7541 section 5.2 has it. */
function decodedBitByBit(coded: Uint8Array): string | null {
  let text = '';
  let code = 0;
  let bits = 0;
  for (let at = 0; at < 8 * coded.length; at++) {
    code = 2 * code + ((coded[at >> 3]! >> (7 - (at & 7))) & 1);
    const symbol = symbols.get(`${++bits} ${code}`);
    if (symbol === 256) return null;
    if (symbol === undefined) continue;
    text += String.fromCharCode(symbol);
    code = 0;
    bits = 0;
  }
  return bits <= 7 && code === 2 ** bits - 1 ? text : null;
}

test('whatever bytes come, they are decoded, or refused, as bit by bit', (t) => {
  const short = Array.from('0123456789abcdefgz- ,Z*?|>', (character) => character.charCodeAt(0));
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 6 }),
    // Cut, or with more padding than there may be, or none.
    fc
      .tuple(fc.array(fc.constantFrom(...short), { maxLength: 30 }), fc.constantFrom(-1, 0, 1), fc.nat(255))
      .map(([text, more, last]) => {
        const coded = encodeHuffman(Buffer.from(text));
        return more < 0 ? coded.subarray(0, -1) : Buffer.concat([coded, Buffer.alloc(more, last)]);
      }),
    fc.uint8Array({ maxLength: 8 }).map((bytes) => encodeHuffman(bytes)),
  );
  for (let pair = 0; pair < 0x10000; pair += 1) {
    const coded = Buffer.from([pair >> 8, pair & 0xff]);
    if (decoded(coded) !== decodedBitByBit(coded)) t.fail(coded.toString('hex'));
  }
  fc.assert(
    fc.property(any, (coded) => {
      t.is(decoded(Buffer.from(coded)), decodedBitByBit(coded));
    }),
    { seed: 52, numRuns: 3000, interruptAfterTimeLimit: 1500 },
  );
});

test('walking a code without decoding it agrees with decoding it, for any bytes', (t) => {
  const faults = /[\0\r\n]|^[ \t]|[ \t]$/;
  const any = fc.oneof(
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => encodeHuffman(bytes)),
    fc
      .string({ unit: fc.constantFrom(' ', '\t', '\r', '\n', '\0', 'a', 'b'), maxLength: 8 })
      .map((text) => encodeHuffman(Buffer.from(text, 'latin1'))),
  );
  fc.assert(
    fc.property(any, (coded) => {
      const copy = Buffer.alloc(coded.length + 2, 0xee);
      const walked = copyHuffman(coded, 0, coded.length, copy, 1);
      const text = decoded(coded);
      if (text === null) t.is(walked, invalidHuffman);
      else {
        t.is(walked, faults.test(text) ? ~text.length : text.length);
        t.deepEqual([...copy], [0xee, ...coded, 0xee], 'copied as it is, and nothing beside');
      }
    }),
    { seed: 5, numRuns: 5000, interruptAfterTimeLimit: 1000 },
  );
});
