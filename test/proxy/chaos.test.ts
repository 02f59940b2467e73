// (132) The same client and the same endpoint, with a data plane between them and without one: an endpoint that answers
// in any order of frames, cut into any chunks, with pauses, resets and GOAWAYs in between, must look the same to
// node:http2. What the agent may say in other words than the endpoint (case 78) is put into the same words first.
import http2 from 'node:http2';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { startDataPlane } from '../support/data-plane.ts';
import {
  data,
  type Fields,
  flag,
  goAway,
  H2Peer,
  headers,
  paddedData,
  rstStream,
  settings,
  settingsAck,
} from '../support/h2-peer.ts';
import { call } from '../support/http2-call.ts';
import { okTrailers, responseHead } from '../support/raw-mesh.ts';
import { plainMesh } from '../support/resources.ts';

const { endStream } = flag;
const { NGHTTP2_NO_ERROR, NGHTTP2_REFUSED_STREAM, NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR } = http2.constants;

/** How the endpoint ends its answer. */
type Ending =
  | { readonly kind: 'trailers'; readonly status: number }
  | { readonly kind: 'bare' }
  | { readonly kind: 'reset'; readonly code: number };

interface Answer {
  /** Sizes of the messages, and how much padding each has. */
  readonly pieces: readonly (readonly [bytes: number, padding: number])[];
  readonly informational: number;
  readonly ending: Ending;
  /** RST_STREAM(NO_ERROR) follows the end. */
  readonly resetsBehind: boolean;
  /** A GOAWAY that lets the call end, behind so many frames; -1: none. */
  readonly goAwayAt: number;
  readonly requestBytes: number;
  /** The answer begins before the request has ended. */
  readonly isEarly: boolean;
}

const ending: fc.Arbitrary<Ending> = fc.oneof(
  fc.record({ kind: fc.constant('trailers' as const), status: fc.nat(16) }),
  fc.constant({ kind: 'bare' as const }),
  fc.record({
    kind: fc.constant('reset' as const),
    code: fc.constantFrom(NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, 11, 3),
  }),
);

const answer: fc.Arbitrary<Answer> = fc.record({
  pieces: fc.array(
    fc.tuple(
      fc.nat(20_000).map((n) => Math.min(n, 16_000)),
      fc.constantFrom(0, 0, 0, 7, 255),
    ),
    { maxLength: 6 },
  ),
  informational: fc.nat(2),
  ending,
  resetsBehind: fc.boolean(),
  goAwayAt: fc.integer({ min: -1, max: 4 }),
  requestBytes: fc.constantFrom(0, 1, 5000, 40_000),
  isEarly: fc.boolean(),
});

/** The frames of an answer on that stream. */
function framesOf(plan: Answer, id: number): Buffer[] {
  const interim: Fields = [[':status', '103']];
  const frames = Array.from({ length: plan.informational }, () => headers(id, interim));
  frames.push(headers(id, responseHead));
  for (const [i, [bytes, padding]] of plan.pieces.entries()) {
    const text = String.fromCharCode(97 + i).repeat(bytes);
    frames.push(padding === 0 ? data(id, text) : paddedData(id, text, padding));
  }
  if (plan.ending.kind === 'bare') frames.push(data(id, '', endStream));
  else if (plan.ending.kind === 'reset') frames.push(rstStream(id, plan.ending.code));
  else if (plan.ending.status === 0) frames.push(okTrailers(id));
  else
    frames.push(
      headers(
        id,
        [
          ['grpc-status', String(plan.ending.status)],
          ['grpc-message', 'why'],
        ],
        endStream,
      ),
    );
  if (plan.goAwayAt >= 0) frames.splice(Math.min(plan.goAwayAt, frames.length), 0, goAway(id, 0));
  if (plan.resetsBehind && plan.ending.kind !== 'reset') frames.push(rstStream(id, NGHTTP2_NO_ERROR));
  return frames;
}

/** Plays the endpoint's part of one call on a new connection, in chunks of these sizes, each in a turn of its own. */
async function playEndpoint(next: () => Promise<H2Peer>, plan: Answer, chunks: readonly number[]): Promise<void> {
  const peer = await next();
  peer.send(settings(), settingsAck());
  const { streamId } = await peer.expect('HEADERS');
  if (!plan.isEarly && plan.requestBytes > 0) await peer.expect('DATA', streamId, (last) => last.endStream);
  const bytes = Buffer.concat(framesOf(plan, streamId));
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = chunks[i % chunks.length]!;
    peer.socket.write(bytes.subarray(at, at + size));
    at += size;
    await new Promise((resolve) => setImmediate(resolve));
  }
  await peer.closed;
  peer.socket.destroy();
}

/** What a client sees of one call to that port. */
async function seen(port: number, plan: Answer) {
  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  const {
    headers: head,
    body,
    trailers,
    code,
  } = await call(session, {}, plan.requestBytes === 0 ? undefined : Buffer.alloc(plan.requestBytes));
  session.destroy();
  const isReset = code !== NGHTTP2_NO_ERROR;
  return {
    status: head[':status'],
    type: head['content-type'],
    // What had come before a reset may be dropped by either side of it.
    body: isReset ? '' : body.toString(),
    trailers: trailers === null ? null : { ...trailers },
    code,
  };
}

async function compare(t: ExecutionContext, plan: Answer, chunks: readonly number[]): Promise<void> {
  const endpoint = await H2Peer.listen();
  const plane = startDataPlane(plainMesh('echo', 'outbound', [endpoint.port]));
  const port = await plane.port('echo');
  const [direct] = await Promise.all([seen(endpoint.port, plan), playEndpoint(endpoint.next, plan, [65_536])]);
  const played = playEndpoint(endpoint.next, plan, chunks);
  const through = await seen(port, plan);
  plane.stop();
  endpoint.close();
  await played;
  t.deepEqual(through, direct, JSON.stringify({ plan, chunks }));
  t.not(through.code, NGHTTP2_REFUSED_STREAM);
}

test('(132) any answer, cut anywhere, looks to node:http2 as it does without the agent', async (t) => {
  const deadline = performance.now() + 1500;
  let plans = 0;
  await fc.assert(
    fc.asyncProperty(
      answer,
      fc.array(fc.integer({ min: 1, max: 9000 }), { minLength: 1, maxLength: 5 }),
      async (plan, chunks) => {
        if (plans >= 5 && performance.now() > deadline) return;
        plans++;
        await compare(t, plan, chunks);
      },
    ),
    { seed: 132, numRuns: 100, endOnFailure: true },
  );
});
