// What passes through a data plane unchanged (http2.md section 2, "Requests" and "Responses"): one raw HTTP/2 client, one
// raw HTTP/2 endpoint, and a comparison of what one sent with what the other saw.
import http2 from 'node:http2';
import test from 'ava';
import { StatsReader } from '../../agent/stats/stats-reader.ts';
import { startDataPlane } from '../support/data-plane.ts';
import {
  data,
  flag,
  H2Peer,
  headers,
  request,
  rstStream,
  settings,
  settingsAck,
  windowUpdate,
} from '../support/h2-peer.ts';
import { call, GRPC_HEADERS, type Http2Endpoint, seeCall, startHttp2Endpoint } from '../support/http2-call.ts';
import { plainMesh } from '../support/resources.ts';

type Handler = Parameters<typeof startHttp2Endpoint>[0];

async function through(handler: Handler, settings: http2.Settings = {}) {
  const endpoint: Http2Endpoint = await startHttp2Endpoint(handler, settings);
  const plane = startDataPlane(plainMesh('echo', 'outbound', [endpoint.port]));
  const port = await plane.port('echo');
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  return {
    port,
    session,
    stop: async () => {
      session.destroy();
      plane.stop();
      await endpoint.stop();
    },
  };
}

/** Answers with headers, one message and trailers. */
const answer: Handler = (stream) => {
  stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.resume().on('end', () => stream.end('hello'));
};

test('cases 42, 45 to 51: request fields arrive as they were sent, reserved and unknown ones too', async (t) => {
  let seen: http2.IncomingHttpHeaders = {};
  const mesh = await through((stream, headers) => {
    seen = headers;
    answer(stream, headers);
  });
  const sent = {
    'content-type': 'application/grpc+json;charset=utf-8',
    te: 'trailers',
    'user-agent': 'grpc-test/1.0',
    'grpc-encoding': 'gzip',
    'grpc-accept-encoding': 'gzip,identity',
    'grpc-previous-rpc-attempts': '1',
    'grpc-tags-bin': 'AAEC/f7/',
    'x-raw-bin': 'AAEC,/f7/=',
    'x-latin': 'caf\u00e9',
    authorization: 'Bearer secret',
  };
  await call(mesh.session, sent, Buffer.alloc(5));
  for (const [name, value] of Object.entries(sent)) t.is(seen[name], value, name);
  t.is(seen[':authority'], 'echo');
  t.is(seen[':path'], '/test.Echo/Unary');
  await mesh.stop();
});

test('case 64: headers, data and trailers arrive in order, and the headers before the first message', async (t) => {
  let release: () => void = () => {};
  const mesh = await through((stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'x-early': '1' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0', 'x-last-bin': 'AAE=' }));
    release = () => stream.end('body');
  });
  const stream = mesh.session.request(GRPC_HEADERS);
  const seen = seeCall(stream);
  await new Promise((resolve) => stream.once('response', resolve));
  release();
  const { headers, body, trailers } = await seen;
  t.is(headers['x-early'], '1');
  t.is(body.toString(), 'body');
  t.is(trailers?.['grpc-status'], '0');
  t.is(trailers?.['x-last-bin'], 'AAE=');
  await mesh.stop();
});

test('case 65: a trailers-only response stays one HEADERS frame', async (t) => {
  const mesh = await through((stream) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5', 'grpc-message': 'a%20b%zz' },
      { endStream: true },
    );
  });
  const { headers, endStream, trailers } = await call(mesh.session);
  t.true(endStream);
  t.is(headers['grpc-status'], '5');
  t.is(headers['grpc-message'], 'a%20b%zz');
  t.is(trailers, null);
  await mesh.stop();
});

test('case 53: a half-close by an empty DATA frame reaches the endpoint before the response', async (t) => {
  const mesh = await through((stream) => {
    stream.resume().on('end', () => stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true }));
  });
  const stream = mesh.session.request(GRPC_HEADERS);
  const seen = seeCall(stream);
  stream.write('first', () => stream.end());
  t.is((await seen).headers['grpc-status'], '0');
  await mesh.stop();
});

test('case 67: a response that ends without trailers is not given a status', async (t) => {
  const mesh = await through((stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.end('half');
  });
  const { headers, body, trailers, code } = await call(mesh.session);
  t.is(body.toString(), 'half');
  t.is(headers['grpc-status'], undefined);
  t.is(trailers, null);
  t.is(code, http2.constants.NGHTTP2_NO_ERROR);
  await mesh.stop();
});

test('case 68: an HTTP error of the endpoint passes as it is', async (t) => {
  const mesh = await through((stream) => {
    stream.respond({ ':status': 503, 'content-type': 'text/plain' });
    stream.end('busy');
  });
  const { headers, body } = await call(mesh.session);
  t.is(headers[':status'], 503);
  t.is(body.toString(), 'busy');
  await mesh.stop();
});

test('case 75: an early response is delivered whole, then the client is told to stop sending', async (t) => {
  const mesh = await through((stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end('early');
  });
  const stream = mesh.session.request(GRPC_HEADERS);
  const seen = seeCall(stream);
  stream.write('the request never ends');
  const { body, trailers, code } = await seen;
  t.is(body.toString(), 'early');
  t.is(trailers?.['grpc-status'], '0');
  t.is(code, http2.constants.NGHTTP2_NO_ERROR);
  await mesh.stop();
});

test('case 75: an early response that waits for the window of its client ends the call when it has gone out', async (t) => {
  const reader = new StatsReader();
  const endpoint = await startHttp2Endpoint((stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.alloc(50_000));
  });
  const plane = startDataPlane(plainMesh('echo', 'outbound', [endpoint.port]), undefined, (stats) =>
    reader.addWorker(0, stats),
  );
  const peer = await H2Peer.ready(await plane.port('echo'), [0x4, 10_000]);
  peer.send(headers(1, request()));
  await peer.expect('DATA', 1);
  await peer.roundTrip();
  peer.send(windowUpdate(1, 50_000));
  t.is((await peer.expect('RST_STREAM', 1)).code, 0);
  t.is(peer.body(1).length, 50_000);
  await peer.roundTrip();
  for (const up of plane.ups) if (up.kind === 'stats-row') reader.addRow(0, up.row);
  const counted = (name: string, outcome?: string): number | undefined =>
    reader.rows().find((row) => row.name === name && row.labels['outcome'] === outcome)?.values[0];
  t.is(counted('outrigger_endpoint_calls_total', 'ok'), 1);
  t.is(counted('outrigger_cluster_active_calls'), 0);
  peer.socket.destroy();
  plane.stop();
  await endpoint.stop();
});

/** A call whose endpoint begins its response, sends a byte or two, and resets the stream with that code. */
async function resetMidway(code: number) {
  const endpoint = await H2Peer.listen();
  const plane = startDataPlane(plainMesh('echo', 'outbound', [endpoint.port]));
  const session = http2.connect(`http://127.0.0.1:${await plane.port('echo')}`);
  session.on('error', () => {});
  const seen = call(session, {}, Buffer.alloc(5));
  const peer = await endpoint.next();
  peer.send(settings(), settingsAck());
  await peer.expect('HEADERS', 1);
  const head = headers(
    1,
    [
      [':status', '200'],
      ['content-type', 'application/grpc'],
    ],
    flag.endHeaders,
  );
  peer.send(head, data(1, 'some'), rstStream(1, code));
  const result = await seen;
  session.destroy();
  plane.stop();
  endpoint.close();
  return result;
}

test('case 79: a reset after the response began passes with its code', async (t) => {
  t.is((await resetMidway(http2.constants.NGHTTP2_CANCEL)).code, http2.constants.NGHTTP2_CANCEL);
});

test('case 87: REFUSED_STREAM after the response began is not passed on: the call was processed', async (t) => {
  t.is((await resetMidway(http2.constants.NGHTTP2_REFUSED_STREAM)).code, http2.constants.NGHTTP2_INTERNAL_ERROR);
});

test('case 77: NO_ERROR before the trailers is an error for the client, never a clean end', async (t) => {
  const { trailers } = await resetMidway(http2.constants.NGHTTP2_NO_ERROR);
  t.is(trailers?.['grpc-status'], '13');
  t.regex(String(trailers?.['grpc-message']), /without a status/);
});

test('case 78: a reset before the response becomes the status that gRPC gives its code, and the message names the endpoint', async (t) => {
  const mesh = await through((stream) => stream.close(http2.constants.NGHTTP2_ENHANCE_YOUR_CALM));
  const { headers, endStream } = await call(mesh.session);
  t.true(endStream);
  t.is(headers['grpc-status'], '8');
  t.regex(String(headers['grpc-message']), /^echo: 127\.0\.0\.1:\d+ reset the stream/);
  await mesh.stop();
});

test('case 80: a cancel of the client reaches the endpoint as CANCEL', async (t) => {
  let ended: (code: number) => void = () => {};
  const code = new Promise<number>((resolve) => {
    ended = resolve;
  });
  const mesh = await through((stream) => {
    stream.on('close', () => ended(stream.rstCode));
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
  });
  const stream = mesh.session.request(GRPC_HEADERS);
  stream.on('error', () => {});
  stream.once('response', () => stream.close(http2.constants.NGHTTP2_CANCEL));
  t.is(await code, http2.constants.NGHTTP2_CANCEL);
  await mesh.stop();
});

test('case 82: a lost client cancels all its streams, and other clients keep theirs', async (t) => {
  const ended: number[] = [];
  let all: () => void = () => {};
  const three = new Promise<void>((resolve) => {
    all = resolve;
  });
  const mesh = await through((stream, headers) => {
    if (headers['x-short'] !== undefined) return answer(stream, headers);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    stream.on('close', () => {
      if (ended.push(stream.rstCode) === 3) all();
    });
  });
  const doomed = http2.connect(`http://127.0.0.1:${mesh.port}`);
  doomed.on('error', () => {});
  const streams = Array.from({ length: 3 }, () => doomed.request(GRPC_HEADERS));
  for (const stream of streams) stream.on('error', () => {});
  await Promise.all(streams.map((stream) => new Promise((resolve) => stream.once('response', resolve))));
  doomed.destroy();
  await three;
  t.deepEqual(ended, [8, 8, 8]);
  t.is((await call(mesh.session, { 'x-short': '1' }, Buffer.alloc(5))).trailers?.['grpc-status'], '0');
  await mesh.stop();
});
