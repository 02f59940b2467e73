// Header shapes, attacked on their own: clients that send names, values and orders without end, often enough to be
// shared, on one connection after the other. What another client's calls are on the wire to the endpoint, and which
// shapes they have, must not depend on that.
import test from 'ava';
import { HeaderShapes } from '../../agent/http2/index.ts';
import {
  encodeFields,
  type Fields,
  flag,
  H2Peer,
  headers,
  request,
  settings,
  settingsAck,
  windowUpdate,
} from '../support/h2-peer.ts';
import { UNARY } from './flood.ts';
import { startTargetBefore } from './target.ts';

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');
const innocentFields = (i: number): Fields => [
  ...request('/test.Innocent/Call'),
  ['user-agent', 'grpc-js/1.14'],
  ['x-tenant', 'blue'],
  ['traceparent', `00-${hex(i, 32)}-${hex(i, 16)}-01`],
];
/** Those of them that are in no static table and always the same. */
const indexedFields = 6;
/** Each block is one that was never seen; with `kind` it is its names, its values or its combinations that are new. */
const hostileFields = (kind: number, i: number): Fields => {
  if (kind === 0) return [...request(UNARY), [`x-${i}-a`, 'v'], [`x-${i}-b`, 'v'], [`x-${i}-c`, 'v']];
  if (kind === 1) return [...request(`/test.Hostile/${i}`), ['x-a', `v${i}`], ['x-b', `v${i}`], ['x-c', `v${i}`]];
  const bits = [...hex(i, 4)].flatMap((digit, at) => [[`x-bit-${at}`, digit] as const]);
  return [...request(UNARY), ...bits];
};

/** An endpoint that answers every call, and remembers how many bytes the block of each innocent one had. */
async function answer(endpoint: H2Peer, blocks: number[]): Promise<void> {
  endpoint.send(settings([3, 10_000]), settingsAck(), windowUpdate(0, 0x7000_0000));
  for (;;) {
    const call = await endpoint.expect('HEADERS').catch(() => null);
    if (call === null) return;
    if (call.fields.some(([, value]) => value === '/test.Innocent/Call')) blocks.push(call.payload.length);
    endpoint.send(
      headers(
        call.streamId,
        [
          [':status', '200'],
          ['grpc-status', '0'],
        ],
        flag.endStream,
      ),
    );
  }
}

test('what an innocent client costs on the wire to the endpoint stays, whatever others send', async (t) => {
  const listening = await H2Peer.listen();
  const target = await startTargetBefore(t, [listening.port], listening.close);
  const innocent = await H2Peer.ready(target.port);
  const blocks: number[] = [];
  let calls = 0;
  const call = async (): Promise<number> => {
    const id = 2 * calls + 1;
    innocent.send(headers(id, innocentFields(calls++), flag.endStream));
    await innocent.expect('HEADERS', id);
    return blocks.at(-1) ?? 0;
  };
  const first = call();
  const endpoint = await listening.next();
  t.teardown(() => endpoint.socket.destroy());
  t.teardown(() => innocent.socket.destroy());
  void answer(endpoint, blocks);
  await first;
  for (let i = 0; i < 20; i++) await call();
  const quiet = await call();
  let block = 0;
  for (let connection = 0; connection < 24; connection++) {
    const hostile = await H2Peer.ready(target.port);
    for (let i = 0; i < 120; i++) {
      const fields = hostileFields(connection % 3, block++);
      // Twice, so that they might be shared.
      hostile.send(headers(4 * i + 1, fields, flag.endStream), headers(4 * i + 3, fields, flag.endStream));
    }
    await hostile.expect('HEADERS', 479);
    const bytes = await call();
    // In a full table an index takes two bytes (RFC 7541 section 5.1); no field of an innocent ever leaves it.
    t.true(
      bytes >= quiet && bytes <= quiet + indexedFields,
      `${bytes} behind ${block} hostile blocks, ${quiet} before`,
    );
    hostile.socket.destroy();
  }
  t.deepEqual(target.errors(), []);
});

test('the shape of an innocent client stays the same object, and the tables stay bounded', (t) => {
  const shapes = new HeaderShapes({ seed: 1, maxShapes: 4096, maxInternedFields: 8192 });
  const innocent = shapes.createDecoder();
  const shapeOf = (i: number): object => {
    const bytes = encodeFields(innocentFields(i));
    return innocent.decode(bytes, 0, bytes.length)!.shape;
  };
  for (let i = 0; i < 5; i++) shapeOf(i);
  const quiet = shapeOf(5);
  const seen = new Set<object>();
  let block = 0;
  for (let connection = 0; connection < 60; connection++) {
    const hostile = shapes.createDecoder();
    for (let i = 0; i < 200; i++) {
      const bytes = encodeFields(hostileFields(connection % 3, block++));
      for (let sight = 0; sight < 2; sight++) t.truthy(hostile.decode(bytes, 0, bytes.length));
    }
    seen.add(shapeOf(100 + connection));
  }
  // 256 entries a connection, so it takes 32 of them to have the tables begun anew for all: here once, or twice. Each
  // time a field and the shape are shared again on second sight.
  t.true(seen.has(quiet));
  t.true(seen.size <= 6, `${seen.size} shapes of 60`);
});
