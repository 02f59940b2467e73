// What grpc-proxy, the Go original, and its forks tested, and what none of them did: by behaviour, and through a chain of
// two proxies, where an assumption about who speaks first becomes a deadlock.
import { once } from 'node:events';
import type http2 from 'node:http2';
import { gzipSync } from 'node:zlib';
import type * as grpc from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { parseGrpcTimeout } from '../../agent/grpc/deadline.ts';
import { status } from '../../agent/index.ts';
import { data, flag, H2Peer, headers, request, rstStream } from '../support/h2-peer.ts';
import { field } from '../support/raw-mesh.ts';
import { answerOk, failureOf, metadata, startEcho, startProxy, startRawEndpoint } from './proxies.ts';

const hello = Buffer.from('hello');

/** Two proxies, of which the second one leads to that port. */
async function startChain(t: ExecutionContext, port: number) {
  const second = await startProxy(t, { director: () => ({ target: `127.0.0.1:${port}` }) });
  const first = await startProxy(t, { director: () => ({ target: `127.0.0.1:${second.port}` }) });
  return { first, second };
}

function next(call: grpc.ClientDuplexStream<Buffer, Buffer>): Promise<Buffer> {
  return new Promise((resolve) => {
    call.once('data', resolve);
  });
}

function statusOf(call: NodeJS.EventEmitter): Promise<grpc.StatusObject> {
  return new Promise((resolve) => {
    call.on('error', () => {});
    call.once('status', resolve);
  });
}

test('fifty calls with metadata, headers and exactly one kind of trailer each', async (t) => {
  const echo = await startEcho(t);
  const { first } = await startChain(t, echo.port);
  const client = first.client();
  for (let i = 0; i < 50; i++) {
    const {
      reply,
      headers: head,
      status: end,
    } = await client.unary(Buffer.from(`${i}`), metadata({ 'x-turn': `${i}` }));
    t.is(reply.toString(), `${i}`);
    t.deepEqual(echo.lastMetadata!.get('x-turn'), [`${i}`]);
    t.deepEqual(head.get('x-endpoint'), ['echo']);
    t.deepEqual(end.metadata.get('x-trailer'), ['echo']);
  }
});

test("the endpoint's own failure reaches the client with code, message and trailers", async (t) => {
  const echo = await startEcho(t);
  const { first } = await startChain(t, echo.port);
  const error = await t.throwsAsync<grpc.ServiceError>(first.client().unary(hello, metadata({ 'x-fail': '9' })));
  t.is(error.code, status.FAILED_PRECONDITION);
  t.is(error.details, 'asked to fail: 100 % ünïcode');
  t.deepEqual(error.metadata.get('x-trailer'), ['echo']);
});

test('ping and pong in turn, twenty times; the half-close ends it', async (t) => {
  const echo = await startEcho(t);
  const { first } = await startChain(t, echo.port);
  const call = first.client().bidi();
  const head = new Promise<grpc.Metadata>((resolve) => {
    call.once('metadata', resolve);
  });
  for (let turn = 0; turn < 20; turn++) {
    call.write(Buffer.from(`ping ${turn}`));
    t.is((await next(call)).toString(), `ping ${turn}`);
    if (turn === 0) t.deepEqual((await head).get('x-endpoint'), ['echo']);
  }
  const end = statusOf(call);
  call.end();
  t.is((await end).code, status.OK);
  t.deepEqual((await end).metadata.get('x-trailer'), ['echo']);
});

test('a client that waits for headers before it sends anything does not wait for ever', async (t) => {
  const echo = await startEcho(t);
  const { first } = await startChain(t, echo.port);
  const call = first.client().bidi();
  const [head] = (await once(call, 'metadata')) as [grpc.Metadata];
  t.deepEqual(head.get('x-endpoint'), ['echo']);
  const end = statusOf(call.resume());
  call.end();
  t.is((await end).code, status.OK);
});

test('headers come before a failure, and on a stream of no messages', async (t) => {
  const echo = await startEcho(t);
  const { first } = await startChain(t, echo.port);
  const client = first.client();
  for (const fields of [{ 'x-fail': '9' }, { 'x-count': '0' }]) {
    const call = client.serverStream(hello, metadata(fields));
    const end = statusOf(call.resume());
    const [head] = (await once(call, 'metadata')) as [grpc.Metadata];
    t.deepEqual(head.get('x-endpoint'), ['echo']);
    t.is((await end).code, 'x-fail' in fields ? status.FAILED_PRECONDITION : status.OK);
  }
});

test('a message of nine megabytes passes both ways', async (t) => {
  const echo = await startEcho(t);
  const { first } = await startChain(t, echo.port);
  const large = Buffer.alloc(9_000_000, 7);
  const { reply } = await first.client().unary(large);
  t.true(reply.equals(large));
});

test('megabytes both ways at once through two proxies block nobody', async (t) => {
  const echo = await startEcho(t);
  const { first } = await startChain(t, echo.port);
  const client = first.client();
  const streams = Array.from({ length: 4 }, async (_, id) => {
    const call = client.bidi();
    let bytes = 0;
    call.on('data', (message: Buffer) => {
      bytes += message[0] === id ? message.length : Number.NaN;
    });
    const end = statusOf(call);
    for (let i = 0; i < 32; i++) call.write(Buffer.alloc(65_536, id));
    call.end();
    t.is((await end).code, status.OK);
    return bytes;
  });
  t.deepEqual(
    await Promise.all(streams),
    Array.from({ length: 4 }, () => 32 * 65_536),
  );
});

test('of many calls at once, over endpoints that fail now and then, each gets its own answer', async (t) => {
  const endpoint = await startRawEndpoint(t, (stream, head) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      if (stream.id! % 3 === 0 && head['grpc-previous-rpc-attempts'] === undefined) {
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '14' },
          { endStream: true },
        );
        return;
      }
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.concat(chunks));
    });
  });
  const proxy = await startProxy(t, {
    director: () => ({
      target: `127.0.0.1:${endpoint.port}`,
      retry: { maxAttempts: 5, initialBackoffMs: 1, maxBackoffMs: 5 },
    }),
  });
  const clients = Array.from({ length: 5 }, () => proxy.client());
  const outcomes = await Promise.all(
    clients.flatMap((client, c) =>
      Array.from({ length: 2 }, async (_, thread) => {
        for (let i = 0; i < 10; i++) {
          const message = Buffer.from(`${c} ${thread} ${i}`);
          const { reply } = await client.unary(message);
          if (!reply.equals(message)) return `${message} got ${reply}`;
        }
        return 'its own';
      }),
    ),
  );
  t.deepEqual(new Set(outcomes), new Set(['its own']));
});

test('cancel and deadline travel down the chain, the deadline as what is left', async (t) => {
  const timeouts: unknown[] = [];
  let onClosed: () => void = () => {};
  const endpoint = await startRawEndpoint(t, (stream, head) => {
    timeouts.push(head['grpc-timeout']);
    stream.on('close', () => onClosed());
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
  });
  const { first } = await startChain(t, endpoint.port);
  const client = first.client();
  for (const options of [{}, { deadline: Date.now() + 60_000 }]) {
    const closed = new Promise<void>((resolve) => {
      onClosed = resolve;
    });
    const call = client.bidi(undefined, options);
    call.on('error', () => {});
    await once(call, 'metadata');
    call.cancel();
    await closed;
  }
  t.is(timeouts[0], undefined);
  const left = parseGrpcTimeout(Buffer.from(String(timeouts[1])))!;
  t.true(left > 1_000 && left < 60_000);
  t.is((await statusOf(client.bidi(undefined, { deadline: Date.now() + 100 }))).code, status.DEADLINE_EXCEEDED);
});

test('an endpoint that answers before its client has finished is heard at once', async (t) => {
  const endpoint = await startRawEndpoint(t, (stream) => {
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '8', 'grpc-message': 'enough' },
      {
        endStream: true,
      },
    );
  });
  const { first } = await startChain(t, endpoint.port);
  const call = first.client().bidi();
  call.write(hello);
  const end = await statusOf(call);
  t.is(end.code, status.RESOURCE_EXHAUSTED);
  t.is(end.details, 'enough');
});

test('a request that breaks off is never a clean end to its endpoint', async (t) => {
  const ends: string[] = [];
  let onOver: () => void = () => {};
  const over = new Promise<void>((resolve) => {
    onOver = resolve;
  });
  const endpoint = await startRawEndpoint(t, (stream) => {
    stream.on('data', () => {});
    stream.on('end', () => ends.push('end'));
    stream.on('aborted', () => ends.push('aborted'));
    stream.on('close', onOver);
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
  });
  const { first } = await startChain(t, endpoint.port);
  const client = await H2Peer.ready(first.port);
  t.teardown(() => client.socket.destroy());
  client.send(headers(1, request()), data(1, 'half a mess'));
  await client.expect('HEADERS', 1);
  client.send(rstStream(1, 8));
  await over;
  t.is(ends[0], 'aborted');
});

test('bytes pass as they are: compressed flags, any subtype, encodings, values in -bin, keys that come twice', async (t) => {
  const compressed = gzipSync(hello);
  const message = Buffer.concat([Buffer.from([1, 0, 0, 0, compressed.length]), compressed]);
  const bodies: Buffer[] = [];
  const raw: string[][] = [];
  const endpoint = await startRawEndpoint(t, (stream) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      bodies.push(Buffer.concat(chunks));
      stream.respond(
        { ':status': 200, 'content-type': 'application/grpc+custom', 'grpc-encoding': 'gzip' },
        {
          waitForTrailers: true,
        },
      );
      stream.on('wantTrailers', () => {
        stream.sendTrailers({ 'grpc-status': '0', 'grpc-status-details-bin': 'CAESAg', 'x-multi': ['1', '2'] });
      });
      stream.end(message);
    });
  });
  const { first } = await startChain(t, endpoint.port);
  const client = await H2Peer.ready(first.port);
  t.teardown(() => client.socket.destroy());
  const fields = [
    ...request().filter(([name]) => name !== 'content-type'),
    ['content-type', 'application/grpc+custom'],
    ['grpc-encoding', 'gzip'],
    ['grpc-accept-encoding', 'gzip,identity'],
    ['x-a', '1'],
    ['x-b-bin', 'AAECAw'],
    ['x-a', '2'],
  ] as const;
  client.send(headers(1, fields), data(1, message, flag.endStream));
  const head = await client.expect('HEADERS', 1);
  const trailers = await client.expect('HEADERS', 1, (last) => last.endStream);
  raw.push(...endpoint.heads.map((one) => [String(one['x-a']), String(one['x-b-bin']), String(one['grpc-encoding'])]));
  t.deepEqual(raw, [['1, 2', 'AAECAw', 'gzip']]);
  t.is(endpoint.heads[0]!['content-type'], 'application/grpc+custom');
  t.is(endpoint.heads[0]!['grpc-accept-encoding'], 'gzip,identity');
  t.deepEqual(bodies[0], message);
  t.deepEqual(client.body(1), message);
  t.is(field(head.fields, 'grpc-encoding'), 'gzip');
  t.is(field(trailers.fields, 'grpc-status-details-bin'), 'CAESAg');
  t.deepEqual(
    trailers.fields.filter(([name]) => name === 'x-multi').map(([, value]) => value),
    ['1', '2'],
  );
});

test('trailers-only stays one frame of headers, from the endpoint and from the proxy', async (t) => {
  const endpoint = await startRawEndpoint(t, (stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '5' }, { endStream: true });
  });
  const { first } = await startChain(t, endpoint.port);
  const client = await H2Peer.ready(first.port);
  t.teardown(() => client.socket.destroy());
  client.send(headers(1, request(), flag.endStream));
  const answer = await client.expect('HEADERS', 1);
  t.true(answer.endStream);
  t.is(field(answer.fields, 'grpc-status'), '5');
});

test('an end without a status is no success', async (t) => {
  const ends: ((stream: http2.ServerHttp2Stream) => void)[] = [
    (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.end(Buffer.alloc(5));
    },
    (stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.write(Buffer.alloc(5));
      stream.close(0);
    },
    (stream) => stream.session?.destroy(),
  ];
  for (const end of ends) {
    const endpoint = await startRawEndpoint(t, end);
    const { first } = await startChain(t, endpoint.port);
    t.not((await failureOf(first.client().unary(hello))).code, status.OK);
  }
});

test('metadata of fifteen kilobytes passes', async (t) => {
  const endpoint = await startRawEndpoint(t, answerOk);
  const { first } = await startChain(t, endpoint.port);
  const client = await H2Peer.ready(first.port);
  t.teardown(() => client.socket.destroy());
  const large = Array.from({ length: 5 }, (_, i) => [`x-large-${i}`, 'v'.repeat(3_000)] as const);
  client.send(headers(1, [...request(), ...large], flag.endStream));
  await client.expect('HEADERS', 1, (last) => last.endStream);
  t.is(String(endpoint.heads[0]!['x-large-4']).length, 3_000);
});

test('an endpoint that was away is called again when it is back', async (t) => {
  const away = await startRawEndpoint(t);
  const { port } = away;
  const proxy = await startProxy(t, { director: () => ({ target: `127.0.0.1:${port}` }) });
  const client = proxy.client();
  await client.unary(hello);
  for (const session of away.sessions) session.destroy();
  await away.idle();
  // The connection is gone, and the next call makes another.
  t.is((await failureOf(client.unary(hello))).code, status.OK);
  t.is(away.sessions.size, 1);
});

test('a proxy that drains lets calls end, and refuses what comes after', async (t) => {
  const echo = await startEcho(t);
  const proxy = await startProxy(t, { director: () => ({ target: `127.0.0.1:${echo.port}` }) });
  const call = proxy.client().bidi();
  call.write(hello);
  await next(call);
  const end = statusOf(call.resume());
  const drained = proxy.proxy.drain();
  call.write(hello);
  call.end();
  t.is((await end).code, status.OK);
  t.is(await drained, 0);
  t.is((await failureOf(proxy.client().unary(hello))).code, status.UNAVAILABLE);
});

test('what is left when the grace of a drain is over is cut, and counted', async (t) => {
  const echo = await startEcho(t);
  const proxy = await startProxy(t, { director: () => ({ target: `127.0.0.1:${echo.port}` }) });
  const call = proxy.client().bidi();
  call.write(hello);
  await next(call);
  const end = statusOf(call.resume());
  t.is(await proxy.proxy.drain(20), 1);
  t.is((await end).code, status.UNAVAILABLE);
});
