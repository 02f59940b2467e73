// What of a response reaches the client, and what the agent makes of one that breaks the rules (http2.md section 2,
// "Responses", and section 6): a raw client, a data plane, a raw endpoint.
import test, { type ExecutionContext } from 'ava';
import { StatsReader } from '../../agent/stats/stats-reader.ts';
import {
  data,
  type Fields,
  flag,
  type H2Peer,
  headers,
  paddedData,
  request,
  rstStream,
  windowUpdate,
} from '../support/h2-peer.ts';
import {
  field,
  okResponse,
  okTrailers,
  type RawMesh,
  responseHead,
  setting,
  startRawMesh,
} from '../support/raw-mesh.ts';

const { endStream } = flag;
const NO_ERROR = 0;
const PROTOCOL_ERROR = 1;

interface Pair {
  readonly mesh: RawMesh;
  readonly client: H2Peer;
  readonly upstream: H2Peer;
}

/** A call whose request has arrived at the endpoint: whole, or without its end. */
async function begun(
  t: ExecutionContext,
  own: readonly (readonly [number, number])[] = [],
  flags: number = endStream,
  fields = request(),
): Promise<Pair> {
  const mesh = await startRawMesh(t);
  const client = await mesh.client(...own);
  client.send(headers(1, fields, flags));
  const upstream = await mesh.upstream();
  await upstream.expect('HEADERS', 1);
  return { mesh, client, upstream };
}

test('(66) a status in the first headers of a response with a body passes as it is', async (t) => {
  const { client, upstream } = await begun(t);
  upstream.send(
    headers(1, [...responseHead, ['grpc-status', '0']]),
    data(1, 'body'),
    headers(1, [['grpc-status', '5']], endStream),
  );
  const head = await client.expect('HEADERS', 1);
  t.is(field(head.fields, 'grpc-status'), '0');
  t.false(head.endStream);
  t.deepEqual((await client.expect('HEADERS', 1)).fields, [['grpc-status', '5']]);
  t.is(client.body(1).toString(), 'body');
});

test('(70, 72) a status that gRPC does not know, and a message that is wrongly coded, pass as they are', async (t) => {
  for (const [status, message] of [
    ['99', 'a%zz%'],
    ['-1', ''],
    ['x', '100%'],
    ['00', '%e2%82'],
  ]) {
    const { client, upstream } = await begun(t);
    upstream.send(
      headers(1, responseHead),
      headers(
        1,
        [
          ['grpc-status', status!],
          ['grpc-message', message!],
        ],
        endStream,
      ),
    );
    await client.expect('HEADERS', 1);
    const { fields } = await client.expect('HEADERS', 1);
    t.is(field(fields, 'grpc-status'), status);
    t.is(field(fields, 'grpc-message'), message);
  }
});

test('(68) every HTTP status passes as it is, for the client to map', async (t) => {
  for (const status of ['200', '400', '401', '403', '404', '429', '431', '500', '502', '503', '504']) {
    const { client, upstream } = await begun(t);
    upstream.send(
      headers(
        1,
        [
          [':status', status],
          ['content-type', 'text/html'],
        ],
        endStream,
      ),
    );
    const head = await client.expect('HEADERS', 1);
    t.deepEqual(head.fields, [
      [':status', status],
      ['content-type', 'text/html'],
    ]);
    t.true(head.endStream);
  }
});

test('(67) a response that ends without trailers ends so for the client: nobody makes it an OK', async (t) => {
  const { client, upstream } = await begun(t);
  upstream.send(headers(1, responseHead), data(1, 'half', endStream));
  await client.expect('DATA', 1, (last) => last.endStream);
  await client.roundTrip();
  t.is(client.count('HEADERS', 1), 1);
  t.is(client.count('RST_STREAM', 1), 0);
});

test('(67, 68) a response without a status is counted as its client reads it (http-grpc-status-mapping.md)', async (t) => {
  for (const [httpStatus, counted] of [
    ['200', '2'],
    ['400', '13'],
    ['401', '16'],
    ['403', '7'],
    ['404', '12'],
    ['429', '14'],
    ['503', '14'],
    ['500', '2'],
  ]) {
    const reader = new StatsReader();
    const mesh = await startRawMesh(t, undefined, (stats) => reader.addWorker(0, stats));
    const client = await mesh.client();
    client.send(headers(1, request(), endStream));
    const upstream = await mesh.upstream();
    await upstream.expect('HEADERS', 1);
    const head: Fields = [
      [':status', httpStatus!],
      ['content-type', 'application/grpc'],
    ];
    upstream.send(headers(1, head), data(1, 'half', endStream));
    await client.expect('DATA', 1, (last) => last.endStream);
    await client.roundTrip();
    for (const up of mesh.plane.ups) if (up.kind === 'stats-row') reader.addRow(0, up.row);
    const statuses = reader.rows().flatMap(({ kind, labels }) => (kind === 'call' ? [labels['status']] : []));
    t.deepEqual(statuses, [counted], httpStatus);
  }
});

test('(56) 1xx responses are not taken for the response', async (t) => {
  const { client, upstream } = await begun(t);
  upstream.send(
    headers(1, [[':status', '103']]),
    headers(1, [[':status', '100']]),
    headers(1, responseHead),
    okTrailers(1),
  );
  t.is(field((await client.expect('HEADERS', 1)).fields, ':status'), '200');
  t.is(field((await client.expect('HEADERS', 1)).fields, 'grpc-status'), '0');
});

test('(73) a length without content passes where HTTP allows it: HEAD, 204, 304', async (t) => {
  const plain: Fields = [
    [':scheme', 'http'],
    [':path', '/x'],
    [':authority', 'a'],
  ];
  for (const [method, status] of [
    ['HEAD', '200'],
    ['GET', '204'],
    ['GET', '304'],
  ]) {
    const { client, upstream } = await begun(t, [], endStream, [[':method', method!], ...plain]);
    upstream.send(
      headers(
        1,
        [
          [':status', status!],
          ['content-length', '7'],
        ],
        endStream,
      ),
    );
    const head = await client.expect('HEADERS', 1);
    t.is(field(head.fields, 'content-length'), '7', status);
    t.true(head.endStream);
  }
});

test('(75) an early response is whole, then the client is told to stop, and what it still sends is credited', async (t) => {
  const { client, upstream } = await begun(t, [], 0);
  await client.expect('WINDOW_UPDATE', 0);
  client.send(data(1, 'begun'));
  await upstream.expect('DATA', 1);
  upstream.send(headers(1, responseHead), data(1, 'early'), okTrailers(1));
  t.is((await client.expect('RST_STREAM', 1)).code, NO_ERROR);
  const order = client.received
    .filter(({ streamId }) => streamId === 1)
    .map(({ type, endStream: end }) => `${type}${end ? '.' : ''}`);
  t.deepEqual(order, ['HEADERS', 'DATA', 'HEADERS.', 'RST_STREAM']);
  t.is((await upstream.expect('RST_STREAM', 1)).code, NO_ERROR);
  // What was on its way: more than half of the connection's window, all of which comes back.
  const sent = 40 * 16_384;
  for (let i = 0; i < 40; i++) client.send(data(1, Buffer.alloc(16_384)));
  const update = (await client.expect('WINDOW_UPDATE', 0)).payload.readUInt32BE();
  t.true(update >= 2 ** 19 && update <= sent + 5, `${update}`);
  t.is(upstream.body(1).toString(), 'begun');
  client.send(headers(3, request(), endStream));
  upstream.send(okResponse((await upstream.expect('HEADERS', 3)).streamId));
  await client.expect('HEADERS', 3);
});

test('(75) an early response that the client can not take yet is not cut off by the order to stop', async (t) => {
  const { client, upstream } = await begun(t, [[setting.initialWindow, 0]], 0);
  upstream.send(headers(1, responseHead), data(1, 'early'), okTrailers(1));
  await client.expect('HEADERS', 1);
  await client.roundTrip();
  t.is(client.count('RST_STREAM', 1), 0);
  client.send(data(1, 'still sending'), windowUpdate(1, 100));
  t.is((await client.expect('RST_STREAM', 1)).code, NO_ERROR);
  t.is(client.body(1).toString(), 'early');
  t.is(client.count('HEADERS', 1), 2);
});

test('(76) RST_STREAM(NO_ERROR) behind a whole response does not overtake bytes that the client can not take yet', async (t) => {
  for (const flags of [endStream, 0]) {
    const { client, upstream } = await begun(t, [[setting.initialWindow, 0]], flags);
    upstream.send(headers(1, responseHead), data(1, 'every byte'), okTrailers(1), rstStream(1, NO_ERROR));
    await client.expect('HEADERS', 1);
    await client.roundTrip();
    t.is(client.count('DATA', 1) + client.count('RST_STREAM', 1), 0);
    for (let i = 0; i < 10; i++) {
      client.send(windowUpdate(1, 1));
      await client.expect('DATA', 1);
    }
    const trailers = await client.expect('HEADERS', 1);
    t.true(trailers.endStream);
    t.is(field(trailers.fields, 'grpc-status'), '0');
    t.is(client.body(1).toString(), 'every byte');
  }
});

test('(118) trailers never overtake the DATA before them', async (t) => {
  const { client, upstream } = await begun(t, [[setting.initialWindow, 3]]);
  upstream.send(headers(1, responseHead), data(1, 'abcdef'), okTrailers(1));
  await client.expect('DATA', 1);
  await client.roundTrip();
  t.is(client.count('HEADERS', 1), 1);
  client.send(windowUpdate(1, 3));
  await client.expect('HEADERS', 1, (last) => last.endStream);
  t.is(client.body(1).toString(), 'abcdef');
});

test('(115) padding of an endpoint is not handed on, and does not use up its window', async (t) => {
  const { client, upstream } = await begun(t);
  upstream.send(headers(1, responseHead));
  // More padding than either window: it comes back on receipt.
  for (let i = 0; i < 6000; i++) upstream.send(paddedData(1, 'x', 255));
  upstream.send(okTrailers(1));
  const trailers = await client.expect('HEADERS', 1, (last) => last.endStream);
  t.is(field(trailers.fields, 'grpc-status'), '0');
  t.is(client.body(1).length, 6000);
});

/** What an endpoint may send that breaks the rules, in the place of a response. */
const malformed: Readonly<Record<string, readonly Buffer[]>> = {
  'DATA before HEADERS': [data(1, 'early')],
  'no :status': [headers(1, [['content-type', 'application/grpc']])],
  ':status twice': [headers(1, [[':status', '200'], ...responseHead])],
  ':status of two digits': [headers(1, [[':status', '20']])],
  ':status 101': [headers(1, [[':status', '101']])],
  'a 1xx that ends the stream': [headers(1, [[':status', '100']], endStream)],
  'a pseudo-field of requests': [headers(1, [[':path', '/'], ...responseHead])],
  connection: [headers(1, [...responseHead, ['connection', 'close']])],
  'keep-alive': [headers(1, [...responseHead, ['keep-alive', '5']])],
  'proxy-connection': [headers(1, [...responseHead, ['proxy-connection', 'close']])],
  'transfer-encoding': [headers(1, [...responseHead, ['transfer-encoding', 'chunked']])],
  upgrade: [headers(1, [...responseHead, ['upgrade', 'h2c']])],
  'a space behind a value': [headers(1, [...responseHead, ['x', 'a ']])],
  'an upper-case name': [headers(1, [...responseHead, ['X', 'a']])],
};

test('(39, 40, 41) a malformed response never reaches the client, which gets INTERNAL with the reason; neighbours live on (section 6, malformed fields)', async (t) => {
  for (const [what, frames] of Object.entries(malformed)) {
    const { client, upstream } = await begun(t);
    upstream.send(...frames);
    const answer = await client.expect('HEADERS', 1);
    t.true(answer.endStream, what);
    t.is(field(answer.fields, 'grpc-status'), '13', what);
    t.regex(field(answer.fields, 'grpc-message') ?? '', /^echo: 127\.0\.0\.1:\d+ broke the protocol/, what);
    t.is((await upstream.expect('RST_STREAM', 1)).code, PROTOCOL_ERROR, what);
    client.send(headers(3, request(), endStream));
    await upstream.expect('HEADERS', 3);
    upstream.send(okResponse(3));
    t.is(field((await client.expect('HEADERS', 3)).fields, 'grpc-status'), '0', what);
  }
});

/** What may follow a sound head and break the rules. */
const malformedEnd: Readonly<Record<string, readonly Buffer[]>> = {
  'trailers with :status': [
    headers(
      1,
      [
        [':status', '200'],
        ['grpc-status', '0'],
      ],
      endStream,
    ),
  ],
  'trailers with connection': [
    headers(
      1,
      [
        ['connection', 'close'],
        ['grpc-status', '0'],
      ],
      endStream,
    ),
  ],
  'a second head': [headers(1, responseHead)],
  'less content than content-length': [data(1, 'abc', endStream)],
  'trailers behind less content than content-length': [data(1, 'abc'), okTrailers(1)],
  'trailers without the content that was promised': [okTrailers(1)],
  'more content than content-length': [data(1, 'abcdef')],
};

test('(39, 41, 74) a response that goes wrong behind its head ends as INTERNAL, never as OK', async (t) => {
  for (const [what, frames] of Object.entries(malformedEnd)) {
    const { client, upstream } = await begun(t);
    upstream.send(headers(1, [...responseHead, ['content-length', '5']]), ...frames);
    await client.expect('HEADERS', 1);
    const ending = await client.expect('HEADERS', 1);
    t.is(field(ending.fields, 'grpc-status'), '13', what);
    t.is((await upstream.expect('RST_STREAM', 1)).code, PROTOCOL_ERROR, what);
  }
});

test('(74) a content-length of trailers-only that promises content is malformed', async (t) => {
  const { client, upstream } = await begun(t);
  upstream.send(headers(1, [...responseHead, ['content-length', '5'], ['grpc-status', '0']], endStream));
  t.is(field((await client.expect('HEADERS', 1)).fields, 'grpc-status'), '13');
});
