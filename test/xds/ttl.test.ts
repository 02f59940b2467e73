// Resources with a time to live, in both modes (xds.md case 76; xDS protocol, "TTL").
import test, { type ExecutionContext } from 'ava';
import type { AnyMessage, ResourceMessage } from '../../xds/protos.ts';
import { type ClientHarness, startClient } from './client-harness.ts';
import { cluster, endpoints, pack, typeUrls } from './messages.ts';

/** A resource as both modes carry it; without `of` a heartbeat. */
function living(name: string, seconds: number | null, of: AnyMessage | null = null): ResourceMessage {
  return { name, version: '1', resource: of, ttl: seconds === null ? null : { seconds, nanos: 0 } };
}

interface Conversation {
  readonly harness: ClientHarness;
  /** Sends a response and waits until it was acknowledged. */
  respond(typeUrl: string, ...resources: ResourceMessage[]): Promise<void>;
  /** Ends the stream, and goes on with the next one. */
  breakStream(): Promise<void>;
}

/** `follow` asks for something; its requests are read. */
async function converse(
  t: ExecutionContext,
  mode: 'sotw' | 'delta',
  follow: (harness: ClientHarness) => number,
): Promise<Conversation> {
  const harness = await startClient(t, { mode }, { speaks: [mode] });
  const requests = follow(harness);
  const { server } = harness;
  if (mode === 'delta') {
    let stream = await server.nextDeltaStream();
    for (let i = 0; i < requests; i++) await stream.next();
    return {
      harness,
      respond: async (typeUrl, ...resources) => {
        const nonce = stream.respond(typeUrl, resources);
        t.like(await stream.next(), { response_nonce: nonce, error_detail: null });
      },
      breakStream: async () => {
        stream.end();
        stream = await server.nextDeltaStream();
        for (let i = 0; i < requests; i++) await stream.next();
      },
    };
  }
  let stream = await server.nextStream();
  for (let i = 0; i < requests; i++) await stream.next();
  return {
    harness,
    respond: async (typeUrl, ...resources) => {
      const wrapped = resources.map((resource) => pack('envoy.service.discovery.v3.Resource', resource));
      const nonce = stream.respond(typeUrl, 'v1', wrapped);
      t.like(await stream.next(), { response_nonce: nonce, error_detail: null });
    },
    breakStream: async () => {
      stream.end();
      stream = await server.nextStream();
      for (let i = 0; i < requests; i++) await stream.next();
    },
  };
}

for (const mode of ['sotw', 'delta'] as const) {
  test(`case 76 in ${mode}: a resource is gone when its time is over, and comes back when it is sent again`, async (t) => {
    let events: ReturnType<ClientHarness['watch']>;
    const { harness, respond } = await converse(t, mode, ({ watch }) => {
      events = watch('endpoints', 'a');
      return 1;
    });
    await respond(typeUrls.endpoints, living('a', 10, endpoints('a', 1)));
    t.deepEqual(await events!.next(), ['changed a']);
    harness.clock.advance(9_999);
    t.deepEqual(events!.events, ['changed a']);
    harness.clock.advance(1);
    t.deepEqual(await events!.next(), ['absent a']);
    t.is(harness.client.dump().endpoints[0]?.state, 'DOES_NOT_EXIST');
    await respond(typeUrls.endpoints, living('a', 10, endpoints('a', 1)));
    t.deepEqual(await events!.next(), ['changed a']);
  });

  test(`case 76 in ${mode}: heartbeats and repeats begin the time anew, without being told to anyone`, async (t) => {
    let events: ReturnType<ClientHarness['watch']>;
    const { harness, respond } = await converse(t, mode, ({ watch }) => {
      events = watch('endpoints', 'a');
      return 1;
    });
    await respond(typeUrls.endpoints, living('a', 10, endpoints('a', 1)));
    harness.clock.advance(9_000);
    await respond(typeUrls.endpoints, living('a', 10));
    harness.clock.advance(9_000);
    await respond(typeUrls.endpoints, living('a', 10, endpoints('a', 1)));
    harness.clock.advance(9_000);
    t.deepEqual(events!.events, ['changed a']);
    harness.clock.advance(1_000);
    t.deepEqual(events!.events, ['changed a', 'absent a']);
  });

  test(`case 76 in ${mode}: a version without a time to live takes it away; a heartbeat of what is not known is nothing`, async (t) => {
    let events: ReturnType<ClientHarness['watch']>;
    const { harness, respond } = await converse(t, mode, ({ watch }) => {
      events = watch('endpoints', 'a');
      watch('endpoints', 'b');
      return 1;
    });
    await respond(typeUrls.endpoints, living('a', 10, endpoints('a', 1)), living('b', 10));
    await respond(typeUrls.endpoints, living('a', null, endpoints('a', 2)));
    harness.clock.advance(60_000);
    t.deepEqual(events!.events, ['changed a', 'changed a']);
    t.deepEqual(
      harness.client.dump().endpoints.map(({ name, state }) => [name, state]),
      [
        ['a', 'ACKED'],
        ['b', 'DOES_NOT_EXIST'],
      ],
    );
  });

  test(`case 76 in ${mode}: a response of heartbeats removes nothing that it leaves out`, async (t) => {
    let events: ReturnType<ClientHarness['watchAll']>;
    const { respond } = await converse(t, mode, ({ watchAll }) => {
      events = watchAll('cluster');
      return 1;
    });
    await respond(typeUrls.cluster, living('a', 10, cluster('a')), living('b', null, cluster('b')));
    await respond(typeUrls.cluster, living('a', 10));
    t.deepEqual(await events!.next(2), ['update +a,b -', 'update + -']);
  });

  test(`case 76 in ${mode}: the time runs on while the server is away`, async (t) => {
    let events: ReturnType<ClientHarness['watchAll']>;
    const { harness, respond, breakStream } = await converse(t, mode, ({ watchAll }) => {
      events = watchAll('cluster');
      return 1;
    });
    await respond(typeUrls.cluster, living('a', 10, cluster('a')));
    await breakStream();
    harness.clock.advance(10_000);
    t.deepEqual(await events!.next(2), ['update +a -', 'update + -a']);
    t.truthy(await harness.logged('outlived its time to live'));
  });
}
