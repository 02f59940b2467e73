// (110-119) Sockets that fill and drain, windows that open, shut and go below zero, frame sizes, resets, many streams at a
// time, all of it at random and repeatable: where there are bytes, credit and room on the socket, something moves; every
// byte arrives, in order; no window is ever exceeded.
import { Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { acceptInProcess } from '../../agent/http2/connection-socket.ts';
import { type Connection, connect, defaultLimits, type Stream } from '../../agent/http2/index.ts';
import { request } from '../support/h2-peer.ts';
import { ConnectionLog, environment, requestFields, StreamLog } from './connection-fixture.ts';
import { Coupling } from './coupling.ts';
import { bodyOf, Wire, WirePeer } from './flow-wire.ts';

type Step =
  | { readonly kind: 'begin'; readonly pieces: readonly number[]; readonly ends: 'trailers' | 'data' | 'later' }
  | { readonly kind: 'more'; readonly at: number; readonly pieces: readonly number[]; readonly ends: boolean }
  | { readonly kind: 'grant'; readonly at: number; readonly bytes: number }
  | { readonly kind: 'grant-all'; readonly bytes: number }
  | { readonly kind: 'initial-window'; readonly bytes: number }
  | { readonly kind: 'frame-size'; readonly bytes: number }
  | { readonly kind: 'shut' }
  | { readonly kind: 'take'; readonly bytes: number }
  | { readonly kind: 'open' }
  | { readonly kind: 'reset'; readonly at: number };

const pieces = fc.array(fc.oneof(fc.nat(40), fc.nat(3000), fc.nat(60_000), fc.nat(200_000)), { maxLength: 6 });
const at = fc.nat(7);
const bytes = fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 1, max: 80_000 }));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('begin'),
      pieces,
      ends: fc.constantFrom('trailers', 'trailers', 'data', 'later'),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('more'), at, pieces, ends: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('grant'), at, bytes }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('grant-all'), bytes }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('initial-window'),
      bytes: fc.oneof(fc.constant(0), fc.nat(100), fc.nat(70_000)),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('frame-size'), bytes: fc.integer({ min: 16_384, max: 100_000 }) }),
  },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'shut' }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('take'), bytes }) },
  { weight: 3, arbitrary: fc.constant<Step>({ kind: 'open' }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset'), at }) },
);
const script = fc.record({
  first: fc.oneof(fc.constant(0), fc.nat(70_000)),
  steps: fc.array(step, { minLength: 1, maxLength: 40 }),
});

/** What one side sends, as it was told to. */
interface Sender {
  readonly toSend: Map<number, { bytes: number; ended: boolean }>;
  begin(pieces: readonly number[], ends: 'trailers' | 'data' | 'later'): void;
  more(id: number, pieces: readonly number[], ends: boolean): void;
}

/** A second connection between the sender and the one under test. */
interface Beyond {
  readonly far: Wire;
  readonly hinder: (turn: number) => void;
}

/** Everything that was caused has happened: chunks wait for the end of their turn, and what they cause for its own. */
async function settled(...wires: readonly Wire[]): Promise<void> {
  const moves = (): number => wires.reduce((sum, wire) => sum + wire.moves, 0);
  for (let before = moves(), quiet = 0; quiet < 3; quiet++) {
    await new Promise((resolve) => setImmediate(resolve));
    if (moves() !== before) quiet = -1;
    before = moves();
  }
}

/** Streams that ought to move and do not. */
function stuck(peer: WirePeer, sender: Sender): string[] {
  return [...sender.toSend].flatMap(([id, { bytes: wanted, ended }]) => {
    const stream = peer.stream(id);
    if (stream.isReset) return [];
    const window = peer.windowOf(stream);
    if (stream.received < wanted) {
      return window > 0 ? [`stream ${id} stands at ${stream.received} of ${wanted} with a window of ${window}`] : [];
    }
    return ended && !stream.hasEnd ? [`stream ${id} has all its bytes and not its end`] : [];
  });
}

async function play(
  t: ExecutionContext,
  { steps }: { readonly steps: readonly Step[] },
  peer: WirePeer,
  sender: Sender,
  beyond: Beyond | null = null,
): Promise<void> {
  const { wire } = peer;
  const wires = beyond === null ? [wire] : [wire, beyond.far];
  const live = (index: number): number | undefined => {
    const ids = [...sender.toSend.keys()].filter((id) => !peer.stream(id).isReset);
    return ids[index % Math.max(1, ids.length)];
  };
  await settled(...wires);
  for (const [turn, each] of steps.entries()) {
    beyond?.hinder(turn);
    switch (each.kind) {
      case 'begin':
        sender.begin(each.pieces, each.ends);
        break;
      case 'more': {
        const id = live(each.at);
        if (id !== undefined) sender.more(id, each.pieces, each.ends);
        break;
      }
      case 'grant': {
        const id = live(each.at);
        // A stream that has ended is none to give a window to.
        if (id !== undefined && !peer.stream(id).hasEnd) peer.grant(id, each.bytes);
        break;
      }
      case 'grant-all':
        peer.grant(0, each.bytes);
        break;
      case 'initial-window':
        peer.setWindow(each.bytes);
        break;
      case 'frame-size':
        peer.setFrameSize(each.bytes);
        break;
      case 'shut':
        wire.isOpen = false;
        break;
      case 'take':
        wire.release(each.bytes);
        break;
      case 'open':
        wire.open();
        break;
      case 'reset': {
        const id = live(each.at);
        if (id !== undefined) peer.reset(id);
        break;
      }
    }
    await settled(...wires);
    if (!wire.isFull && beyond?.far.isFull !== true) t.deepEqual(stuck(peer, sender), []);
    t.deepEqual(peer.faults, []);
  }
  wire.open();
  beyond?.far.open();
  peer.grant(0, 100_000_000);
  peer.setWindow(50_000_000);
  await settled(...wires);
  for (const [id, stream] of sender.toSend) {
    if (!stream.ended && !peer.stream(id).isReset) sender.more(id, [100], true);
  }
  await settled(...wires);
  t.deepEqual(stuck(peer, sender), []);
  t.deepEqual(peer.faults, []);
  for (const id of sender.toSend.keys()) t.true(peer.stream(id).isReset || peer.stream(id).hasEnd);
}

/** Sends on streams of a connection under test. */
class OwnSender implements Sender {
  readonly toSend = new Map<number, { bytes: number; ended: boolean }>();
  readonly #streams = new Map<number, Stream>();
  readonly #start: (begun: (stream: Stream) => void) => void;

  constructor(start: (begun: (stream: Stream) => void) => void) {
    this.#start = start;
  }

  begin(sizes: readonly number[], ends: 'trailers' | 'data' | 'later'): void {
    this.#start((stream) => {
      this.#streams.set(stream.id, stream);
      this.toSend.set(stream.id, { bytes: 0, ended: false });
      this.#send(stream, sizes, ends === 'data');
      if (ends === 'trailers') this.#end(stream);
    });
  }

  more(id: number, sizes: readonly number[], ends: boolean): void {
    const stream = this.#streams.get(id)!;
    if (this.toSend.get(id)!.ended) return;
    this.#send(stream, sizes, false);
    if (ends) this.#end(stream);
  }

  #send(stream: Stream, sizes: readonly number[], ends: boolean): void {
    const sent = this.toSend.get(stream.id)!;
    sizes.forEach((size, i) => {
      const piece = bodyOf(stream.id, sent.bytes, sent.bytes + size);
      sent.bytes += size;
      sent.ended = ends && i === sizes.length - 1;
      stream.sendData(piece, 0, size, sent.ended);
    });
  }

  #end(stream: Stream): void {
    this.toSend.get(stream.id)!.ended = true;
    stream.sendHeaders(trailers, true);
  }
}

const { shapes } = environment('server');
const trailers = shapes.block([['grpc-status', '0']]);
const head = shapes.block([[':status', '200']]);
const limits = { outputBytes: 20_000, streamWindowBytes: 70_000, connectionWindowBytes: 200_000 };
const runs = { seed: 119, interruptAfterTimeLimit: 2500 };

function inProcess(wire: Wire, log: ConnectionLog, env: ReturnType<typeof environment>): Promise<Connection> {
  const connection = connect({ open: () => wire }, null, env, log, { connectTimeoutMs: 5000 });
  return log.connected.then(() => connection);
}

test('a server sends what its client lets it send, whatever the socket and the windows do', async (t) => {
  await fc.assert(
    fc.asyncProperty(script, async (played) => {
      const env = environment('server', limits);
      const log = new ConnectionLog();
      const wire = new Wire();
      const connection = acceptInProcess(wire, new Socket(), env, log);
      const peer = new WirePeer(wire, 'client', played.first);
      let nextId = 1;
      const sender = new OwnSender((begun) => {
        log.onNewStream = (stream) => {
          stream.onEvent = (own, event) => {
            if (event.kind !== 'headers') return;
            own.sendHeaders(head, false);
            begun(own);
          };
        };
        peer.open(nextId, request(), true);
        nextId += 2;
      });
      await play(t, played, peer, sender);
      connection.destroy(0, 'the test is over');
      await log.closed;
    }),
    { ...runs, numRuns: 300 },
  );
});

test('a client sends what its server lets it send, whatever the socket and the windows do', async (t) => {
  await fc.assert(
    fc.asyncProperty(script, async (played) => {
      const env = environment('client', { ...limits, resetsBeforeRotation: 0 });
      const log = new ConnectionLog();
      const wire = new Wire();
      const opening = inProcess(wire, log, env);
      const peer = new WirePeer(wire, 'server', played.first);
      const connection = await opening;
      const sender = new OwnSender((begun) => {
        const stream = connection.openStream(new StreamLog());
        stream.sendHeaders(env.shapes.block(requestFields), false);
        begun(stream);
      });
      await play(t, played, peer, sender);
      connection.destroy(0, 'the test is over');
      await log.closed;
    }),
    { ...runs, numRuns: 300 },
  );
});

/** An endpoint behind two coupled connections, whose streams have the ids of those that it answers. */
class EndpointSender implements Sender {
  readonly toSend = new Map<number, { bytes: number; ended: boolean }>();
  readonly #endpoint: WirePeer;
  readonly #client: WirePeer;
  #nextId = 1;

  constructor(endpoint: WirePeer, client: WirePeer) {
    this.#endpoint = endpoint;
    this.#client = client;
    endpoint.onStream = ({ id }) => {
      endpoint.open(id, [[':status', '200']], false);
      this.#send(id);
    };
  }

  begin(sizes: readonly number[], ends: 'trailers' | 'data' | 'later'): void {
    const id = this.#nextId;
    this.#nextId += 2;
    this.toSend.set(id, { bytes: sizes.reduce((sum, size) => sum + size, 0), ended: ends !== 'later' });
    this.#client.open(id, request(), true);
  }

  more(id: number, sizes: readonly number[], ends: boolean): void {
    const sent = this.toSend.get(id)!;
    if (sent.ended) return;
    sent.bytes += sizes.reduce((sum, size) => sum + size, 0);
    sent.ended = ends;
    if (this.#endpoint.streams.has(id)) this.#send(id);
  }

  /** What it has not been told to send yet. */
  #send(id: number): void {
    const { bytes: wanted, ended } = this.toSend.get(id)!;
    const stream = this.#endpoint.stream(id);
    this.#endpoint.sendBody(stream, wanted - stream.sent - stream.toSend, ended);
  }
}

test('what an endpoint answers goes through to a client, whatever the sockets and the windows on either side do', async (t) => {
  await fc.assert(
    fc.asyncProperty(script, script, async (played, other) => {
      const env = environment('server', limits);
      const upstreamLog = new ConnectionLog();
      const [near, far] = [new Wire(), new Wire()];
      const client = { ...env, limits: { ...defaultLimits('client'), ...limits, resetsBeforeRotation: 0 } };
      const opening = inProcess(far, upstreamLog, client);
      const endpoint = new WirePeer(far, 'server', other.first);
      const upstream = await opening;
      const handler = { onStream: (s: Stream) => new Coupling(s, upstream), onRoom() {}, onGoAway() {}, onClosed() {} };
      const downstream = acceptInProcess(near, new Socket(), env, handler);
      const peer = new WirePeer(near, 'client', played.first);
      // The way to the endpoint fills and drains too: calls and credit wait for it.
      const hindrances = other.steps.filter(({ kind }) => kind === 'shut' || kind === 'take' || kind === 'open');
      const hinder = (turn: number): void => {
        const next = hindrances[turn % Math.max(1, hindrances.length)];
        if (next?.kind === 'shut') far.isOpen = false;
        else if (next?.kind === 'take') far.release(next.bytes);
        else far.open();
      };
      await play(t, played, peer, new EndpointSender(endpoint, peer), { hinder, far });
      t.deepEqual(endpoint.faults, []);
      downstream.destroy(0, 'the test is over');
      upstream.destroy(0, 'the test is over');
      await upstreamLog.closed;
    }),
    { ...runs, numRuns: 300 },
  );
});
