// What a listener says of its health (grpc.health.v1): SERVING while it takes calls, of itself and of each service whose
// calls a route sends on.
// https://github.com/grpc/grpc/blob/master/doc/health-checking.md
import type { ServiceName } from '../../xds/model/listener.ts';
import { wireBytes, wireFields, wireNumber } from '../grpc/protobuf-wire.ts';

export type Health = 'SERVING' | 'NOT_SERVING' | 'SERVICE_UNKNOWN';

const numbers: Readonly<Record<Health, number>> = { SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 };

export interface HealthWatcher {
  /** How it is now, and then whenever that changes. */
  tell(health: Health): void;
  /** Nothing more will come. */
  end(): void;
}

interface HealthWatch {
  readonly service: string;
  readonly watcher: HealthWatcher;
  told: Health | null;
}

export class HealthBook {
  #services: readonly ServiceName[] = [];
  #state: 'serving' | 'draining' = 'serving';
  readonly #watches = new Set<HealthWatch>();

  /** Those whose calls go somewhere, from now on. */
  know(services: readonly ServiceName[]): void {
    this.#services = services;
    for (const watch of this.#watches) this.#tell(watch);
  }

  /** `''`: the listener itself. */
  of(service: string): Health {
    const isKnown =
      service === '' ||
      this.#services.some(({ kind, value }) => (kind === 'exact' ? value === service : service.startsWith(value)));
    if (!isKnown) return 'SERVICE_UNKNOWN';
    return this.#state === 'serving' ? 'SERVING' : 'NOT_SERVING';
  }

  /** Those with a whole name. */
  list(): ReadonlyMap<string, Health> {
    const named = this.#services.flatMap(({ kind, value }) => (kind === 'exact' ? [value] : []));
    return new Map(['', ...named].map((name) => [name, this.of(name)]));
  }

  /** Returns the end of it. */
  watch(service: string, watcher: HealthWatcher): () => void {
    const watch: HealthWatch = { service, watcher, told: null };
    this.#watches.add(watch);
    this.#tell(watch);
    if (this.#state === 'draining') this.#end(watch);
    return () => this.#watches.delete(watch);
  }

  /** Who watches is told, and let go, so that no watch holds up the end. */
  drain(): void {
    this.#state = 'draining';
    for (const watch of this.#watches) {
      this.#tell(watch);
      this.#end(watch);
    }
  }

  #tell(watch: HealthWatch): void {
    const health = this.of(watch.service);
    if (health === watch.told) return;
    watch.told = health;
    watch.watcher.tell(health);
  }

  #end(watch: HealthWatch): void {
    this.#watches.delete(watch);
    watch.watcher.end();
  }
}

/** The service that a serialised `HealthCheckRequest` asks for. @throws RangeError where it is none. */
export function readHealthRequest(bytes: Uint8Array): string {
  let service = '';
  for (const { number, value } of wireFields(bytes)) {
    if (number === 1 && typeof value !== 'number') service = Buffer.from(value).toString('utf8');
  }
  return service;
}

/** A serialised `HealthCheckResponse`. */
export function encodeHealth(health: Health): Buffer {
  return wireNumber(1, numbers[health]);
}

/** A serialised `HealthListResponse`. */
export function encodeHealthList(all: ReadonlyMap<string, Health>): Buffer {
  const entries = [...all].map(([name, health]) =>
    wireBytes(1, Buffer.concat([wireBytes(1, name), wireBytes(2, encodeHealth(health))])),
  );
  return Buffer.concat(entries);
}
