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

/**
 * Puts a flood of 1 GiB behind a reader that does not read, waits until nothing moves any more, and answers what was
 * taken and by how much the agent grew. `begin` starts the call at hand and answers the stream to write to.
 */
async function growthUnderFlood(
  onStream: (stream: http2.ServerHttp2Stream, isWarmUp: boolean) => void,
  warmUpBody: Buffer,
  begin: (request: (path: string) => http2.ClientHttp2Stream) => Promise<http2.Http2Stream>,
): Promise<{ takenMiB: number; arrayBuffersMiB: number; residentMiB: number }> {
  const server = http2.createServer();
  server.on('stream', (stream: http2.ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => {
    stream.on('error', () => {});
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
    onStream(stream, headers[':path'] === '/test.Warm/Up');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const agent = await startDataPlane((server.address() as AddressInfo).port);
  const client = http2.connect(`http://127.0.0.1:${agent.port}`);
  const request = (path: string): http2.ClientHttp2Stream => {
    const stream = client.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
    });
    stream.on('error', () => {});
    return stream;
  };
  // What the first large messages leave behind (code, pools, slabs) is not growth.
  for (let i = 0; i < 3; i++) {
    const warm = request('/test.Warm/Up');
    warm.end(warmUpBody);
    await new Promise((resolve) => warm.on('close', resolve).resume());
  }
  const before = await agent.memory();
  const flood = pump(await begin(request), 1024 * MIB);
  await flood.stalled();
  const during = await agent.memory();
  client.destroy();
  await agent.stop();
  server.close();
  return {
    takenMiB: flood.taken() / MIB,
    arrayBuffersMiB: (during.arrayBuffers - before.arrayBuffers) / MIB,
    residentMiB: (during.rss - before.rss) / MIB,
  };
}

test('a stalled reader of a 1 GiB response grows the agent by less than 4 MiB', async (t) => {
  let flooding: (stream: http2.ServerHttp2Stream) => void = () => {};
  const stream = new Promise<http2.ServerHttp2Stream>((resolve) => {
    flooding = resolve;
  });
  const { takenMiB, arrayBuffersMiB, residentMiB } = await growthUnderFlood(
    (opened, isWarmUp) => (isWarmUp ? void opened.end(Buffer.alloc(8 * MIB)) : flooding(opened)),
    Buffer.alloc(0),
    async (request) => {
      await once(request('/test.Bulk/Read'), 'response');
      return stream;
    },
  );
  t.true(takenMiB < 64, `the upstream was not stopped: ${takenMiB} MiB were taken`);
  t.true(arrayBuffersMiB < 4, `arrayBuffers grew by ${arrayBuffersMiB} MiB`);
  t.true(residentMiB < 4, `the resident set grew by ${residentMiB} MiB`);
});

test('a stalled endpoint stops a 1 GiB request, and the agent grows by less than 4 MiB', async (t) => {
  const { takenMiB, arrayBuffersMiB, residentMiB } = await growthUnderFlood(
    (opened, isWarmUp) => void (isWarmUp ? opened.resume().on('end', () => opened.end()) : opened.pause()),
    Buffer.alloc(8 * MIB),
    async (request) => {
      const writer = request('/test.Bulk/Write');
      await once(writer, 'response');
      return writer;
    },
  );
  t.true(takenMiB < 64, `the client was not stopped: ${takenMiB} MiB were taken`);
  t.true(arrayBuffersMiB < 4, `arrayBuffers grew by ${arrayBuffersMiB} MiB`);
  t.true(residentMiB < 4, `the resident set grew by ${residentMiB} MiB`);
});
