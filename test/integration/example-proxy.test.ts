// examples/proxy/agent.yaml is run as it stands, but for its ports, and does what its comments say.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import http2 from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { startAgentProcess } from '../support/agent-process.ts';
import { startEchoServer } from '../support/echo-service.ts';
import { call } from '../support/http2-call.ts';

const example = new URL('../../examples/proxy/agent.yaml', import.meta.url);

test('the example of a proxy does what it says', async (t) => {
  const servers = new Map(
    await Promise.all(
      ['50051', '50052', '50053', '50061'].map(async (port) => [port, await startEchoServer(`at ${port}`)] as const),
    ),
  );
  const text = (await readFile(example, 'utf8')).replace(/(127\.0\.0\.1|localhost):(\d+)/g, (_, host, port) => {
    return `${host}:${servers.get(port)?.port ?? 0}`;
  });
  // The echo is one service of many methods: the example's services are its methods.
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-example-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, 'agent.yaml'), text.replaceAll('shop.Cart', 'test.Echo'));
  const agent = await startAgentProcess({ xdsPort: 0, node: 'x', args: ['-c', join(folder, 'agent.yaml')] });
  const session = http2.connect(`http://127.0.0.1:${await agent.listenerPort('public')}`);
  const ask = (headers: http2.OutgoingHttpHeaders) => call(session, headers, Buffer.alloc(5));

  const hidden = await ask({ ':path': '/com.example.internal.Admin/Stop' });
  t.is(hidden.headers['grpc-status'], '12');
  t.is(hidden.headers['grpc-message'], 'Unknown method');
  t.is((await ask({ 'x-canary': '1' })).headers['x-endpoint'], 'at 50053');
  const ends = new Set<unknown>();
  for (let i = 0; i < 60; i++) ends.add((await ask({})).headers['x-endpoint']);
  t.true(ends.has('at 50051') && ends.has('at 50052'), [...ends].join());
  // Anything else goes to the catalogue, which has no such service.
  t.is((await ask({ ':path': '/shop.Other/Get' })).headers['grpc-status'], '12');

  session.close();
  await agent.stop();
  await Promise.all([...servers.values()].map((server) => server.stop()));
});
