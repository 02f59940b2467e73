// The director function: what it sees, what it may answer, and what becomes of whatever else it does.
import { once } from 'node:events';
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { parseGrpcTimeout } from '../../agent/grpc/deadline.ts';
import { type DirectorCall, Metadata, reject, status } from '../../agent/index.ts';
import { nodeTimer } from '../../xds/environment.ts';
import { flag, H2Peer, headers, request } from '../support/h2-peer.ts';
import { field } from '../support/raw-mesh.ts';
import { answerOk, failureOf, metadata, startEcho, startProxy, startRawEndpoint } from './proxies.ts';

const hello = Buffer.from('hello');

test('a director sees method, authority, metadata, deadline and peer', async (t) => {
  const echo = await startEcho(t);
  const calls: DirectorCall[] = [];
  const proxy = await startProxy(t, {
    director: (call) => {
      calls.push(call);
      return { target: `127.0.0.1:${echo.port}` };
    },
  });
  const deadline = new Date(Date.now() + 60_000);
  const sent = metadata({ 'X-Key': 'v', twice: ['1', '2'], 'x-bin': Buffer.from([0, 255]) });
  await proxy.client('shop.example').unary(hello, sent, { deadline });
  const call = calls[0]!;
  t.is(call.method, '/test.Echo/Unary');
  t.is(call.authority, 'shop.example');
  t.is(call.metadata.get('x-key'), 'v');
  t.deepEqual(call.metadata.getAll('twice').sort(), ['1', '2']);
  t.deepEqual(call.metadata.get('x-bin'), new Uint8Array([0, 255]));
  t.is(call.metadata.get('absent'), undefined);
  t.false(call.metadata.names().some((name) => /^:|^te$|^grpc-|^content-type$/.test(name)));
  t.true(Math.abs(call.deadline!.getTime() - deadline.getTime()) < 2000);
  t.regex(call.peer.address, /^127\.0\.0\.1:\d+$/);
  t.is(call.peer.tls, null);
});

test('a call without a deadline has none for its director', async (t) => {
  const echo = await startEcho(t);
  const deadlines: (Date | null)[] = [];
  const proxy = await startProxy(t, {
    director: ({ deadline }) => {
      deadlines.push(deadline);
      return { target: `127.0.0.1:${echo.port}` };
    },
  });
  await proxy.client().unary(hello);
  t.deepEqual(deadlines, [null]);
});

test('what a director keeps of a call stays as it was', async (t) => {
  const echo = await startEcho(t);
  const kept: Metadata[] = [];
  const proxy = await startProxy(t, {
    director: (call) => {
      kept.push(call.metadata);
      return { target: `127.0.0.1:${echo.port}` };
    },
  });
  const client = proxy.client();
  for (const id of ['a', 'b', 'c']) await client.unary(hello, metadata({ 'x-request-id': id }));
  t.deepEqual(
    kept.map((one) => one.get('x-request-id')),
    ['a', 'b', 'c'],
  );
});

test('a director answers with a status, returned or thrown, at once or later', async (t) => {
  const denied = reject(status.PERMISSION_DENIED, 'testing rejection: 100 % ünïcode');
  const asGrpcJs = Object.assign(new Error('14 UNAVAILABLE: later'), { code: 14, details: 'later' });
  const directors = {
    returned: () => denied,
    thrown: () => {
      throw denied;
    },
    resolved: async () => denied,
    rejected: () => Promise.reject(denied),
    'of-grpc-js': () => Promise.reject(asGrpcJs),
  };
  const proxy = await startProxy(t, { director: ({ authority }) => directors[authority as keyof typeof directors]() });
  for (const authority of Object.keys(directors)) {
    const expected =
      authority === 'of-grpc-js'
        ? { code: status.UNAVAILABLE, details: 'later' }
        : { code: status.PERMISSION_DENIED, details: denied.message };
    t.deepEqual(await failureOf(proxy.client(authority).unary(hello)), expected, authority);
  }
  t.deepEqual(proxy.logged, []);
});

test('a rejection may bring metadata, status details among it', async (t) => {
  const details = new Uint8Array([8, 7, 18, 1, 33]);
  const proxy = await startProxy(t, {
    director: () =>
      reject(status.UNAUTHENTICATED, 'who?', new Metadata({ 'grpc-status-details-bin': details, 'x-realm': 'shop' })),
  });
  const error = await t.throwsAsync<grpc.ServiceError>(proxy.client().unary(hello));
  t.is(error.code, status.UNAUTHENTICATED);
  t.is(error.details, 'who?');
  t.deepEqual(error.metadata.get('grpc-status-details-bin'), [Buffer.from(details)]);
  t.deepEqual(error.metadata.get('x-realm'), ['shop']);
});

test('what else a director does is INTERNAL, blames it, leaks nothing, and is logged', async (t) => {
  const secret = 'password=1234';
  const faults: Record<string, () => unknown> = {
    throws: () => {
      throw new Error(secret);
    },
    rejects: () => Promise.reject(new TypeError(secret)),
    'throws-text': () => {
      throw secret;
    },
    'throws-nothing': () => Promise.reject(undefined),
    'throws-traps': () => {
      throw {
        get code(): never {
          throw new Error(secret);
        },
      };
    },
    'answers-nothing': () => undefined,
    'answers-null-later': async () => null,
    'answers-a-number': () => 7,
    'names-nothing': () => ({}),
    'names-two': () => ({ target: '127.0.0.1:1', cluster: 'a' }),
    'names-no-port': () => ({ target: '127.0.0.1' }),
    'names-a-target-that-is-none': () => ({ target: 'http://127.0.0.1:80/' }),
    'names-an-empty-list': () => ({ target: [] }),
    'names-a-cluster-that-is-not-there': () => ({ cluster: 'nowhere' }),
    'names-odd-metadata': () => ({ target: '127.0.0.1:1', metadata: { a: 'b' } }),
    'names-an-odd-authority': () => ({ target: '127.0.0.1:1', authority: 'a b' }),
    'names-an-odd-time': () => ({ target: '127.0.0.1:1', timeoutMs: Number.NaN }),
    'names-certificates-that-are-none': () => ({ target: '127.0.0.1:1', tls: { ca: 'x', cert: 'y', key: 'z' } }),
    'sets-a-field-of-the-protocol': () => ({ target: '127.0.0.1:1', metadata: new Metadata({ ':path': '/' }) }),
    'sets-what-is-no-text': () => ({ target: '127.0.0.1:1', metadata: new Metadata({ a: 'ü' }) }),
    'sets-bytes-as-text': () => ({ target: '127.0.0.1:1', metadata: new Metadata({ 'a-bin': 'text' }) }),
    'rejects-with-ok': () => reject(status.OK, 'fine'),
  };
  const proxy = await startProxy(t, { director: ({ authority }) => faults[authority]!() as never });
  for (const authority of Object.keys(faults)) {
    const { code, details } = await failureOf(proxy.client(authority).unary(hello));
    t.is(code, status.INTERNAL, authority);
    t.is(details, 'the director of this proxy failed for /test.Echo/Unary; the log of the proxy says why');
  }
  t.deepEqual(new Set(proxy.logged.map(({ message }) => message)), new Set(['the director failed']));
  t.is(proxy.logged.length, Object.keys(faults).length);
  t.true(String(proxy.logged[0]!.fields['error']).includes(secret));
});

test('a director that takes too long is UNAVAILABLE, and told to stop', async (t) => {
  const signals: AbortSignal[] = [];
  const proxy = await startProxy(t, {
    directorTimeoutMs: 20,
    director: ({ signal }) => {
      signals.push(signal);
      return new Promise(() => {});
    },
  });
  const { code, details } = await failureOf(proxy.client().unary(hello));
  t.is(code, status.UNAVAILABLE);
  t.is(details, 'the director of this proxy has not answered within 0.02 s');
  t.true(signals[0]!.aborted);
});

test('a director may be given all the time there is', async (t) => {
  const echo = await startEcho(t);
  const proxy = await startProxy(t, {
    directorTimeoutMs: Number.POSITIVE_INFINITY,
    targetIdleMs: Number.POSITIVE_INFINITY,
    director: async ({ authority }) => {
      // Behind the millisecond after which a timer that is too long fires.
      await new Promise<void>((resolve) => void nodeTimer(resolve, 5));
      return { target: authority };
    },
  });
  const { code } = await failureOf(proxy.client(`127.0.0.1:${echo.port}`).unary(hello));
  t.is(code, status.OK);
});

test('a director that is awaited stops with its call: by cancel, or by the deadline of the client', async (t) => {
  let onDirected: (signal: AbortSignal) => void = () => {};
  const proxy = await startProxy(t, {
    director: ({ signal }) => {
      onDirected(signal);
      return new Promise((_, fail) => signal.addEventListener('abort', () => fail(signal.reason)));
    },
  });
  const client = proxy.client();
  const directed = (): Promise<AbortSignal> =>
    new Promise((resolve) => {
      onDirected = resolve;
    });
  const cancelled = directed();
  const call = client.bidi();
  call.on('error', () => {});
  const signal = await cancelled;
  call.cancel();
  if (!signal.aborted) await once(signal, 'abort');

  const overdue = directed();
  const raw = await H2Peer.ready(proxy.port);
  t.teardown(() => raw.socket.destroy());
  raw.send(headers(1, [...request(), ['grpc-timeout', '50m']], flag.endStream));
  t.is(field((await raw.expect('HEADERS', 1)).fields, 'grpc-status'), '4');
  const late = await overdue;
  if (!late.aborted) await once(late, 'abort');
  t.deepEqual(proxy.logged, []);
});

test('a request that comes while its director thinks reaches the endpoint whole', async (t) => {
  const echo = await startEcho(t);
  let decide: () => void = () => {};
  const proxy = await startProxy(t, {
    director: ({ method }) => {
      if (method.endsWith('/ServerStream')) return reject(status.ABORTED, 'a marker');
      return new Promise((resolve) => {
        decide = () => resolve({ target: `127.0.0.1:${echo.port}` });
      });
    },
  });
  const client = proxy.client();
  const messages = Array.from({ length: 20 }, (_, i) => Buffer.alloc(20_000, i));
  const answer = client.clientStream(messages);
  // Of the same connection: what was sent before it, as far as the window lets it, is here.
  await once(client.serverStream(hello), 'error');
  decide();
  t.deepEqual(await answer, Buffer.concat(messages));
});

test('a director changes metadata: replaces, adds, removes, and leaves the rest as it came', async (t) => {
  const echo = await startEcho(t);
  const proxy = await startProxy(t, {
    director: ({ metadata: came }) => ({
      target: `127.0.0.1:${echo.port}`,
      metadata: came
        .with('x-via', 'edge')
        .with('x-ids-bin', new Uint8Array([1, 2]), new Uint8Array([3]))
        .withAdded('twice', '3')
        .with('replaced', 'new')
        .without('Secret', 'absent'),
    }),
  });
  const sent = metadata({
    twice: ['1', '2'],
    replaced: ['a', 'b'],
    secret: 's',
    kept: 'k',
    'kept-bin': Buffer.from([9]),
  });
  await proxy.client().unary(hello, sent);
  const got = echo.lastMetadata!;
  t.deepEqual(got.get('x-via'), ['edge']);
  t.deepEqual(got.get('x-ids-bin'), [Buffer.from([1, 2]), Buffer.from([3])]);
  // Node's server joins the fields of one name.
  t.deepEqual(got.get('twice'), ['1, 2, 3']);
  t.deepEqual(got.get('replaced'), ['new']);
  t.deepEqual(got.get('secret'), []);
  t.deepEqual(got.get('kept'), ['k']);
  t.deepEqual(got.get('kept-bin'), [Buffer.from([9])]);
});

test('metadata made anew takes the place of all that came', async (t) => {
  const echo = await startEcho(t);
  const proxy = await startProxy(t, {
    director: () => ({ target: `127.0.0.1:${echo.port}`, metadata: new Metadata({ only: ['a', 'b'] }) }),
  });
  const { status: end } = await proxy.client().unary(hello, metadata({ secret: 's', only: 'x' }));
  t.is(end.code, grpc.status.OK);
  t.deepEqual(echo.lastMetadata!.getMap(), { only: 'a, b' });
});

test('metadata is immutable, and iterates by name', (t) => {
  const one = new Metadata({ B: 'b', 'a-bin': new Uint8Array([1]) });
  const two = one.with('b', 'c').without('a-bin');
  t.deepEqual(
    [...one],
    [
      ['b', 'b'],
      ['a-bin', new Uint8Array([1])],
    ],
  );
  t.deepEqual([...two], [['b', 'c']]);
  t.true(one.has('A-Bin'));
  t.false(two.has('a-bin'));
});

test("a director's time counts from the call's arrival, and the endpoint is told what is left", async (t) => {
  const endpoint = await startRawEndpoint(t, (stream, headers) => {
    if (headers['x-hang'] === undefined) answerOk(stream);
  });
  const target = `127.0.0.1:${endpoint.port}`;
  const proxy = await startProxy(t, {
    director: ({ metadata: came }) => ({ target, timeoutMs: came.has('x-hang') ? 60 : 60_000 }),
  });
  const client = proxy.client();
  await client.unary(hello);
  await client.unary(hello, undefined, { deadline: Date.now() + 30_000 });
  const [own, clients] = endpoint.heads.map((head) => parseGrpcTimeout(Buffer.from(String(head['grpc-timeout'])))!);
  t.true(own! > 50_000 && own! <= 60_000);
  t.true(clients! <= 30_000);
  const { code, details } = await failureOf(client.unary(hello, metadata({ 'x-hang': '1' })));
  t.is(code, status.DEADLINE_EXCEEDED);
  t.regex(details, /deadline exceeded after \d+\.\d{3} s/);
});
