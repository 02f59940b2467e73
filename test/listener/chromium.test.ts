// A page in a real browser calls through gRPC-Web, over HTTP/1.1 and, in TLS, over HTTP/2.
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import type { Listener } from '../../xds/model/listener.ts';
import { findChromium, launchChromium } from '../admin-ui/chromium.ts';
import { startDataPlane } from '../support/data-plane.ts';
import { startEchoServer } from '../support/echo-service.ts';
import { callGrpcWeb, type WebAnswer } from '../support/grpc-web-client.ts';
import { loopbackTls } from '../support/loopback-tls.ts';
import { listener, plainMesh } from '../support/resources.ts';

test('Chromium calls through gRPC-Web, where its origin may', async (t) => {
  const path = findChromium();
  if (path === undefined) {
    t.log('no Chromium on this machine: nothing is called from a browser');
    t.pass();
    return;
  }
  const page = http.createServer((_, response) => response.end('<!doctype html><title>calls</title>'));
  page.listen(0, '127.0.0.1');
  await once(page, 'listening');
  const origin = `http://127.0.0.1:${(page.address() as AddressInfo).port}`;
  const server = await startEchoServer();
  const plane = startDataPlane(plainMesh('echo', 'inbound', [server.port]));
  const [chain] = listener('web', 'inbound', 'echo-routes').filterChains;
  for (const [name, tls, origins] of [
    ['clear', null, [origin]],
    ['secure', loopbackTls, [origin]],
    ['strict', null, ['https://other.example']],
  ] as const) {
    const http = { ...chain!.http, grpcWeb: { origins, allowsCredentials: false, maxAgeSeconds: null } };
    const value: Listener = { ...listener(name, 'inbound', 'echo-routes'), filterChains: [{ ...chain!, tls, http }] };
    plane.apply([{ type: 'listener', value }]);
  }
  const browser = await launchChromium(path);
  const context = await browser.newContext({ ignoreHTTPSErrors: true });
  const tab = await context.newPage();
  const spoken = new Set<string>();
  const devtools = await context.newCDPSession(tab);
  await devtools.send('Network.enable');
  devtools.on('Network.responseReceived', ({ response }) =>
    spoken.add(`${new URL(response.url).port} ${response.protocol}`),
  );
  await tab.goto(origin);
  // What Node strips of types is plain JavaScript, which the page takes as it stands.
  await tab.addScriptTag({ content: `window.callGrpcWeb = ${callGrpcWeb.toString()}` });
  const ask = (
    url: string,
    form: 'binary' | 'text',
    fields: Readonly<Record<string, string>> = {},
  ): Promise<WebAnswer> =>
    tab.evaluate(`callGrpcWeb(${JSON.stringify(url)}, "from a page", ${JSON.stringify(fields)}, "${form}")`);

  for (const [name, scheme, protocol] of [
    ['clear', 'http', 'http/1.1'],
    ['secure', 'https', 'h2'],
  ] as const) {
    const base = `${scheme}://127.0.0.1:${await plane.port(name)}/test.Echo`;
    for (const form of ['binary', 'text'] as const) {
      const unary = await ask(`${base}/Unary`, form, { 'x-custom': 'a' });
      t.deepEqual(unary.messages, ['from a page'], `${protocol}, ${form}`);
      t.is(unary.trailers['grpc-status'], '0');
      t.is(unary.headers['x-endpoint'], 'echo', 'the page may read metadata');
      t.deepEqual(server.lastMetadata?.get('x-custom'), ['a']);
      const stream = await ask(`${base}/ServerStream`, form, { 'x-count': '3' });
      t.deepEqual(stream.messages, ['from a page', 'from a page', 'from a page']);
      t.is((await ask(`${base}/Unary`, form, { 'x-fail': '5' })).trailers['grpc-status'], '5');
      t.is((await ask(`${base}Gone/Unary`, form)).trailers['grpc-status'], '12');
    }
    t.true(spoken.has(`${await plane.port(name)} ${protocol}`), [...spoken].join());
  }
  const before = server.calls.length;
  await t.throwsAsync(ask(`http://127.0.0.1:${await plane.port('strict')}/test.Echo/Unary`, 'binary'), {
    message: /Failed to fetch/,
  });
  t.is(server.calls.length, before, 'an origin that may not call reaches no endpoint');

  await browser.close();
  plane.stop();
  page.close();
  await server.stop();
});
