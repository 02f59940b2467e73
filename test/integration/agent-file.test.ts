// `outrigger run -c agent.yaml` as its user sees it: calls go where the file says, and saving it changes that without
// losing one.
import { once } from 'node:events';
import { copyFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import grpc from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { type AgentProcess, startAgentProcess } from '../support/agent-process.ts';
import { EchoClient, startEchoServer, type UnaryResult } from '../support/echo-service.ts';
import { call } from '../support/http2-call.ts';

const applied = 'the configuration file is applied';
const broken = 'the configuration file is broken; the last good one goes on serving';

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-file-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

async function run(t: ExecutionContext, file: string): Promise<AgentProcess> {
  const agent = await startAgentProcess({ xdsPort: 0, node: 'unused', args: ['-c', file] });
  t.teardown(() => agent.stop());
  return agent;
}

/** Resolves once the agent has said so for the `count`th time. */
async function said(agent: AgentProcess, message: string, count: number): Promise<void> {
  await agent.line(() => agent.lines.filter(({ msg }) => msg === message).length >= count);
}

/** A save is in use a moment after it is said to be: asks until it is. */
async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo()));
}

function endpointOf({ headers }: UnaryResult): string {
  return String(headers.get('x-endpoint')[0]);
}

function metadata(fields: Readonly<Record<string, string>>): grpc.Metadata {
  const found = new grpc.Metadata();
  for (const [name, value] of Object.entries(fields)) found.set(name, value);
  return found;
}

test('calls go where the first route that matches says, and a rejection is a gRPC status', async (t) => {
  const [v1, v2] = [await startEchoServer('v1'), await startEchoServer('v2')];
  const file = join(await folderOf(t), 'agent.yaml');
  await writeFile(
    file,
    `
frontends:
  - name: public
    listen: 127.0.0.1:0
    routes:
      - { match: { authority: gone.example }, reject: { status: NOT_FOUND, message: "100 % gone" } }
      - { match: { service: test.Echo, method: Unary, headers: { x-canary: "1" } }, backend: v2 }
      - { match: { service: test.* }, split: { v1: 1, v2: 0 } }
backends:
  v1: { endpoints: ["dns:///localhost:${v1.port}"] }
  v2: { endpoints: [127.0.0.1:${v2.port}] }
`,
  );
  const agent = await run(t, file);
  const port = await agent.listenerPort('public');
  const client = new EchoClient(port, 'echo.example:8443');
  const endpointFor = async (fields: Readonly<Record<string, string>>) =>
    endpointOf(await client.unary(Buffer.from('x'), metadata(fields)));
  t.is(await endpointFor({}), 'v1');
  t.is(await endpointFor({ 'x-canary': '1' }), 'v2');
  t.is(await endpointFor({ 'x-canary': '2' }), 'v1');
  const gone = new EchoClient(port, 'GONE.example:443');
  await t.throwsAsync(gone.unary(Buffer.from('x')), { message: '5 NOT_FOUND: 100 % gone' });
  t.is((await agent.get('/ready')).status, 200);
  client.close();
  gone.close();
  await Promise.all([v1.stop(), v2.stop()]);
});

test('saving the file under load moves the calls and loses none; a broken save changes nothing and is told', async (t) => {
  const servers = [await startEchoServer('a'), await startEchoServer('b')];
  const file = join(await folderOf(t), 'agent.yaml');
  const config = (name: string) => `
frontends: [{ name: public, listen: "127.0.0.1:0", routes: [{ backend: ${name} }] }]
backends:
  a: { endpoints: [127.0.0.1:${servers[0]?.port}] }
  b: { endpoints: [127.0.0.1:${servers[1]?.port}] }
`;
  await writeFile(file, config('a'));
  const agent = await run(t, file);
  const client = new EchoClient(await agent.listenerPort('public'), 'echo');

  const stream = client.bidi();
  // Whatever fails this test first is told, and not that its agent is stopped behind it.
  stream.on('error', () => {});
  stream.write(Buffer.from('before'));
  t.is(String((await once(stream, 'data'))[0]), 'before');

  let isOver = false;
  let calls = 0;
  const failures: string[] = [];
  const load = Promise.all(
    Array.from({ length: 8 }, async () => {
      while (!isOver) {
        calls++;
        try {
          await client.unary(Buffer.from('x'));
        } catch (error) {
          failures.push(String(error));
        }
      }
    }),
  );
  const seen: string[] = [];
  for (const [index, name] of ['b', 'a', 'b'].entries()) {
    await writeFile(file, config(name));
    await said(agent, applied, index + 1);
    await until(async () => endpointOf(await client.unary(Buffer.from('x'))) === name);
    seen.push(name);
  }
  await writeFile(file, config('bb'));
  await said(agent, broken, 1);
  const ready = await agent.get('/ready');
  t.is(ready.status, 200);
  t.regex(ready.text, /stale: the last save of .*agent\.yaml is broken/);
  t.regex(
    ready.text,
    /agent\.yaml:2:\d+: frontends\[0\]\.routes\[0\]\.backend: unknown backend "bb"; did you mean "b"\?/,
  );
  t.regex((await agent.get('/metrics')).text, /^outrigger_config_file_stale 1$/m);
  t.like(JSON.parse((await agent.get('/config_dump')).text), { configFile: { path: file, state: 'stale' } });
  t.is(endpointOf(await client.unary(Buffer.from('x'))), 'b');
  await writeFile(file, config('a'));
  await said(agent, applied, 4);
  t.notRegex((await agent.get('/ready')).text, /stale/);
  t.regex((await agent.get('/metrics')).text, /^outrigger_config_file_reloads_total\{result="applied"\} 4$/m);

  isOver = true;
  await load;
  t.deepEqual(failures, []);
  t.true(calls > 100, `only ${calls} calls were made`);
  t.deepEqual(seen, ['b', 'a', 'b']);

  stream.write(Buffer.from('after'));
  t.is(String((await once(stream, 'data'))[0]), 'after', 'a stream of before the saves goes on');
  stream.end();
  await once(stream, 'status');
  client.close();
  await Promise.all(servers.map((server) => server.stop()));
});

test('a renewed certificate is shown to the next connection; one that does not fit its key is not', async (t) => {
  const folder = await folderOf(t);
  const fixture = (name: string) => fileURLToPath(new URL(`../xds/fixtures/${name}`, import.meta.url));
  const install = async (name: string) => {
    await copyFile(fixture(`${name}-cert.pem`), join(folder, 'tls.crt'));
    await copyFile(fixture(`${name}-key.pem`), join(folder, 'tls.key'));
  };
  await install('loopback');
  const file = join(folder, 'agent.yaml');
  await writeFile(
    file,
    `
frontends:
  - { name: public, listen: "127.0.0.1:0", tls: { cert: tls.crt, key: tls.key }, routes: [{ backend: a }] }
backends: { a: { endpoints: [127.0.0.1:1] } }
`,
  );
  const agent = await run(t, file);
  const port = await agent.listenerPort('public');
  const shown = async (): Promise<string> => {
    const socket = connect({ host: '127.0.0.1', port, ALPNProtocols: ['h2'], rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const fingerprint = socket.getPeerX509Certificate()?.fingerprint256 ?? '';
    socket.destroy();
    return fingerprint;
  };
  const before = await shown();
  await install('mesh');
  await said(agent, applied, 1);
  await until(async () => (await shown()) !== before);
  const after = await shown();
  await copyFile(fixture('loopback-cert.pem'), join(folder, 'tls.crt'));
  await agent.line(({ msg, problems }) => msg === broken && String(problems).includes('does not belong'));
  t.is(await shown(), after);
});

test('a file that was gone and is back as it was is no longer stale', async (t) => {
  const folder = await folderOf(t);
  const file = join(folder, 'agent.yaml');
  const text = `
frontends: [{ name: public, listen: "127.0.0.1:0", routes: [{ backend: a }] }]
backends: { a: { endpoints: [127.0.0.1:1] } }
`;
  await writeFile(file, text);
  const agent = await run(t, file);
  await agent.listenerPort('public');
  await rm(file);
  await said(agent, broken, 1);
  const gone = await agent.get('/ready');
  t.is(gone.status, 200);
  t.regex(gone.text, /stale: .*\n.*agent\.yaml cannot be read/);
  await writeFile(file, text);
  await said(agent, applied, 1);
  t.is((await agent.get('/ready')).text, 'LIVE\n');
});

test('an endpoint may be a socket file', async (t) => {
  const folder = await folderOf(t);
  const server = http2.createServer();
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end('through a socket file');
  });
  server.listen(join(folder, 'app.sock'));
  await once(server, 'listening');
  const file = join(folder, 'agent.yaml');
  await writeFile(
    file,
    `
frontends: [{ name: public, listen: "127.0.0.1:0", routes: [{ backend: app }] }]
backends: { app: { endpoints: ["unix:${join(folder, 'app.sock')}"] } }
`,
  );
  const agent = await run(t, file);
  const session = http2.connect(`http://127.0.0.1:${await agent.listenerPort('public')}`);
  const answer = await call(session, {}, Buffer.alloc(5));
  t.is(String(answer.body), 'through a socket file');
  t.regex((await agent.get('/clusters')).text, /"address": "unix:.*app\.sock"/);
  session.close();
  server.close();
});

test('a call that failed is tried again where its route says so', async (t) => {
  let calls = 0;
  const server = http2.createServer();
  server.on('stream', (stream: http2.ServerHttp2Stream) => {
    calls++;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '10' }, { endStream: true });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const file = join(await folderOf(t), 'agent.yaml');
  await writeFile(
    file,
    `
frontends:
  - name: public
    listen: 127.0.0.1:0
    routes:
      - { match: { headers: { x-retry: "1" } }, backend: a, retry: { attempts: 3, on: [ABORTED], backoff: 1ms } }
      - { backend: a }
backends: { a: { endpoints: [127.0.0.1:${(server.address() as AddressInfo).port}] } }
`,
  );
  const agent = await run(t, file);
  const session = http2.connect(`http://127.0.0.1:${await agent.listenerPort('public')}`);
  t.is((await call(session, {}, Buffer.alloc(5))).headers['grpc-status'], '10');
  t.is(calls, 1);
  t.is((await call(session, { 'x-retry': '1' }, Buffer.alloc(5))).headers['grpc-status'], '10');
  t.is(calls, 4);
  session.close();
  server.close();
});
