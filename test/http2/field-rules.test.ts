// Which blocks are malformed (RFC 9113 sections 8.2 and 8.3), at first sight, when memoised, and in holes.

import test from 'ava';
import type { BlockKind } from '../../agent/http2/header-contract.ts';
import { HeaderShapes } from '../../agent/http2/header-shapes.ts';
import { literal } from './hpack-reference.ts';

type Entries = readonly (readonly [name: string, value: string])[];

/** The problem of a block as its first, second … occurrence and as a block of never-indexed fields. */
function problems(kind: BlockKind, fields: Entries): Set<string | null> {
  const shapes = new HeaderShapes({ seed: 1 });
  const decoder = shapes.createDecoder();
  const found = new Set<string | null>();
  for (const form of ['plain', 'plain', 'plain', 'plain', 'never', 'incremental'] as const) {
    for (const isHuffman of [false, true]) {
      const wire = Buffer.concat(fields.map(([name, value]) => literal(form, name, value, isHuffman)));
      const block = decoder.decode(wire, 0, wire.length);
      found.add(block === null ? decoder.error : block.problem(kind));
      if (block !== null) found.add(block.retain().problem(kind));
    }
  }
  return found;
}

const request: Entries = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/a/b'],
  [':authority', 'a:80'],
];
const without = (name: string): Entries => request.filter(([n]) => n !== name);
const replaced = (name: string, value: string): Entries => request.map(([n, v]) => [n, n === name ? value : v]);

const sound: readonly (readonly [what: string, kind: BlockKind, fields: Entries])[] = [
  ['a gRPC request', 'request', [...request, ['te', 'trailers'], ['content-type', 'application/grpc']]],
  ['a request without :authority', 'request', without(':authority')],
  ['a request with host in another case', 'request', [...request, ['host', 'A:80']]],
  ['a request with a query', 'request', replaced(':path', '/a?b=c')],
  ['OPTIONS *', 'request', [...replaced(':path', '*').filter(([n]) => n !== ':method'), [':method', 'OPTIONS']]],
  ['a response', 'response', [[':status', '200']]],
  ['an informational response', 'response', [[':status', '103']]],
  ['trailers', 'trailers', [['grpc-status', '0']]],
  ['empty trailers', 'trailers', []],
  [
    'equal content-lengths',
    'response',
    [
      [':status', '200'],
      ['content-length', '5'],
      ['content-length', '5'],
    ],
  ],
  ['bytes above 0x7f in a value', 'trailers', [['x-a', '\x80\xff']]],
  ['a tab inside a value', 'trailers', [['x-a', 'a\tb']]],
];

for (const [what, kind, fields] of sound) {
  test(`${what} is sound as ${kind}`, (t) => {
    t.deepEqual([...problems(kind, fields)], [null]);
  });
}

const malformed: readonly (readonly [what: string, kind: BlockKind, fields: Entries, reason: RegExp])[] = [
  ['an upper-case name (8.2.1)', 'trailers', [['X-Up', '1']], /^field name 'X-Up' has an upper-case letter$/],
  ['an empty name (8.2.1)', 'trailers', [['', '1']], /^field name '' is empty$/],
  ['a space in a name (8.2.1)', 'trailers', [['a b', '1']], /^field name 'a\\x20b' has a byte that no name may have$/],
  ['a byte above 0x7e in a name (8.2.1)', 'trailers', [['a\xe9', '1']], /'a\\xe9' has a byte/],
  ['a colon inside a name (8.2.1)', 'trailers', [['a:b', '1']], /^field name 'a:b' has a colon inside$/],
  ['NUL in a value (8.2.1)', 'trailers', [['x-a', 'a\0b']], /^the value of 'x-a' has NUL/],
  ['CR in a value (8.2.1)', 'trailers', [['x-a', 'a\rb']], /^the value of 'x-a' has/],
  ['LF in a varying value (8.2.1)', 'trailers', [['traceparent', 'a\nb']], /^the value of 'traceparent' has/],
  ["a space at a value's start (8.2.1)", 'trailers', [['x-a', ' a']], /^the value of 'x-a' has/],
  ["a tab at a value's end (8.2.1)", 'trailers', [['x-a', 'a\t']], /^the value of 'x-a' has/],
  ['a value that is one space (8.2.1)', 'trailers', [['x-a', ' ']], /^the value of 'x-a' has/],
  ['connection (8.2.2)', 'request', [...request, ['connection', 'close']], /^'connection' is a field of HTTP\/1\.1/],
  [
    'keep-alive (8.2.2)',
    'response',
    [
      [':status', '200'],
      ['keep-alive', 'x'],
    ],
    /^'keep-alive' is a field/,
  ],
  ['proxy-connection (8.2.2)', 'request', [...request, ['proxy-connection', 'x']], /^'proxy-connection' is/],
  ['transfer-encoding (8.2.2)', 'request', [...request, ['transfer-encoding', 'chunked']], /^'transfer-encoding' is/],
  ['upgrade (8.2.2)', 'request', [...request, ['upgrade', 'h2c']], /^'upgrade' is/],
  ['http2-settings (8.2.2)', 'request', [...request, ['http2-settings', 'x']], /^'http2-settings' is/],
  ['te that is not trailers (8.2.2)', 'request', [...request, ['te', 'gzip']], /^'te' says something else than/],
  ['a pseudo-field after a regular one (8.3)', 'request', [['x-a', '1'], ...request], /^a pseudo-field stands after/],
  [
    'an unknown pseudo-field (8.3)',
    'request',
    [...request, [':protocol', 'x']].sort() as Entries,
    /':protocol' does not/,
  ],
  ['a pseudo-field in trailers (8.1)', 'trailers', [[':status', '200']], /^pseudo-field ':status' stands in trailers$/],
  [
    ':status in a request (8.3.1)',
    'request',
    [...request, [':status', '200']],
    /':status' does not belong in a request/,
  ],
  [
    ':path in a response (8.3.2)',
    'response',
    [
      [':status', '200'],
      [':path', '/'],
    ],
    /':path' does not belong in a resp/,
  ],
  ['no :method (8.3.1)', 'request', without(':method'), /^':method' is missing$/],
  ['no :scheme (8.3.1)', 'request', without(':scheme'), /^':scheme' is missing$/],
  ['no :path (8.3.1)', 'request', without(':path'), /^':path' is missing$/],
  ['no :status (8.3.2)', 'response', [['x-a', '1']], /^':status' is missing$/],
  ['two :path (8.3.1)', 'request', [...request, [':path', '/a/b']], /^':path' stands there twice$/],
  ['two :authority (8.3.1)', 'request', [...request, [':authority', 'a:80']], /^':authority' stands there twice$/],
  [
    'two :status (8.3.2)',
    'response',
    [
      [':status', '200'],
      [':status', '200'],
    ],
    /^':status' stands there twice$/,
  ],
  ['two host (8.3.1)', 'request', [...request, ['host', 'a:80'], ['host', 'a:80']], /^'host' stands there twice$/],
  ['an empty :path (8.3.1)', 'request', replaced(':path', ''), /^':path' does not begin with a slash$/],
  ['a :path without a slash (8.3.1)', 'request', replaced(':path', 'a/b'), /^':path' does not begin with a slash$/],
  ['a :path with a fragment (8.3.1)', 'request', replaced(':path', '/a#b'), /^':path' has a space/],
  ['a :path with a space', 'request', replaced(':path', '/a b'), /^':path' has a space/],
  ['POST *', 'request', replaced(':path', '*'), /^':path' is \* without the method OPTIONS$/],
  ['an empty :method', 'request', replaced(':method', ''), /^':method' is not a method$/],
  ['a :method with a space', 'request', replaced(':method', 'GET /'), /^':method' is not a method$/],
  ['CONNECT', 'request', replaced(':method', 'CONNECT'), /^':method' is CONNECT/],
  ['an empty :scheme', 'request', replaced(':scheme', ''), /^':scheme' is not a scheme$/],
  ['userinfo in :authority (8.3.1)', 'request', replaced(':authority', 'me@a:80'), /^':authority' is more than a host/],
  ['userinfo in host', 'request', [...without(':authority'), ['host', 'me@a']], /^'host' is more than a host/],
  ['host that differs (8.3.1)', 'request', [...request, ['host', 'b:80']], /^'host' differs from ':authority'$/],
  ['a :status of two digits', 'response', [[':status', '20']], /^':status' is not a number of three digits$/],
  ['a :status of letters', 'response', [[':status', '2oo']], /^':status' is not a number of three digits$/],
  ['101 (8.6)', 'response', [[':status', '101']], /^':status' is 101/],
  ['a content-length that is no number', 'request', [...request, ['content-length', '+5']], /^'content-length' is not/],
  [
    'two content-lengths that differ',
    'request',
    [...request, ['content-length', '5'], ['content-length', '6']],
    /twice/,
  ],
];

for (const [what, kind, fields, reason] of malformed) {
  test(`${what} makes a ${kind} malformed, each time it is seen`, (t) => {
    const found = [...problems(kind, fields)];
    t.is(found.length, 1, `one answer, not ${JSON.stringify(found)}`);
    t.regex(found[0] ?? '', reason);
  });
}

test('a long or unprintable name is quoted in bounded, printable form', (t) => {
  const [problem] = problems('trailers', [[`\x00${'N'.repeat(5000)}`, '1']]);
  t.regex(problem ?? '', /^field name '\\x00N{63}\.\.\.' /);
});
