// Large responses are decoded a bit at a time, and all that a stream says stays in order.
import test from 'ava';
import { createPacedTransport } from '../../xds/paced-transport.ts';
import type { AnyMessage, DeltaDiscoveryResponse } from '../../xds/protos.ts';
import { ResourceCache } from '../../xds/resource-cache.ts';
import { dataErrorPolicy } from '../../xds/server-features.ts';
import type { StreamEvents, Transport } from '../../xds/transport.ts';
import { decodeOptions } from './decoding.ts';
import { cluster } from './messages.ts';

const kibibyte: AnyMessage = { type_url: 'type.googleapis.com/any', value: new Uint8Array(1024) };

function responseOf(nonce: string, resources: number): DeltaDiscoveryResponse {
  return { nonce, resources: Array.from({ length: resources }, () => ({ resource: { ...kibibyte } })) };
}

/** A paced stream, what came of it, and the turns that it asks for. */
function open() {
  const said: string[] = [];
  const turns: (() => void)[] = [];
  let decoded = 0;
  let events: StreamEvents<DeltaDiscoveryResponse> | undefined;
  const inner: Transport = {
    target: 'inner',
    openSotw: () => {
      throw new Error('delta is spoken');
    },
    openDelta: (given) => {
      events = given;
      return {
        send: () => {},
        close: () => said.push('close'),
        pause: () => said.push('pause'),
        resume: () => said.push('resume'),
      };
    },
  };
  const paced = createPacedTransport({
    transport: inner,
    decodeAhead: () => {
      decoded += 1;
    },
    yieldTurn: (callback) => turns.push(callback),
  });
  const stream = paced.openDelta({
    onOpen: () => said.push('open'),
    onResponse: ({ nonce = '' }) => said.push(nonce),
    onEnd: ({ details }) => said.push(`end: ${details}`),
  });
  if (events === undefined) throw new Error('no stream was opened');
  return {
    said,
    stream,
    events,
    decoded: () => decoded,
    /** Takes the next turn; false where none is asked for. */
    turn: () => {
      const next = turns.shift();
      next?.();
      return next !== undefined;
    },
  };
}

test('small responses are handed on at once', (t) => {
  const { said, events, turn } = open();
  events.onOpen();
  events.onResponse(responseOf('1', 1));
  events.onResponse(responseOf('2', 32));
  events.onEnd({ code: 0, details: 'over' });
  t.deepEqual(said, ['open', '1', '2', 'end: over']);
  t.false(turn());
});

test('cases 88, 90 in delta: a large one is decoded 32 KiB a turn, and no other is read meanwhile', (t) => {
  const { said, events, decoded, turn } = open();
  events.onResponse(responseOf('large', 100));
  const counts = [decoded()];
  while (turn()) counts.push(decoded());
  t.deepEqual(counts, [32, 64, 96, 100]);
  t.deepEqual(said, ['pause', 'large', 'resume']);
});

test('what comes behind it waits, and so does the end', (t) => {
  const { said, events, turn } = open();
  events.onResponse(responseOf('large', 40));
  events.onResponse(responseOf('small', 1));
  events.onResponse(responseOf('large again', 40));
  events.onEnd({ code: 14, details: 'gone' });
  t.deepEqual(said, ['pause']);
  while (turn());
  t.deepEqual(said, ['pause', 'large', 'small', 'large again', 'end: gone']);
});

test('of a stream that is closed meanwhile nothing follows', (t) => {
  const { said, stream, events, decoded, turn } = open();
  events.onResponse(responseOf('large', 100));
  stream.close();
  while (turn());
  t.deepEqual(said, ['pause', 'close']);
  t.is(decoded(), 32);
});

test('what was decoded ahead is not decoded again', (t) => {
  let reads = 0;
  const read: typeof decodeOptions.read = (typeName, bytes) => {
    reads += 1;
    return decodeOptions.read(typeName, bytes);
  };
  const cache = new ResourceCache({ type: 'cluster', decode: { ...decodeOptions, read }, now: () => 0 });
  const any = cluster('a');
  const update = (message: AnyMessage) => ({
    type: 'cluster' as const,
    version: '1',
    nonce: '1',
    resources: [
      { kind: 'resource' as const, name: null, isNameBinding: false, version: '1', ttlMs: null, any: message },
    ],
    resourceErrors: [],
    removed: [],
    isComplete: false,
  });
  cache.decodeAhead(any);
  const readsAhead = reads;
  t.true(readsAhead > 0);
  t.is(cache.apply(update(any), () => true, dataErrorPolicy({ features: [] })).changed.length, 1);
  t.is(reads, readsAhead);
  // In state of the world nearly everything is as it was.
  const again = { ...any, value: new Uint8Array(any.value) };
  cache.decodeAhead(again);
  t.is(cache.apply(update(again), () => true, dataErrorPolicy({ features: [] })).changed.length, 0);
  t.is(reads, readsAhead);
});
