// (132) The same raw client and the same endpoint of node:http2, with a data plane between them and without one: a request
// in any order of frames, cut into any chunks, given up at any point, must look the same to the endpoint.
import type { IncomingHttpHeaders } from 'node:http2';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { startDataPlane } from '../support/data-plane.ts';
import { data, flag, H2Peer, headers, paddedData, request, rstStream, windowUpdate } from '../support/h2-peer.ts';
import { startHttp2Endpoint } from '../support/http2-call.ts';
import { plainMesh } from '../support/resources.ts';

const { endStream } = flag;
const CANCEL = 8;

interface Request {
  /** Sizes of the messages, and how much padding each has. */
  readonly pieces: readonly (readonly [bytes: number, padding: number])[];
  readonly ending: 'data' | 'empty data' | 'trailers';
  /** The client gives up in front of this frame; beyond the last one: never. The first is the head. */
  readonly cancelAt: number;
  readonly chunks: readonly number[];
}

const anyRequest: fc.Arbitrary<Request> = fc.record({
  pieces: fc.array(fc.tuple(fc.nat(16_000), fc.constantFrom(0, 0, 0, 7, 255)), { maxLength: 5 }),
  ending: fc.constantFrom('data', 'empty data', 'trailers'),
  cancelAt: fc.oneof(fc.constant(99), fc.integer({ min: 1, max: 6 })),
  chunks: fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 5 }),
});

function textOf({ pieces }: Request): string {
  return pieces.map(([bytes], i) => String.fromCharCode(97 + i).repeat(bytes)).join('');
}

/** The frames of a request on that stream, and whether the client gives it up. */
function framesOf(plan: Request, id: number): { readonly frames: Buffer[]; readonly isGivenUp: boolean } {
  const isHeadOnly = plan.ending === 'data' && plan.pieces.length === 0;
  const frames = [headers(id, [...request(), ['x-plan', 'some']], isHeadOnly ? endStream : 0)];
  for (const [i, [bytes, padding]] of plan.pieces.entries()) {
    const text = String.fromCharCode(97 + i).repeat(bytes);
    const flags = plan.ending === 'data' && i === plan.pieces.length - 1 ? endStream : 0;
    frames.push(padding === 0 ? data(id, text, flags) : paddedData(id, text, padding, flags));
  }
  if (plan.ending === 'empty data') frames.push(data(id, '', endStream));
  if (plan.ending === 'trailers') frames.push(headers(id, [['x-sum', '7']], endStream));
  const isGivenUp = plan.cancelAt < frames.length;
  if (isGivenUp) frames.splice(plan.cancelAt, frames.length, rstStream(id, CANCEL));
  return { frames, isGivenUp };
}

/** What an endpoint saw of a request, once its stream was over. */
interface Seen {
  readonly fields: IncomingHttpHeaders;
  readonly body: string;
  readonly trailers: IncomingHttpHeaders | null;
  readonly isWhole: boolean;
  readonly code: number;
}

async function startEndpoint() {
  const seen: Promise<Seen>[] = [];
  const endpoint = await startHttp2Endpoint((stream, fields) => {
    let body = '';
    let trailers: IncomingHttpHeaders | null = null;
    let isWhole = false;
    stream.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    stream.on('trailers', (received) => {
      trailers = { ...received };
    });
    stream.on('end', () => {
      isWhole = !stream.aborted;
      if (isWhole) stream.respond({ ':status': 200, 'grpc-status': '0' }, { endStream: true });
    });
    if (fields['x-plan'] === undefined) return;
    const { promise, resolve } = Promise.withResolvers<Seen>();
    stream.on('close', () => resolve({ fields: { ...fields }, body, trailers, isWhole, code: stream.rstCode }));
    seen.push(promise);
  });
  return { ...endpoint, seen };
}

/** Sends the request between two others, whose answers show that all there is to see has been seen. */
async function play(port: number, plan: Request): Promise<void> {
  const peer = await H2Peer.ready(port);
  peer.send(headers(1, request(), endStream), windowUpdate(0, 2 ** 20));
  await peer.expect('HEADERS', 1);
  const { frames } = framesOf(plan, 3);
  const bytes = Buffer.concat(frames);
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const size = plan.chunks[i % plan.chunks.length]!;
    peer.socket.write(bytes.subarray(at, at + size));
    at += size;
    await new Promise((resolve) => setImmediate(resolve));
  }
  peer.send(headers(5, request(), endStream));
  await peer.expect('HEADERS', 5);
  if (!framesOf(plan, 3).isGivenUp) await peer.expect('HEADERS', 3);
  peer.socket.destroy();
}

async function compare(t: ExecutionContext, plan: Request): Promise<void> {
  const endpoint = await startEndpoint();
  const plane = startDataPlane(plainMesh('echo', 'outbound', [endpoint.port]));
  await play(endpoint.port, plan);
  await play(await plane.port('echo'), plan);
  const [direct, through] = await Promise.all(endpoint.seen);
  plane.stop();
  await endpoint.stop();
  const what = JSON.stringify(plan);
  if (!framesOf(plan, 3).isGivenUp) {
    t.deepEqual(through, direct, what);
    t.true(through!.isWhole, what);
    t.is(through!.body, textOf(plan), what);
    return;
  }
  for (const { isWhole, code, body } of [direct!, through!]) {
    t.false(isWhole, what);
    t.is(code, CANCEL, what);
    t.true(textOf(plan).startsWith(body), what);
  }
}

test('(132) any request, cut anywhere and given up anywhere, looks to node:http2 as it does without the agent', async (t) => {
  const deadline = performance.now() + 1500;
  let plans = 0;
  await fc.assert(
    fc.asyncProperty(anyRequest, async (plan) => {
      if (plans >= 5 && performance.now() > deadline) return;
      plans++;
      await compare(t, plan);
    }),
    { seed: 132, numRuns: 100, endOnFailure: true },
  );
});
