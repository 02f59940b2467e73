// The same history of snapshots leads to the same data plane, in state of the world and in delta, whatever breaks on
// the way. Sessions of the server, client, dependency manager and a model of the data plane, without sockets.
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import {
  DependencyManager,
  type StreamEvents,
  type Transport,
  type TransportStream,
  XdsClient,
} from '../../xds/index.ts';
import type { AdsMode } from '../../xds/model/bootstrap.ts';
import type { Resource } from '../../xds/model/resource.ts';
import { loadProtos } from '../../xds/protos.ts';
import { AdsSession } from '../../xds/server/ads-session.ts';
import type { ClientSession, SessionHooks } from '../../xds/server/client-session.ts';
import { DeltaSession } from '../../xds/server/delta-session.ts';
import { compileSnapshot, type Snapshot } from '../../xds/server/snapshot.ts';
import { bootstrapFor } from '../xds/client-harness.ts';
import { DataPlaneModel } from '../xds/data-plane-model.ts';
import { turns } from '../xds/mesh-harness.ts';
import { VirtualClock } from '../xds/virtual-clock.ts';
import { cluster, endpoints, listener, route } from './resources.ts';

const protos = loadProtos();

/** A server that a test can cut off. */
class SessionTransport implements Transport {
  readonly target = 'sessions';
  #snapshot: Snapshot = compileSnapshot([], [], protos.pack);
  #session: Pick<ClientSession<never>, 'setSnapshot'> | null = null;
  #cut: () => void = () => {};

  openSotw: Transport['openSotw'] = (events) => this.#open(events, (hooks) => new AdsSession(hooks));
  openDelta: Transport['openDelta'] = (events) => this.#open(events, (hooks) => new DeltaSession(hooks));

  set(resources: readonly Resource[]): void {
    this.#snapshot = compileSnapshot(resources, [], protos.pack);
    this.#session?.setSnapshot(this.#snapshot);
  }

  cut(): void {
    this.#cut();
  }

  #open<Request, Response>(
    events: StreamEvents<Response>,
    create: (hooks: SessionHooks<Response>) => ClientSession<Request>,
  ): TransportStream<Request> {
    let isOver = false;
    const later = (what: () => void) => {
      queueMicrotask(() => {
        if (!isOver) what();
      });
    };
    const session = create({
      send: (response) => later(() => events.onResponse(response)),
      onReject: ({ detail }) => {
        throw new Error(detail);
      },
    });
    session.setSnapshot(this.#snapshot);
    this.#session = session;
    later(() => events.onOpen());
    this.#cut = () => {
      isOver = true;
      this.#session = null;
      queueMicrotask(() => events.onEnd({ code: 14, details: 'cut' }));
    };
    return {
      send: (request) => later(() => session.request(request)),
      close: () => {
        isOver = true;
      },
    };
  }
}

interface Step {
  readonly clusters: readonly ('a' | 'b' | 'c')[];
  /** Of the route; may name a cluster that is not there. */
  readonly to: 'a' | 'b' | 'c';
  readonly port: number;
  readonly hasListener: boolean;
  readonly hasEndpoints: boolean;
  readonly isCutBefore: boolean;
  /** Whether the client has time to follow before the next step. */
  readonly isFollowed: boolean;
}

function resourcesOf({ clusters, to, port, hasListener, hasEndpoints }: Step): Resource[] {
  const named = clusters.flatMap((name) => [cluster(name), ...(hasEndpoints ? [endpoints(name, port)] : [])]);
  return [...named, ...(hasListener ? [listener('l')] : []), route('mesh', to)];
}

/** What the data plane has after the last step, once everything has calmed down. */
async function play(t: ExecutionContext, mode: AdsMode, steps: readonly Step[]): Promise<object> {
  const transport = new SessionTransport();
  const clock = new VirtualClock();
  const dataPlane = new DataPlaneModel();
  const environment = { log: () => {}, setTimer: clock.setTimer };
  const client = new XdsClient({
    bootstrap: bootstrapFor('nowhere'),
    transport: () => transport,
    mode,
    now: clock.now,
    random: () => 0.5,
    ...environment,
  });
  const manager = new DependencyManager({
    client,
    resolve: async () => ({ addresses: [], ttlMs: null }),
    onUpdate: (update) => dataPlane.apply(update),
    onReady: () => {},
    ...environment,
  });
  client.start();
  manager.start();
  await turns();
  for (const step of steps) {
    if (step.isCutBefore) transport.cut();
    transport.set(resourcesOf(step));
    if (step.isFollowed) await turns();
  }
  for (let seconds = 0; seconds < 60; seconds += 5) {
    clock.advance(5000);
    await turns();
  }
  manager.stop();
  client.stop();
  t.is(client.statuses()[0]?.counts.get('sessions')?.updates.cluster.invalid, 0);
  const { listeners, routes, clusters, endpoints: assignments } = dataPlane;
  const byName = (map: ReadonlyMap<string, unknown>) =>
    Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
  return [listeners, routes, clusters, assignments].map(byName);
}

test('any history of snapshots and broken streams ends in the same model in both modes', async (t) => {
  const name = fc.constantFrom('a' as const, 'b' as const, 'c' as const);
  const step: fc.Arbitrary<Step> = fc.record({
    clusters: fc.uniqueArray(name),
    to: name,
    port: fc.integer({ min: 1, max: 3 }),
    hasListener: fc.boolean(),
    // Endpoints that are gone stay valid while their cluster is there, so which ones are left hangs on who saw them.
    hasEndpoints: fc.constant(true),
    isCutBefore: fc.boolean(),
    isFollowed: fc.boolean(),
  });
  const history = fc.array(step, { minLength: 1, maxLength: 6 });
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      t.deepEqual(await play(t, 'delta', steps), await play(t, 'sotw', steps));
    }),
    { seed: 5, numRuns: 150, interruptAfterTimeLimit: 4_000 },
  );
});
