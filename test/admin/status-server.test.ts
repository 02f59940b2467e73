// The status port: what the kubelet asks of the application goes through the agent (sidecars.md section 4b).
import http from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import net from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { createStatusServer } from '../../agent/admin/status-server.ts';

async function listen(t: ExecutionContext, server: Server | http2.Http2Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

async function startStatus(t: ExecutionContext, probes: Readonly<Record<string, unknown>>) {
  const status = createStatusServer({
    host: '',
    port: 0,
    routes: {},
    appProbes: JSON.stringify(probes),
    appHost: '127.0.0.1',
    log: () => {},
  });
  const port = await status.listen();
  t.teardown(() => status.close());
  return async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    return { status: response.status, text: await response.text() };
  };
}

test('an HTTP probe carries its path and headers to the application, and its status back', async (t) => {
  const seen: unknown[] = [];
  const app = http.createServer((request, response) => {
    seen.push([request.url, request.headers['x-probe'], request.headers['host']]);
    response.writeHead(request.url === '/fine' ? 204 : 418).end();
  });
  const port = await listen(t, app);
  const headers = [
    { name: 'X-Probe', value: 'yes' },
    { name: 'Host', value: 'shop.example' },
  ];
  const ask = await startStatus(t, {
    '/app-health/app/livez': { httpGet: { port, path: '/fine', httpHeaders: headers }, timeoutSeconds: 5 },
    '/app-health/app/readyz': { httpGet: { port, path: '/teapot' }, timeoutSeconds: 5 },
  });
  t.like(await ask('/app-health/app/livez'), { status: 204 });
  t.deepEqual(seen, [['/fine', 'yes', 'shop.example']]);
  t.like(await ask('/app-health/app/readyz'), { status: 418, text: 'the application answered 418\n' });
});

test('a TCP probe is about the application’s port, not the agent’s', async (t) => {
  const app = net.createServer((socket) => socket.end());
  const port = await listen(t, app);
  const ask = await startStatus(t, { '/app-health/app/livez': { tcpSocket: { port }, timeoutSeconds: 5 } });
  t.like(await ask('/app-health/app/livez'), { status: 200 });
  await new Promise((resolve) => app.close(resolve));
  const refused = await ask('/app-health/app/livez');
  t.is(refused.status, 503);
  t.regex(refused.text, /does not answer: .*ECONNREFUSED/);
});

test('a gRPC probe asks grpc.health.v1 for its service', async (t) => {
  const longName = 'serving'.padEnd(300, '.');
  const asked: Buffer[] = [];
  const app = http2.createServer();
  app.on('stream', (stream: http2.ServerHttp2Stream, headers) => {
    stream.on('data', (chunk: Buffer) => {
      asked.push(chunk);
      const isServing = chunk.includes('serving');
      t.is(headers[':path'], '/grpc.health.v1.Health/Check');
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.from([0, 0, 0, 0, 2, 8, isServing ? 1 : 2]));
    });
  });
  const port = await listen(t, app);
  const ask = await startStatus(t, {
    '/app-health/app/livez': { grpc: { port, service: 'serving' }, timeoutSeconds: 5 },
    '/app-health/app/readyz': { grpc: { port, service: 'away' }, timeoutSeconds: 5 },
    '/app-health/app/startupz': { grpc: { port, service: longName }, timeoutSeconds: 5 },
  });
  t.like(await ask('/app-health/app/livez'), { status: 200 });
  t.deepEqual(asked[0], Buffer.from('\0\0\0\0\x09\x0a\x07serving', 'latin1'));
  t.like(await ask('/app-health/app/readyz'), { status: 503, text: 'the application is not SERVING: status 2\n' });
  t.like(await ask('/app-health/app/startupz'), { status: 200 });
  t.deepEqual(asked[2], Buffer.from(`\0\0\0\x01\x2f\x0a\xac\x02${longName}`, 'latin1'));
});

test('a gRPC probe of a server without the health service fails, and says which status it got', async (t) => {
  const app = http2.createServer();
  app.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true });
  });
  const port = await listen(t, app);
  const ask = await startStatus(t, { '/app-health/app/livez': { grpc: { port }, timeoutSeconds: 5 } });
  t.like(await ask('/app-health/app/livez'), {
    status: 503,
    text: 'the application is not SERVING: grpc-status 12\n',
  });
});

test('an application that takes the connection and says nothing fails its probe in the probe’s own time', async (t) => {
  const port = await listen(
    t,
    net.createServer((socket) => socket.on('error', () => {})),
  );
  const ask = await startStatus(t, {
    '/app-health/app/livez': { httpGet: { port }, timeoutSeconds: 0.05 },
    '/app-health/app/readyz': { grpc: { port }, timeoutSeconds: 0.05 },
  });
  for (const path of ['/app-health/app/livez', '/app-health/app/readyz']) {
    t.deepEqual(await ask(path), { status: 503, text: 'the application does not answer: no answer within 0.05 s\n' });
  }
});

test('a path without a probe is not found', async (t) => {
  const ask = await startStatus(t, {});
  t.is((await ask('/app-health/app/livez')).status, 404);
});

test('probes that are not JSON, or name no port, are refused when the agent starts', async (t) => {
  const start = (appProbes: string) => () =>
    createStatusServer({ host: '', port: 0, routes: {}, appProbes, appHost: '127.0.0.1', log: () => {} });
  t.throws(start('{'), { message: 'OUTRIGGER_APP_PROBES is not JSON' });
  t.throws(start('{"/a":{"tcpSocket":{}}}'), { message: 'OUTRIGGER_APP_PROBES: /a names no port' });
});
