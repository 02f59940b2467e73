import test from 'ava';
import { createCallHeadMemo, readCallHead } from '../../agent/grpc/call-head.ts';
import { HeaderShapes } from '../../agent/http2/index.ts';

const shapes = new HeaderShapes();
const memo = createCallHeadMemo(shapes);

const request: [string, string][] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/shop.Orders/Place?trace=1'],
  [':authority', 'Orders.example:8080'],
  ['content-type', 'application/grpc+proto'],
];

test('a head says path, method, authority and content-type as they came', (t) => {
  const block = shapes.block(request);
  for (let time = 0; time < 2; time++) {
    const head = readCallHead(block, memo);
    t.is(head.path, '/shop.Orders/Place?trace=1');
    t.is(head.method, 'shop.Orders/Place');
    t.is(head.authority, 'Orders.example:8080');
    t.is(head.contentType, 'application/grpc+proto');
    t.true(head.isGrpc);
    t.is(head.block, block);
  }
});

test('what is a hole is read for each call', (t) => {
  const block = shapes.block(request);
  const edit = shapes.edit({ set: [{ name: ':path' }, { name: ':authority' }, { name: 'content-type' }] });
  const heads = ['a', 'b'].map((word) =>
    readCallHead(
      block.edit(
        edit,
        [`/p.S/${word}?q`, word, `text/${word}`].map((text) => Buffer.from(text)),
      ),
      memo,
    ),
  );
  t.deepEqual(
    heads.map(({ path, method, authority, contentType, isGrpc }) => [path, method, authority, contentType, isGrpc]),
    [
      ['/p.S/a?q', 'p.S/a', 'a', 'text/a', false],
      ['/p.S/b?q', 'p.S/b', 'b', 'text/b', false],
    ],
  );
});

test('the host field stands in for an authority that is missing (gRFC A41)', (t) => {
  const withHost = shapes.block([
    [':path', '/'],
    ['host', 'orders'],
  ]);
  t.is(readCallHead(withHost, memo).authority, 'orders');
  t.is(readCallHead(shapes.block([[':path', '/']]), memo).authority, '');
});

test('gRPC is application/grpc, alone or followed by a subtype or a parameter (PROTOCOL-HTTP2)', (t) => {
  const isGrpc = (contentType: string): boolean =>
    readCallHead(shapes.block([['content-type', contentType]]), memo).isGrpc;
  for (const type of ['application/grpc', 'application/grpc+json', 'application/grpc;charset=utf-8'])
    t.true(isGrpc(type));
  for (const type of ['application/grpc-web', 'application/grpcx', 'application/json', '']) t.false(isGrpc(type));
  t.false(readCallHead(shapes.block([[':path', '/']]), memo).isGrpc);
});
