// What is done to a running mesh, one thing after another, drawn by chance: connections die in every way, endpoints come
// and go, configuration changes. Each that may cost calls is noted in the ledger; the others may cost none.

import { type Connection, ErrorCode } from '../../agent/http2/index.ts';
import type { ConnectionLife } from '../../xds/model/connection-life.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import { cluster, endpoints, forward, listener, route, routeConfiguration } from '../support/resources.ts';
import type { SoakClient } from './client.ts';
import type { SoakEndpoint } from './endpoint.ts';
import { breakerKind, type Ledger, refused } from './ledger.ts';
import type { Random } from './random.ts';
import { inTurn } from './world.ts';

export const keepaliveMs = 1500;
/** More than ever are under way: until it is found, a silent connection collects thousands. */
const maxRequests = 4096;
/** Of a breaker that trips at half load, and lets in nobody beyond. */
const trippedMaxRequests = 4;
/** A machine that is busy tells things late. */
const slackMs = 5000;
const meanPauseMs = 250;

export interface Mesh {
  readonly endpoints: readonly SoakEndpoint[];
  readonly clients: readonly SoakClient[];
  readonly apply: (upsert: readonly ServingResource[]) => void;
}

const lives: readonly ConnectionLife[] = [
  { keepalive: { intervalMs: keepaliveMs, timeoutMs: keepaliveMs }, idleTimeoutMs: 5000, maxDurationMs: 4000 },
  { keepalive: { intervalMs: keepaliveMs, timeoutMs: keepaliveMs }, idleTimeoutMs: null, maxDurationMs: null },
];

/** What the agent says of an endpoint whose connections break. */
const died = ['connection reset by the peer', 'the peer closed the connection', 'connection refused'];

const clusters = ['blue', 'green'] as const;

/** The whole configuration of a soak: one listener, two clusters with the same endpoints, of which the route takes one. */
export function firstResources(ports: readonly number[]): ServingResource[] {
  return [
    ...clusters.flatMap((name) => [clusterResource(name, lives[0]!), endpointsResource(name, ports)]),
    routeResource('blue'),
    listenerResource(lives[0]!, 1024),
  ];
}

function clusterResource(name: string, connectionLife: ConnectionLife, breaker = maxRequests): ServingResource {
  return { type: 'cluster', value: { ...cluster(name), connectionLife, maxRequests: breaker } };
}

function endpointsResource(name: string, ports: readonly number[]): ServingResource {
  return { type: 'endpoints', value: endpoints(name, ports) };
}

function routeResource(target: string): ServingResource {
  return { type: 'route', value: routeConfiguration('routes', { '*': [route(forward(target))] }) };
}

function listenerResource(connectionLife: ConnectionLife, maxConcurrentStreams: number): ServingResource {
  const value = listener('soak', 'outbound', 'routes');
  const filterChains = value.filterChains.map((chain) => ({
    ...chain,
    http: { ...chain.http, connectionLife, maxConcurrentStreams },
  }));
  return { type: 'listener', value: { ...value, filterChains } };
}

export class FaultInjector {
  /** How often each was done. */
  readonly done = new Map<string, number>();
  readonly #mesh: Mesh;
  readonly #ledger: Ledger;
  readonly #random: Random;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** One at a time, so that calls have somewhere to go. */
  #down: SoakEndpoint | null = null;
  readonly #stalled = new Map<Connection, SoakEndpoint>();
  #removed: SoakEndpoint | null = null;

  constructor(mesh: Mesh, ledger: Ledger, random: Random) {
    this.#mesh = mesh;
    this.#ledger = ledger;
    this.#random = random;
  }

  start(): void {
    this.#later(-Math.log(1 - this.#random.next()) * meanPauseMs, () => {
      this.#strike();
      this.start();
    });
  }

  /** Nothing more begins; what is down comes up again. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    for (const [connection, endpoint] of this.#stalled) endpoint.wake(connection);
    await this.#down?.listen();
  }

  #strike(): void {
    const kind = this.#random.weighted([
      ['connection reset', 6],
      ['connection closed with GOAWAY', 4],
      ['GOAWAY', 6],
      ['stall', 6],
      ['silence', 2],
      ['crash', 1],
      ['client cut', 4],
      ['endpoints changed', 8],
      ['cluster changed', 2],
      [breakerKind, 1],
      ['route changed', 4],
      ['listener changed', 2],
    ] as const);
    if (this.#carryOut(kind)) this.done.set(kind, (this.done.get(kind) ?? 0) + 1);
  }

  /** False where there was nothing to do it to. */
  #carryOut(kind: string): boolean {
    const random = this.#random;
    const endpoint = random.pick(this.#mesh.endpoints);
    const { connections } = endpoint;
    const connection = connections.length === 0 ? null : random.pick(connections);
    switch (kind) {
      case 'client cut':
        inTurn(() => random.pick(this.#mesh.clients).kill());
        return true;
      case 'endpoints changed':
        this.#changeEndpoints(endpoint);
        return true;
      case 'cluster changed':
        // The connections of the life before drain, and are sent no more calls.
        this.#mesh.apply([clusterResource(random.pick(clusters), random.pick(lives))]);
        return true;
      case breakerKind:
        this.#tripBreaker(random.pick(clusters));
        return true;
      case 'route changed':
        this.#mesh.apply([routeResource(random.pick(clusters))]);
        return true;
      case 'listener changed':
        this.#mesh.apply([listenerResource(random.pick(lives), random.integer(500, 1024))]);
        return true;
      case 'crash':
        return this.#crash(endpoint);
    }
    if (connection === null) return false;
    switch (kind) {
      case 'connection reset':
        this.#note(kind, endpoint, 0, died);
        endpoint.kill(connection);
        return true;
      case 'connection closed with GOAWAY':
        this.#note(kind, endpoint, 0, ['GOAWAY NO_ERROR "soak"', refused]);
        inTurn(() => connection.destroy(ErrorCode.NO_ERROR, 'soak'));
        return true;
      case 'GOAWAY':
        inTurn(() => connection.drain(0));
        return true;
      case 'stall':
        endpoint.silence(connection);
        this.#stalled.set(connection, endpoint);
        this.#later(random.integer(50, 800), () => {
          this.#stalled.delete(connection);
          endpoint.wake(connection);
        });
        return true;
      default:
        // Found by keepalive after one to two intervals without a byte, and one more without an answer.
        this.#note(kind, endpoint, 3 * keepaliveMs, ['keepalive: nothing came', refused]);
        endpoint.silence(connection);
        return true;
    }
  }

  #changeEndpoints(endpoint: SoakEndpoint): void {
    this.#removed = this.#removed === null ? endpoint : null;
    const ports = this.#mesh.endpoints.filter((one) => one !== this.#removed).map(({ port }) => port);
    this.#mesh.apply(clusters.map((name) => endpointsResource(name, ports)));
  }

  #crash(endpoint: SoakEndpoint): boolean {
    if (this.#down !== null) return false;
    this.#down = endpoint;
    const downMs = this.#random.integer(200, 2000);
    this.#note('crash', endpoint, downMs, died);
    void endpoint.crash().then(() =>
      this.#later(downMs, () => {
        this.#down = null;
        void endpoint.listen();
      }),
    );
    return true;
  }

  /** For a while the cluster carries next to nothing, and says so to the rest. */
  #tripBreaker(name: string): void {
    const forMs = this.#random.integer(20, 200);
    const says = [`of at most ${trippedMaxRequests} (circuit_breakers.max_requests)`];
    const fromMs = performance.now();
    this.#ledger.fault({ kind: breakerKind, of: `${name}: `, says, fromMs, untilMs: fromMs + forMs + slackMs });
    this.#mesh.apply([clusterResource(name, lives[0]!, trippedMaxRequests)]);
    this.#later(forMs, () => this.#mesh.apply([clusterResource(name, lives[0]!)]));
  }

  #note(kind: string, { address }: SoakEndpoint, lastsMs: number, says: readonly string[]): void {
    const fromMs = performance.now();
    this.#ledger.fault({ kind, of: address, says, fromMs, untilMs: fromMs + lastsMs + slackMs });
  }

  #later(ms: number, work: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      work();
    }, ms);
    this.#timers.add(timer);
  }
}
