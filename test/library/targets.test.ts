// Where a director sends calls: addresses, lists, names, Unix sockets, declared clusters, TLS; and the connections that
// calls to a target share.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as grpc from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { createProxy, type Peer, status } from '../../agent/index.ts';
import { EchoClient } from '../support/echo-service.ts';
import { answerOk, failureOf, metadata, startEcho, startProxy, startRawEndpoint } from './proxies.ts';

const hello = Buffer.from('hello');

const pem = (name: string): string => readFileSync(new URL(`../http2/fixtures/${name}.pem`, import.meta.url), 'utf8');

async function socketPath(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'proxy-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return join(folder, 'sock');
}

test('calls of one connection go to the endpoints of a list in turn, exactly', async (t) => {
  const endpoints = await Promise.all(['a', 'b', 'c'].map((name) => startEcho(t, name)));
  const target = endpoints.map(({ port }) => `127.0.0.1:${port}`);
  const proxy = await startProxy(t, { director: () => ({ target }) });
  const client = proxy.client();
  for (let i = 0; i < 30; i++) await client.unary(hello);
  await Promise.all(Array.from({ length: 30 }, () => client.unary(hello)));
  t.deepEqual(
    endpoints.map(({ calls }) => calls.length),
    [20, 20, 20],
  );
});

test('calls to a target share a connection, whoever makes them; another target has its own', async (t) => {
  const one = await startRawEndpoint(t);
  const two = await startRawEndpoint(t);
  const proxy = await startProxy(t, {
    director: ({ authority }) => ({ target: `127.0.0.1:${authority === 'two' ? two.port : one.port}` }),
  });
  for (const client of [proxy.client('one'), proxy.client('one'), proxy.client('two')]) {
    for (let i = 0; i < 10; i++) await client.unary(hello);
  }
  t.is(one.sessions.size, 1);
  t.is(one.heads.length, 20);
  t.is(two.sessions.size, 1);
});

test('a target that is not called any more is given up, and its connection closed', async (t) => {
  const endpoint = await startRawEndpoint(t);
  const proxy = await startProxy(t, {
    targetIdleMs: 40,
    director: () => ({ target: `127.0.0.1:${endpoint.port}` }),
  });
  const client = proxy.client();
  await client.unary(hello);
  await endpoint.idle();
  await client.unary(hello);
  t.is(endpoint.sessionsEver(), 2);
});

test('a target with a call under way is never given up, however long that lasts', async (t) => {
  const endpoint = await startRawEndpoint(t, (stream, head) => {
    if (head['x-hold'] === undefined) answerOk(stream);
    else stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
  });
  const other = await startRawEndpoint(t);
  const proxy = await startProxy(t, {
    targetIdleMs: 20,
    director: ({ authority }) => ({ target: `127.0.0.1:${authority === 'other' ? other.port : endpoint.port}` }),
  });
  const client = proxy.client();
  const held = client.bidi(metadata({ 'x-hold': '1' }));
  held.on('error', () => {});
  await once(held, 'metadata');
  // The other one goes meanwhile, twice: the looks that take it see this one too.
  for (let i = 0; i < 2; i++) {
    await proxy.client('other').unary(hello);
    await other.idle();
  }
  await client.unary(hello);
  t.is(endpoint.sessionsEver(), 1);
  held.cancel();
});

test('targets are bounded: the one without calls gives way, and where all have calls the next is refused', async (t) => {
  const endpoints = await Promise.all([startRawEndpoint(t), startRawEndpoint(t)]);
  const echo = await startEcho(t);
  const ports = [...endpoints.map(({ port }) => port), echo.port];
  const proxy = await startProxy(t, {
    maxTargets: 2,
    director: ({ authority }) => ({ target: `127.0.0.1:${ports[Number(authority)]}` }),
  });
  await proxy.client('0').unary(hello);
  await proxy.client('1').unary(hello);
  const held = proxy.client('2').bidi();
  held.write(hello);
  await new Promise((resolve) => {
    held.once('data', resolve);
  });
  await endpoints[0]!.idle();
  t.is(endpoints[1]!.sessions.size, 1);
  held.cancel();
  held.on('error', () => {});
});

test('one target more than there may be is RESOURCE_EXHAUSTED while all others have calls', async (t) => {
  const echo = await startEcho(t);
  const other = await startEcho(t);
  const proxy = await startProxy(t, {
    maxTargets: 1,
    director: ({ authority }) => ({ target: `127.0.0.1:${authority === 'other' ? other.port : echo.port}` }),
  });
  const held = proxy.client().bidi();
  held.on('error', () => {});
  held.write(hello);
  await new Promise((resolve) => {
    held.once('data', resolve);
  });
  const refused = await failureOf(proxy.client('other').unary(hello));
  t.is(refused.code, status.RESOURCE_EXHAUSTED);
  held.end();
  await new Promise((resolve) => {
    held.once('status', resolve);
  });
  t.is((await failureOf(proxy.client('other').unary(hello))).code, status.OK);
});

test('a name is resolved, and the first calls wait for it', async (t) => {
  const echo = await startEcho(t);
  const proxy = await startProxy(t, { director: () => ({ target: `dns:///localhost:${echo.port}` }) });
  const client = proxy.client();
  const answers = await Promise.all([1, 2, 3].map(() => client.unary(hello)));
  t.deepEqual(
    answers.map(({ reply }) => reply.toString()),
    ['hello', 'hello', 'hello'],
  );
});

test('a name that has no address is UNAVAILABLE, and said in the log', async (t) => {
  const proxy = await startProxy(t, { director: () => ({ target: 'nowhere.invalid:443' }) });
  const { code, details } = await failureOf(proxy.client().unary(hello));
  t.is(code, status.UNAVAILABLE);
  t.regex(details, /^nowhere\.invalid:443: /);
  t.true(proxy.logged.some(({ message }) => message.includes('DNS name')));
});

test('an endpoint that refuses connections is passed over, and where all do the reason is told', async (t) => {
  const echo = await startEcho(t);
  const gone = await startRawEndpoint(t);
  const proxy = await startProxy(t, {
    director: ({ authority }) => ({
      target: authority === 'gone' ? '127.0.0.1:1' : ['127.0.0.1:1', `127.0.0.1:${echo.port}`],
    }),
  });
  const client = proxy.client();
  for (let i = 0; i < 4; i++) t.deepEqual((await client.unary(hello)).reply, hello);
  const { code, details } = await failureOf(proxy.client('gone').unary(hello));
  t.is(code, status.UNAVAILABLE);
  t.regex(details, /127\.0\.0\.1:1.*connection refused/);
  t.is(gone.heads.length, 0);
});

test('Unix domain sockets, on both sides', async (t) => {
  const upstream = await socketPath(t);
  const endpoint = await startRawEndpoint(t, answerOk, { path: upstream });
  const downstream = await socketPath(t);
  const peers: Peer[] = [];
  const proxy = createProxy({
    director: ({ peer }) => {
      peers.push(peer);
      return { target: `unix:${upstream}` };
    },
  });
  t.teardown(() => proxy.close());
  t.is(await proxy.listen({ path: downstream }), 0);
  const client = new grpc.Client(`unix:${downstream}`, grpc.credentials.createInsecure());
  t.teardown(() => client.close());
  const same = (bytes: Buffer): Buffer => bytes;
  await new Promise<void>((resolve, fail) => {
    client.makeUnaryRequest('/test.Echo/Unary', same, same, hello, (error) =>
      error === null ? resolve() : fail(error),
    );
  });
  t.is(endpoint.heads[0]![':path'], '/test.Echo/Unary');
  t.is(endpoint.heads[0]![':authority'], 'localhost');
  t.is(peers[0]!.tls, null);
});

test('a declared cluster is called by its name', async (t) => {
  const endpoints = await Promise.all(['a', 'b'].map((name) => startEcho(t, name)));
  const proxy = await startProxy(t, {
    clusters: { cart: { target: endpoints.map(({ port }) => `127.0.0.1:${port}`), balance: 'least_request' } },
    director: () => ({ cluster: 'cart' }),
  });
  const client = proxy.client();
  for (let i = 0; i < 10; i++) await client.unary(hello);
  t.is(endpoints[0]!.calls.length + endpoints[1]!.calls.length, 10);
});

test('a cluster that is declared wrongly is said when the proxy is made', (t) => {
  const director = () => ({ cluster: 'cart' });
  t.throws(() => createProxy({ director, clusters: { cart: { target: 'nowhere' } } }), {
    message: /^clusters\.cart: "nowhere" is no target/,
  });
  t.throws(() => createProxy({ director, clusters: { cart: { target: 'a:1', balance: 'fair' as 'random' } } }), {
    message: /^clusters\.cart: balance has to be round_robin, random or least_request, but is fair/,
  });
  t.throws(() => createProxy({ director, clusters: { cart: { target: 'unix:/run/a', tls: true } } }), {
    message: /^clusters\.cart: unix:\/run\/a: tls\.serverName has to say/,
  });
});

test('TLS toward targets: the name is verified, and each identity has connections of its own', async (t) => {
  const { SSL_OP_NO_TICKET } = await import('node:constants').then(({ default: constants }) => constants);
  const endpoint = await startRawEndpoint(t, answerOk, {
    tls: {
      cert: pem('server'),
      key: pem('server-key'),
      ca: pem('ca'),
      requestCert: true,
      rejectUnauthorized: false,
      secureOptions: SSL_OP_NO_TICKET,
    },
  });
  const target = `127.0.0.1:${endpoint.port}`;
  const ca = pem('ca');
  const byAuthority = {
    named: { ca, serverName: 'echo.test' },
    'named-again': { ca, serverName: 'echo.test' },
    'with-certificate': { ca, serverName: 'echo.test', cert: pem('client'), key: pem('client-key') },
    spiffe: { ca, subjectAltNames: ['spiffe://mesh.test/echo'] },
    'other-name': { ca, serverName: 'other.test' },
    'by-address': { ca },
    'other-roots': { serverName: 'echo.test' },
  };
  const proxy = await startProxy(t, {
    director: ({ authority }) => ({ target, tls: { ...byAuthority[authority as keyof typeof byAuthority] } }),
  });
  const outcome = async (authority: string): Promise<number> =>
    (await failureOf(proxy.client(authority).unary(hello))).code;
  t.is(await outcome('named'), status.OK);
  t.is(await outcome('named-again'), status.OK);
  t.is(endpoint.sessions.size, 1);
  t.is(await outcome('with-certificate'), status.OK);
  t.is(endpoint.sessions.size, 2);
  t.is(await outcome('spiffe'), status.OK);
  t.is(endpoint.sessions.size, 3);
  for (const authority of ['other-name', 'by-address', 'other-roots']) {
    t.is(await outcome(authority), status.UNAVAILABLE, authority);
  }
  t.is(endpoint.heads.length, 4);
  const byName = await startProxy(t, { director: () => ({ target: `localhost:${endpoint.port}`, tls: { ca } }) });
  const { details } = await failureOf(byName.client().unary(hello));
  t.regex(details, /Host: localhost\. is not in the cert's altnames/);
});

test('TLS from clients: the director sees who they are', async (t) => {
  const echo = await startEcho(t);
  const peers: Peer[] = [];
  const proxy = createProxy({
    director: ({ peer }) => {
      peers.push(peer);
      return { target: `127.0.0.1:${echo.port}` };
    },
  });
  t.teardown(() => proxy.close());
  const tls = { cert: pem('server'), key: Buffer.from(pem('server-key')), ca: pem('ca') };
  const port = await proxy.listen({ host: '127.0.0.1', port: 0, tls });
  const credentials = grpc.credentials.createSsl(
    Buffer.from(pem('ca')),
    Buffer.from(pem('client-key')),
    Buffer.from(pem('client')),
  );
  const client = new EchoClient(port, 'echo.test', { 'grpc.ssl_target_name_override': 'echo.test' }, credentials);
  t.teardown(() => client.close());
  t.deepEqual((await client.unary(hello)).reply, hello);
  const { tls: identity } = peers[0]!;
  t.is(identity?.serverName, 'echo.test');
  t.truthy(identity?.subject);
  t.true(identity!.subjectAltNames.length > 0);
  const stranger = new EchoClient(
    port,
    'echo.test',
    { 'grpc.ssl_target_name_override': 'echo.test' },
    grpc.credentials.createSsl(Buffer.from(pem('ca'))),
  );
  t.teardown(() => stranger.close());
  t.is((await failureOf(stranger.unary(hello))).code, status.UNAVAILABLE);
});

test('listening fails in one sentence', async (t) => {
  const proxy = createProxy({ director: () => ({ target: '127.0.0.1:1' }) });
  t.teardown(() => proxy.close());
  const port = await proxy.listen({ host: '127.0.0.1', port: 0 });
  await t.throwsAsync(proxy.listen({ host: '127.0.0.1', port }), {
    message: `can't listen on 127.0.0.1:${port}: another process has the port`,
  });
  await t.throwsAsync(proxy.listen({ port: 70_000 }), { instanceOf: RangeError });
  await t.throwsAsync(proxy.listen({ port: 0, tls: { cert: 'x', key: 'y' } }));
  const path = await socketPath(t);
  await proxy.listen({ path });
  await t.throwsAsync(proxy.listen({ path }), { message: /left its socket behind/ });
  proxy.close();
  await t.throwsAsync(proxy.listen({ port: 0 }), { message: 'the proxy is closed' });
});
