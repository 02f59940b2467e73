// A reader that stops reading costs the agent a window, not a stream (http2.md section 2, case 108).
import { fork } from 'node:child_process';
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import test from 'ava';
import type { Up } from '../../agent/link.ts';
import { plainMesh } from '../support/resources.ts';

const MIB = 1024 * 1024;

interface Memory {
  readonly kind: 'memory';
  readonly arrayBuffers: number;
  readonly rss: number;
}

async function startDataPlane(endpointPort: number) {
  const child = fork(new URL('../support/data-plane-child.ts', import.meta.url), {
    execArgv: ['--expose-gc', '--max-semi-space-size=1'],
  });
  const answer = <Kind extends string>(kind: Kind): Promise<Extract<Up | Memory, { kind: Kind }>> =>
    new Promise((resolve) => {
      const listen = (message: Up | Memory): void => {
        if (message.kind !== kind) return;
        child.off('message', listen);
        resolve(message as Extract<Up | Memory, { kind: Kind }>);
      };
      child.on('message', listen);
    });
  const bound = answer('listener-bound');
  child.send({
    kind: 'config',
    version: 1,
    update: { upsert: plainMesh('app', 'inbound', [endpointPort]), remove: [] },
  });
  return {
    port: (await bound).port,
    memory: () => {
      const memory = answer('memory');
      child.send('memory');
      return memory;
    },
    stop: async () => {
      const exited = once(child, 'exit');
      child.disconnect();
      await exited;
    },
  };
}

/** Writes `total` bytes to a stream as fast as it takes them; answers how to learn how much was taken. */
function pump(stream: http2.Http2Stream, total: number): { taken: () => number; stalled: () => Promise<void> } {
  const chunk = Buffer.alloc(MIB / 4, 7);
  let taken = 0;
  const write = (): void => {
    while (taken < total) {
      taken += chunk.length;
      if (!stream.write(chunk)) {
        stream.once('drain', write);
        return;
      }
    }
  };
  write();
  return {
    taken: () => taken,
    // Two pings to the other end and back without a byte taken: nothing moves any more.
    stalled: async () => {
      for (let before = -1; before !== taken; ) {
        before = taken;
        for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => stream.session?.ping(() => resolve()));
      }
    },
  };
}

test('a stalled reader of a 1 GiB response grows the agent by less than 4 MiB', async (t) => {
  const server = http2.createServer();
  const streams: http2.ServerHttp2Stream[] = [];
  server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    if (headers[':path'] === '/test.Warm/Up') stream.end(Buffer.alloc(8 * MIB));
    else streams.push(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = await startDataPlane((server.address() as AddressInfo).port);
  const client = http2.connect(`http://127.0.0.1:${agent.port}`);
  const request = (path: string): http2.ClientHttp2Stream =>
    client.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });

  // What a first large response leaves behind (code, pools, slabs) is not growth.
  for (let i = 0; i < 3; i++) await new Promise((resolve) => request('/test.Warm/Up').on('close', resolve).resume());
  const before = await agent.memory();

  const reader = request('/test.Bulk/Read');
  await once(reader, 'response');
  const stream = streams[0]!;
  const flood = pump(stream, 1024 * MIB);
  await flood.stalled();
  const during = await agent.memory();
  t.true(flood.taken() < 64 * MIB, `the upstream was not stopped: ${flood.taken() / MIB} MiB were taken`);
  t.true(
    during.arrayBuffers - before.arrayBuffers < 4 * MIB,
    `arrayBuffers grew by ${(during.arrayBuffers - before.arrayBuffers) / MIB} MiB`,
  );
  t.true(during.rss - before.rss < 4 * MIB, `the resident set grew by ${(during.rss - before.rss) / MIB} MiB`);

  reader.close(http2.constants.NGHTTP2_CANCEL);
  client.destroy();
  await agent.stop();
  server.close();
});

test('a stalled endpoint stops a 1 GiB request, and the agent grows by less than 4 MiB', async (t) => {
  const server = http2.createServer();
  const arrived = new Promise<http2.ServerHttp2Stream>((resolve) => {
    server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
      stream.on('error', () => {});
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      if (headers[':path'] === '/test.Warm/Up') stream.resume().on('end', () => stream.end());
      else resolve(stream.pause());
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = await startDataPlane((server.address() as AddressInfo).port);
  const client = http2.connect(`http://127.0.0.1:${agent.port}`);
  const request = (path: string): http2.ClientHttp2Stream =>
    client.request({ ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' });
  for (let i = 0; i < 3; i++) {
    const warm = request('/test.Warm/Up');
    warm.end(Buffer.alloc(8 * MIB));
    await new Promise((resolve) => warm.on('close', resolve).resume());
  }
  const before = await agent.memory();

  const writer = request('/test.Bulk/Write');
  writer.on('error', () => {});
  await arrived;
  const flood = pump(writer, 1024 * MIB);
  await flood.stalled();
  const during = await agent.memory();
  t.true(flood.taken() < 64 * MIB, `the client was not stopped: ${flood.taken() / MIB} MiB were taken`);
  t.true(
    during.arrayBuffers - before.arrayBuffers < 4 * MIB,
    `arrayBuffers grew by ${(during.arrayBuffers - before.arrayBuffers) / MIB} MiB`,
  );
  t.true(during.rss - before.rss < 4 * MIB, `the resident set grew by ${(during.rss - before.rss) / MIB} MiB`);

  writer.close(http2.constants.NGHTTP2_CANCEL);
  client.destroy();
  await agent.stop();
  server.close();
});
