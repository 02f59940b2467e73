// The examples of RFC 7541 appendix C, and what section by section is an error.

import test from 'ava';
import { HeaderShapes } from '../../agent/http2/header-shapes.ts';
import { writeInteger } from '../../agent/http2/hpack-integer.ts';
import { byName, indexed, literal } from './hpack-reference.ts';

interface Example {
  readonly name: string;
  readonly maxTableBytes: number;
  readonly blocks: readonly { readonly hex: string; readonly fields: readonly (readonly [string, string])[] }[];
}

const requests: Example['blocks'][number]['fields'][] = [
  [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
  ],
  [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', '/'],
    [':authority', 'www.example.com'],
    ['cache-control', 'no-cache'],
  ],
  [
    [':method', 'GET'],
    [':scheme', 'https'],
    [':path', '/index.html'],
    [':authority', 'www.example.com'],
    ['custom-key', 'custom-value'],
  ],
];

const responses: Example['blocks'][number]['fields'][] = [
  [
    [':status', '302'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ['location', 'https://www.example.com'],
  ],
  [
    [':status', '307'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:21 GMT'],
    ['location', 'https://www.example.com'],
  ],
  [
    [':status', '200'],
    ['cache-control', 'private'],
    ['date', 'Mon, 21 Oct 2013 20:13:22 GMT'],
    ['location', 'https://www.example.com'],
    ['content-encoding', 'gzip'],
    ['set-cookie', 'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1'],
  ],
];

function pair(hex: readonly string[], fields: readonly Example['blocks'][number]['fields'][]): Example['blocks'] {
  return hex.map((text, i) => ({ hex: text, fields: fields[i] ?? [] }));
}

const examples: readonly Example[] = [
  {
    name: 'C.2.1, a literal with indexing',
    maxTableBytes: 4096,
    blocks: pair(['400a637573746f6d2d6b65790d637573746f6d2d686561646572'], [[['custom-key', 'custom-header']]]),
  },
  {
    name: 'C.2.2, a literal without indexing',
    maxTableBytes: 4096,
    blocks: pair(['040c2f73616d706c652f70617468'], [[[':path', '/sample/path']]]),
  },
  {
    name: 'C.2.3, a literal never indexed',
    maxTableBytes: 4096,
    blocks: pair(['100870617373776f726406736563726574'], [[['password', 'secret']]]),
  },
  { name: 'C.2.4, an indexed field', maxTableBytes: 4096, blocks: pair(['82'], [[[':method', 'GET']]]) },
  {
    name: 'C.3, requests without Huffman coding',
    maxTableBytes: 4096,
    blocks: pair(
      [
        '828684410f7777772e6578616d706c652e636f6d',
        '828684be58086e6f2d6361636865',
        '828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565',
      ],
      requests,
    ),
  },
  {
    name: 'C.4, requests with Huffman coding',
    maxTableBytes: 4096,
    blocks: pair(
      [
        '828684418cf1e3c2e5f23a6ba0ab90f4ff',
        '828684be5886a8eb10649cbf',
        '828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf',
      ],
      requests,
    ),
  },
  {
    name: 'C.5, responses without Huffman coding, evicting',
    maxTableBytes: 256,
    blocks: pair(
      [
        '4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d',
        '4803333037c1c0bf',
        '88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a69707738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d6167653d333630303b2076657273696f6e3d31',
      ],
      responses,
    ),
  },
  {
    name: 'C.6, responses with Huffman coding, evicting',
    maxTableBytes: 256,
    blocks: pair(
      [
        '488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad171863c78f0b97c8e9ae82ae43d3',
        '4883640effc1c0bf',
        '88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
      ],
      responses,
    ),
  },
];

for (const { name, maxTableBytes, blocks } of examples) {
  test(`(29) RFC 7541 ${name}, is decoded as the RFC says`, (t) => {
    const decoder = new HeaderShapes({ seed: 1 }).createDecoder({ maxTableBytes });
    for (const { hex, fields } of blocks) {
      const bytes = Buffer.from(hex, 'hex');
      const block = decoder.decode(bytes, 0, bytes.length);
      t.deepEqual(byName(block?.entries() ?? []), byName(fields));
      const size = fields.reduce((sum, [field, value]) => sum + field.length + value.length + 32, 0);
      t.is(decoder.listBytes, size, 'the size of section 4.1');
    }
  });
}

test('(29) RFC 7541 C.1: integers are written as the RFC says', (t) => {
  const write = (bits: number, value: number) => {
    const out = Buffer.alloc(8);
    return out.subarray(0, writeInteger(out, 0, 0, bits, value)).toString('hex');
  };
  t.is(write(5, 10), '0a');
  t.is(write(5, 1337), '1f9a0a');
  t.is(write(8, 42), '2a');
  t.is(write(7, 127), '7f00');
  t.is(write(7, 128), '7f01');
});

const errors: readonly (readonly [what: string, block: Buffer, reason: RegExp])[] = [
  ['index 0 (section 6.1)', Buffer.from('80', 'hex'), /index 0 /],
  ['an index beyond both tables (section 2.3.3)', indexed(62), /index 62 is beyond the table/],
  ['a name index beyond both tables', literal('incremental', 70, 'v'), /index 70 is beyond the table/],
  ['an integer without an end (section 5.1)', Buffer.from('ffffffffffffffff', 'hex'), /an integer is too large/],
  ['an integer above 2^28', Buffer.from('ff8080808001', 'hex'), /an integer is too large/],
  ['an integer that is cut off', Buffer.from('ff80', 'hex'), /cut off/],
  ['a name that is cut off', Buffer.from('400561', 'hex'), /cut off/],
  ['a value that is cut off', Buffer.from('4001610562', 'hex'), /cut off/],
  ['a literal without a value', Buffer.from('400161', 'hex'), /cut off/],
  ['a literal without a name', Buffer.from('40', 'hex'), /cut off/],
  ['padding longer than seven bits (section 5.2)', Buffer.from('40016182' + '1fff', 'hex'), /wrongly coded/],
  ['padding with a zero in it', Buffer.from('40016181' + '18', 'hex'), /wrongly coded/],
  ['the end-of-string symbol in a value', Buffer.from('40016184' + 'ffffffff', 'hex'), /wrongly coded/],
  ['the end-of-string symbol in a name', Buffer.from('4084' + 'ffffffff' + '0161', 'hex'), /wrongly coded/],
  ['a size update above the limit (section 6.3)', Buffer.from('3fe21f', 'hex'), /update to 4097 exceeds/],
  ['a size update behind a field (section 4.2)', Buffer.from('8220', 'hex'), /behind a field/],
  ['a third size update', Buffer.from('20202082', 'hex'), /more than two/],
];

for (const [what, block, reason] of errors) {
  test(`(32, 33) a block with ${what} is a compression error, and none is decoded after it`, (t) => {
    const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
    t.is(decoder.decode(block, 0, block.length), null);
    t.regex(decoder.error ?? '', reason);
    t.is(decoder.decode(Buffer.from('82', 'hex'), 0, 1), null);
  });
}

test('(32) after a lowered SETTINGS_HEADER_TABLE_SIZE the next block must begin with an update (RFC 9113 section 4.3.1)', (t) => {
  const lowered = () => {
    const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
    decoder.setMaxTableBytes(100);
    decoder.setMaxTableBytes(4096);
    return decoder;
  };
  const decode = (hex: string) => {
    const decoder = lowered();
    const bytes = Buffer.from(hex, 'hex');
    return decoder.decode(bytes, 0, bytes.length)?.value(':method') ?? decoder.error;
  };
  t.regex(decode('82') ?? '', /no table size update to 100 or less/);
  t.regex(decode('3fe11f82') ?? '', /no table size update to 100 or less/);
  t.is(decode('203fe11f82'), 'GET');
  t.is(decode('3f4582'), 'GET');
});

test('a table size of zero keeps nothing, and empties what was kept', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder();
  const run = (...pieces: Buffer[]) => {
    const bytes = Buffer.concat(pieces);
    return decoder.decode(bytes, 0, bytes.length)?.entries() ?? decoder.error;
  };
  t.deepEqual(run(literal('incremental', 'a', '1')), [['a', '1']]);
  t.deepEqual(run(Buffer.from('20', 'hex'), literal('incremental', 'a', '2')), [['a', '2']]);
  t.is(run(indexed(62)), 'index 62 is beyond the table');
});

test('an entry larger than the table empties it (section 4.4)', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder({ maxTableBytes: 64 });
  const run = (block: Buffer) => decoder.decode(block, 0, block.length)?.entries() ?? decoder.error;
  t.deepEqual(run(literal('incremental', 'a', '1')), [['a', '1']]);
  t.deepEqual(run(indexed(62)), [['a', '1']]);
  const large = 'x'.repeat(40);
  t.deepEqual(run(literal('incremental', 'a', large)), [['a', large]]);
  t.is(run(indexed(62)), 'index 62 is beyond the table');
});

test('a literal may take its name from the very entry that it evicts (section 4.4)', (t) => {
  const decoder = new HeaderShapes({ seed: 1 }).createDecoder({ maxTableBytes: 64 });
  const run = (block: Buffer) => decoder.decode(block, 0, block.length)?.entries() ?? decoder.error;
  run(literal('incremental', 'name', 'first'));
  t.deepEqual(run(literal('incremental', 62, 'x'.repeat(24))), [['name', 'x'.repeat(24)]]);
  t.deepEqual(run(indexed(62)), [['name', 'x'.repeat(24)]]);
  t.is(run(indexed(63)), 'index 63 is beyond the table');
});
