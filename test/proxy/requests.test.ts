// What of a request reaches the endpoint, byte for byte, and what never does (http2.md section 2, "Framing", "HPACK" and
// "Requests", and section 6, "Malformed fields"): a raw client, a data plane, a raw endpoint.
import test, { type ExecutionContext } from 'ava';
import type { ServingResource } from '../../xds/model/resource.ts';
import { literal, ReferenceDecoder } from '../http2/hpack-reference.ts';
import { data, encodeFields, type Fields, flag, frame, type H2Peer, headers, request } from '../support/h2-peer.ts';
import { field, fieldsNamed, okResponse, okTrailers, responseHead, startRawMesh } from '../support/raw-mesh.ts';
import { forward, plainMesh, route, routeConfiguration } from '../support/resources.ts';

const { endStream, endHeaders } = flag;

async function pair(t: ExecutionContext, resources?: (endpointPort: number) => readonly ServingResource[]) {
  const mesh = await startRawMesh(t, resources);
  const client = await mesh.client();
  return { mesh, client };
}

/** The head of a whole request with these fields, as the endpoint sees it. */
async function seenHead(t: ExecutionContext, fields: Fields) {
  const { mesh, client } = await pair(t);
  client.send(headers(1, fields, endStream));
  const upstream = await mesh.upstream();
  return upstream.expect('HEADERS', 1);
}

function without(name: string): Fields {
  return request().filter(([other]) => other !== name);
}

test('(15) flags that nobody knows are ignored, and are not handed on', async (t) => {
  const { mesh, client } = await pair(t);
  const unknown = 0xc2;
  client.send(
    frame('HEADERS', endHeaders | unknown, 1, encodeFields(request())),
    frame('DATA', unknown, 1, Buffer.from('some')),
    frame('DATA', endStream | unknown, 1, Buffer.from('more')),
  );
  const upstream = await mesh.upstream();
  t.is((await upstream.expect('HEADERS', 1)).flags, endHeaders);
  await upstream.expect('DATA', 1, (last) => last.endStream);
  t.is(upstream.body(1).toString(), 'somemore');
  t.true(upstream.received.every(({ flags }) => (flags & unknown) === 0));
});

test('(34, 35) what came as never-indexed, credentials and cookies leave as never-indexed; what varies is not kept', async (t) => {
  const { mesh, client } = await pair(t);
  const kept = new ReferenceDecoder();
  const more: Fields = [
    ['authorization', 'Bearer abc'],
    ['cookie', 'a=b'],
    ['grpc-timeout', '9S'],
    ['traceparent', '00-00000000000000000000000000000001-0000000000000001-00'],
    ['x-raw-bin', 'AAEC'],
  ];
  const block = Buffer.concat([encodeFields([...request(), ...more]), literal('never', 'x-hush', 'quiet')]);
  const upstream = mesh.upstream();
  for (let id = 1; id < 9; id += 2) {
    client.send(frame('HEADERS', endHeaders | endStream, id, block));
    const { payload } = await (await upstream).expect('HEADERS', id);
    const fields = kept.decode(payload);
    const secret = fields.filter(({ isNeverIndexed }) => isNeverIndexed).map(({ name }) => name);
    t.deepEqual(secret.sort(), ['authorization', 'cookie', 'x-hush', 'x-raw-bin']);
    (await upstream).send(okResponse(id));
    await client.expect('HEADERS', id);
  }
  const names = kept.table.entries.map(([name]) => name);
  t.true(names.includes('te') || names.includes('content-type'), 'something is kept');
  for (const [name] of [...more, ['x-hush']]) t.false(names.includes(name!), name);
});

test('(37) bytes from 0x80 to 0xff pass both ways as they are', async (t) => {
  const { mesh, client } = await pair(t);
  const bytes = String.fromCharCode(...Array.from({ length: 128 }, (_, i) => 0x80 + i));
  client.send(headers(1, [...request(), ['x-latin', bytes]], endStream));
  const upstream = await mesh.upstream();
  t.is(field((await upstream.expect('HEADERS', 1)).fields, 'x-latin'), bytes);
  upstream.send(headers(1, [...responseHead, ['x-latin', bytes], ['grpc-status', '0']], endStream));
  t.is(field((await client.expect('HEADERS', 1)).fields, 'x-latin'), bytes);
});

test('(38) fields of one name stay in their order, and crumbled cookies are not lost', async (t) => {
  const { fields } = await seenHead(t, [
    ...request(),
    ['x-list', 'c'],
    ['cookie', 'one=1'],
    ['x-other', '-'],
    ['x-list', 'a'],
    ['cookie', 'two=2'],
    ['x-list', 'b'],
    ['x-list', 'a'],
  ]);
  t.deepEqual(fieldsNamed(fields, 'x-list'), ['c', 'a', 'b', 'a']);
  t.is(fieldsNamed(fields, 'cookie').join('; '), 'one=1; two=2');
});

test('(43) a host that stands in for a missing :authority becomes one, and one that repeats it is dropped (8.3.1, A41)', async (t) => {
  for (const fields of [
    [...without(':authority'), ['host', 'echo.test']],
    [...request(), ['host', 'ECHO.test']],
  ] as Fields[]) {
    const { mesh, client } = await pair(t, (port) => [
      ...plainMesh('echo', 'outbound', [port]),
      { type: 'route', value: routeConfiguration('echo-routes', { 'echo.test': [route(forward('echo'))] }) },
    ]);
    client.send(headers(1, fields, endStream));
    const head = await (await mesh.upstream()).expect('HEADERS', 1);
    t.is(field(head.fields, ':authority'), 'echo.test');
    t.is(field(head.fields, 'host'), undefined);
  }
});

test('(45) every content-type of gRPC passes as it is, with its parameters', async (t) => {
  for (const type of [
    'application/grpc',
    'application/grpc+proto',
    'application/grpc+x',
    'application/grpc;charset=utf-8',
  ]) {
    const { fields } = await seenHead(t, [...without('content-type'), ['content-type', type]]);
    t.is(field(fields, 'content-type'), type);
    t.is(field(fields, 'te'), 'trailers');
  }
});

test('(46) a method other than POST passes: it is for the endpoint to refuse it', async (t) => {
  const { fields } = await seenHead(t, [[':method', 'GET'], ...without(':method')]);
  t.is(field(fields, ':method'), 'GET');
});

test('(52) a request that ends with its HEADERS ends with them at the endpoint too', async (t) => {
  const { mesh, client } = await pair(t);
  client.send(headers(1, request(), endStream));
  const upstream = await mesh.upstream();
  t.true((await upstream.expect('HEADERS', 1)).endStream);
  await upstream.roundTrip();
  t.is(upstream.count('DATA', 1), 0);
});

test('(51) the flag of a compressed message, and its bytes, pass both ways as they are', async (t) => {
  const { mesh, client } = await pair(t);
  const zipped = Buffer.from([1, 0, 0, 0, 4, 0x1f, 0x8b, 0x08, 0x00]);
  client.send(headers(1, [...request(), ['grpc-encoding', 'gzip']]), data(1, zipped, endStream));
  const upstream = await mesh.upstream();
  t.is(field((await upstream.expect('HEADERS', 1)).fields, 'grpc-encoding'), 'gzip');
  await upstream.expect('DATA', 1, (last) => last.endStream);
  t.deepEqual(upstream.body(1), zipped);
  upstream.send(headers(1, [...responseHead, ['grpc-encoding', 'gzip']]), data(1, zipped), okTrailers(1));
  t.is(field((await client.expect('HEADERS', 1)).fields, 'grpc-encoding'), 'gzip');
  await client.expect('HEADERS', 1, (last) => last.endStream);
  t.deepEqual(client.body(1), zipped);
});

test('(48) fields that gRPC reserves pass both ways, whether anybody here knows them or not', async (t) => {
  const { mesh, client } = await pair(t);
  const reserved: Fields = [
    ['grpc-previous-rpc-attempts', '1'],
    ['grpc-retry-pushback-ms', '250'],
    ['grpc-tags-bin', 'AAEC'],
    ['grpc-trace-bin', 'AAAC'],
    ['grpc-status-details-bin', 'CAUSBG5vcGU'],
    ['grpc-of-tomorrow', 'x'],
  ];
  client.send(headers(1, [...request(), ...reserved], endStream));
  const upstream = await mesh.upstream();
  const { fields } = await upstream.expect('HEADERS', 1);
  for (const [name, value] of reserved) t.is(field(fields, name), value, name);
  const ending: Fields = [['grpc-status', '5'], ...reserved];
  upstream.send(headers(1, [...responseHead, ...reserved]), headers(1, ending, endStream));
  const head = await client.expect('HEADERS', 1);
  const trailers = await client.expect('HEADERS', 1);
  for (const [name, value] of reserved) {
    t.is(field(head.fields, name), value, name);
    t.is(field(trailers.fields, name), value, name);
  }
});

test('(54) a message may be cut anywhere, its length too: the endpoint gets the same bytes', async (t) => {
  const { mesh, client } = await pair(t);
  const message = Buffer.from([0, 0, 0, 0, 3, 97, 98, 99]);
  const upstream = mesh.upstream();
  for (let cut = 0; cut <= message.length; cut++) {
    const id = 2 * cut + 1;
    client.send(
      headers(id, request()),
      data(id, message.subarray(0, cut)),
      data(id, message.subarray(cut)),
      data(id, message, endStream),
    );
    await (await upstream).expect('DATA', id, (last) => last.endStream);
    t.deepEqual((await upstream).body(id), Buffer.concat([message, message]));
    (await upstream).send(okResponse(id));
    await client.expect('HEADERS', id);
  }
});

test('(55) trailers of a request reach the endpoint', async (t) => {
  const { mesh, client } = await pair(t);
  client.send(headers(1, request()), data(1, 'body'), headers(1, [['x-sum', '7']], endStream));
  const upstream = await mesh.upstream();
  await upstream.expect('HEADERS', 1);
  const trailers = await upstream.expect('HEADERS', 1);
  t.deepEqual(trailers.fields, [['x-sum', '7']]);
  t.true(trailers.endStream);
  t.is(upstream.body(1).toString(), 'body');
});

/** How requests may be malformed: those that today's proxies were seen to hand on, and the rest of section 8. */
const malformed: Readonly<Record<string, Fields>> = {
  'a space before a value': [...request(), ['x', ' a']],
  'a space behind a value': [...request(), ['x', 'a ']],
  'a tab before a value': [...request(), ['x', '\ta']],
  'a tab behind a value': [...request(), ['x', 'a\t']],
  'a line break in a value': [...request(), ['x', 'a\nb']],
  'a zero byte in a value': [...request(), ['x', 'a\0b']],
  'an upper-case name': [...request(), ['X-Name', 'a']],
  'a space in a name': [...request(), ['x name', 'a']],
  'an empty name': [...request(), ['', 'a']],
  connection: [...request(), ['connection', 'close']],
  'keep-alive': [...request(), ['keep-alive', '5']],
  'proxy-connection': [...request(), ['proxy-connection', 'close']],
  'transfer-encoding': [...request(), ['transfer-encoding', 'chunked']],
  upgrade: [...request(), ['upgrade', 'h2c']],
  'http2-settings': [...request(), ['http2-settings', 'AAMAAABkAAQAAP__']],
  'te with more than trailers': [...without('te'), ['te', 'trailers, gzip']],
  'userinfo in :authority': [[':authority', 'me:pw@echo.test'], ...without(':authority')],
  'a host that differs': [...request(), ['host', 'other.test']],
  'two hosts': [...request(), ['host', 'echo.test'], ['host', 'echo.test']],
  'two authorities': [[':authority', 'echo.test'], ...request()],
  'a fragment in :path': [[':path', '/test.Echo/Call#x'], ...without(':path')],
  'a space in :path': [[':path', '/test.Echo/Call x'], ...without(':path')],
  '(44) :path without its slash': [[':path', 'test.Echo/Call'], ...without(':path')],
  'an empty :path': [[':path', ''], ...without(':path')],
  'no :scheme': without(':scheme'),
  'a pseudo-field behind a regular one': [...without(':path'), [':path', '/test.Echo/Call']],
  'a pseudo-field of responses': [[':status', '200'], ...request()],
  'an unknown pseudo-field': [[':protocol', 'x'], ...request()],
  'content-length without content': [...request(), ['content-length', '5']],
  'a negative content-length': [...request(), ['content-length', '-1']],
  'two lengths': [...request(), ['content-length', '0'], ['content-length', '1']],
};

/** Nothing of stream 1 reached the endpoint, and the connection and its neighbour 3 live on. */
async function onlyNeighbourArrives(t: ExecutionContext, client: H2Peer, upstream: H2Peer, what: string) {
  t.is((await client.expect('RST_STREAM', 1)).code, 1, what);
  client.send(headers(3, [...request(), ['x-sound', 'yes']], endStream));
  const { fields, streamId } = await upstream.expect('HEADERS');
  t.is(field(fields, 'x-sound'), 'yes', what);
  upstream.send(okResponse(streamId));
  t.is(field((await client.expect('HEADERS', 3)).fields, 'grpc-status'), '0', what);
}

test('(39, 40, 41, 43, 44, 50) a malformed request is reset with PROTOCOL_ERROR, and nothing of it is handed on (section 6, malformed fields)', async (t) => {
  const mesh = await startRawMesh(t);
  // A first call, so that the connection to the endpoint is there.
  const first = await mesh.client();
  first.send(headers(1, request(), endStream));
  const upstream = await mesh.upstream();
  await upstream.expect('HEADERS', 1);
  for (const [what, fields] of Object.entries(malformed)) {
    const client = await mesh.client();
    client.send(headers(1, fields, endStream));
    await onlyNeighbourArrives(t, client, upstream, what);
    client.socket.destroy();
  }
});

test('(74) a content-length that lies ends the call at both sides, whichever frame ends the request', async (t) => {
  const endings: Readonly<Record<string, readonly Buffer[]>> = {
    'DATA that is short': [data(1, 'four', endStream)],
    'trailers behind too little': [data(1, 'four'), headers(1, [['x', 'y']], endStream)],
    'DATA that is long': [data(1, 'fourfour')],
  };
  for (const [what, frames] of Object.entries(endings)) {
    const { mesh, client } = await pair(t);
    client.send(headers(1, [...request(), ['content-length', '5']]));
    const upstream = await mesh.upstream();
    await upstream.expect('HEADERS', 1);
    client.send(...frames);
    t.is((await client.expect('RST_STREAM', 1)).code, 1, what);
    t.is((await upstream.expect('RST_STREAM', 1)).code, 8, what);
    t.true(
      upstream.received.every((last) => last.streamId !== 1 || !last.endStream),
      what,
    );
  }
});
