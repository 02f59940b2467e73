// Two connections coupled as a proxy couples them: what one stream receives, another sends, with credit given as bytes
// leave. Large DATA goes through by reference, headers rewritten in the chunk, so every byte is compared.
import { randomBytes } from 'node:crypto';
import http2 from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { accept, connect, type Http2Limits, type Stream } from '../../agent/http2/index.ts';
import { ConnectionLog, echoWith, environment } from './connection-fixture.ts';
import { Coupling } from './coupling.ts';

/** A switch in front of that port: where it listens, and what it had to complain about. */
async function startSwitch(
  t: ExecutionContext,
  upstreamPort: number,
  limits: Partial<Http2Limits> = {},
): Promise<{ port: number; errors: () => string[] }> {
  const env = environment('server', limits);
  const upstreamLog = new ConnectionLog();
  const upstream = connect({ host: '127.0.0.1', port: upstreamPort }, null, env, upstreamLog, {
    connectTimeoutMs: 5000,
  });
  await upstreamLog.connected;
  const handler = { onStream: (s: Stream) => new Coupling(s, upstream), onRoom() {}, onGoAway() {}, onClosed() {} };
  const server = createServer((socket) => accept(socket, env, handler));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => {
    server.close();
    upstream.destroy(0, 'the test is over');
  });
  const errors = (): string[] => env.logs.filter(({ level }) => level === 'error').map(({ message }) => message);
  return { port: (server.address() as AddressInfo).port, errors };
}

function startEcho(t: ExecutionContext): Promise<number> {
  return echoWith(t, http2.createServer({ settings: { initialWindowSize: 300_000 } }));
}

function echoed(session: http2.ClientHttp2Session, body: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': '/test.Echo/Call' });
    const chunks: Buffer[] = [];
    let status: unknown;
    stream.on('trailers', (fields) => {
      status = fields['grpc-status'];
    });
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('error', reject);
    stream.on('close', () => (status === '0' ? resolve(Buffer.concat(chunks)) : reject(new Error('no trailers'))));
    stream.end(body);
  });
}

test('bodies of all sizes, at once and both ways, come through byte for byte', async (t) => {
  const { port, errors } = await startSwitch(t, await startEcho(t));
  const sessions = [http2.connect(`http://127.0.0.1:${port}`), http2.connect(`http://127.0.0.1:${port}`)];
  t.teardown(() => {
    for (const session of sessions) session.destroy();
  });
  const sizes = [0, 1, 100, 8191, 8192, 16_384, 16_385, 65_535, 65_536, 262_144, 1_000_000, 4_194_304];
  const bodies = [...sizes, ...sizes].map((size) => randomBytes(size));
  const answers = await Promise.all(bodies.map((body, i) => echoed(sessions[i % 2]!, body)));
  for (const [i, answer] of answers.entries()) t.true(answer.equals(bodies[i]!), `${bodies[i]!.length} bytes`);
  t.deepEqual(errors(), []);
});

test('nothing is lost or mixed up where few frames are handled in a turn and little fits the output', async (t) => {
  const tight = {
    maxFramesPerTurn: 2,
    outputBytes: 20_000,
    maxOutputBytes: 30_000,
    streamWindowBytes: 65_536,
    connectionWindowBytes: 65_535,
  };
  const { port, errors } = await startSwitch(t, await startEcho(t), tight);
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.teardown(() => session.destroy());
  const bodies = Array.from({ length: 40 }, (_, i) => randomBytes(i * 5000));
  const answers = await Promise.all(bodies.map((body) => echoed(session, body)));
  for (const [i, answer] of answers.entries()) t.true(answer.equals(bodies[i]!), `${bodies[i]!.length} bytes`);
  t.deepEqual(errors(), []);
});

test('a client that stops reading for a while gets every byte when it goes on', async (t) => {
  const { port, errors } = await startSwitch(t, await startEcho(t));
  const session = http2.connect(`http://127.0.0.1:${port}`);
  t.teardown(() => session.destroy());
  const body = randomBytes(6_000_000);
  const stream = session.request({ ':method': 'POST', ':path': '/test.Echo/Call' });
  stream.end(body);
  const chunks: Buffer[] = [];
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    // The whole chain backs up in the meantime.
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
  }
  t.true(Buffer.concat(chunks).equals(body));
  t.deepEqual(errors(), []);
});
