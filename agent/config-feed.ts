// Hands configuration to one data plane, a little at a time: what is under way costs it about a millisecond, and the next
// bit follows when it has said that it is through. So a push of ten thousand clusters delays no call (design section 4).
// A message port does not do that by itself: a thread takes whatever waits there before it looks at its sockets.
import type { ConfigUpdate, ResourceName, ServingResource } from '../xds/model/resource.ts';
import type { RouteConfiguration, VirtualHost } from '../xds/model/route.ts';
import { type Down, type LinkResource, pack, type VirtualHostPart } from './link.ts';

/** Slices that are sent and not yet answered; the second one, so that the data plane does not wait for us in between. */
const SLICES_UNDER_WAY = 2;
/** What a slice costs a data plane at most, as estimated; one resource that is more goes alone. */
const SLICE_US = 500;
/** As measured, of a cluster that is live; of another one it is a tenth. */
const RESOURCE_US = 20;
const ENDPOINT_US = 2;
const ROUTE_US = 3;
/** A part of a route configuration fills a slice. */
const ROUTES_PER_PART = SLICE_US / ROUTE_US;

/** Of the queue, before it is copied without them. */
const SENT_ITEMS_KEPT = 4096;

type Item =
  | { readonly kind: 'upsert'; resource: ServingResource }
  | { readonly kind: 'remove'; readonly name: ResourceName }
  /** Of a route configuration in parts. */
  | { readonly kind: 'part'; readonly resource: LinkResource; readonly costUs: number }
  /** What went before is all of that version. */
  | { readonly kind: 'end'; readonly version: number };

export class ConfigFeed {
  readonly #post: (down: Down) => void;
  readonly #placeOf: (cluster: string) => number;
  #items: Item[] = [];
  /** The next of them; those before it have been sent. */
  #next = 0;
  /** Endpoints that wait to be sent: newer ones take their place, so that churn does not pile up. */
  readonly #endpoints = new Map<string, { kind: 'upsert'; resource: ServingResource }>();
  /** Of each slice under way, the version that is whole with it; `null`: it ends none. */
  readonly #underWay: (number | null)[] = [];
  #slices = 0;

  /** @param placeOf where the data planes count the calls of that cluster together; -1: nowhere. */
  constructor(post: (down: Down) => void, placeOf: (cluster: string) => number = () => -1) {
    this.#post = post;
    this.#placeOf = placeOf;
  }

  /** Sends it behind whatever waits. */
  push({ upsert, remove }: ConfigUpdate, version: number): void {
    for (const resource of upsert) this.#add(resource);
    for (const name of remove) {
      if (name.type === 'endpoints') this.#endpoints.delete(name.name);
      this.#items.push({ kind: 'remove', name });
    }
    this.#items.push({ kind: 'end', version });
    this.#send();
  }

  /** The data plane has dealt with a slice. Answers the version that has thereby been applied whole; `null`: none has. */
  applied(): number | null {
    const version = this.#underWay.shift() ?? null;
    this.#send();
    return version;
  }

  #add(resource: ServingResource): void {
    if (resource.type === 'route' && routeCount(resource.value) > ROUTES_PER_PART) {
      this.#addInParts(resource.value);
      return;
    }
    const waiting = resource.type === 'endpoints' ? this.#endpoints.get(resource.value.name) : undefined;
    if (waiting !== undefined) {
      waiting.resource = resource;
      return;
    }
    const item: Item = { kind: 'upsert', resource };
    if (resource.type === 'endpoints') this.#endpoints.set(resource.value.name, item);
    this.#items.push(item);
  }

  #addInParts(config: RouteConfiguration): void {
    const { name } = config;
    const begin: LinkResource = { type: 'route-begin', value: { ...config, virtualHosts: [] } };
    this.#items.push({ kind: 'part', resource: begin, costUs: RESOURCE_US });
    for (const parts of partsOf(config)) {
      this.#items.push({ kind: 'part', resource: { type: 'route-part', name, parts }, costUs: SLICE_US });
    }
    this.#items.push({ kind: 'part', resource: { type: 'route-end', name }, costUs: RESOURCE_US });
  }

  #send(): void {
    while (this.#underWay.length < SLICES_UNDER_WAY && this.#next < this.#items.length) this.#sendSlice();
    // What has been sent is let go of in large pieces, also where something always waits.
    if (this.#next < this.#items.length && this.#next < SENT_ITEMS_KEPT) return;
    this.#items = this.#items.slice(this.#next);
    this.#next = 0;
  }

  #sendSlice(): void {
    const upsert: LinkResource[] = [];
    const remove: ResourceName[] = [];
    let costUs = 0;
    let version: number | null = null;
    for (; this.#next < this.#items.length; this.#next++) {
      const item = this.#items[this.#next]!;
      const itemUs = costOf(item);
      // A slice is applied upserts first, so what is upserted behind a removal waits for the next one.
      const isBehindRemoval = remove.length > 0 && (item.kind === 'upsert' || item.kind === 'part');
      if (isBehindRemoval || (costUs > 0 && costUs + itemUs > SLICE_US)) break;
      costUs += itemUs;
      if (item.kind === 'remove') remove.push(item.name);
      else if (item.kind === 'part') upsert.push(item.resource);
      else if (item.kind === 'end') version = item.version;
      else {
        if (item.resource.type === 'endpoints') this.#endpoints.delete(item.resource.value.name);
        upsert.push(this.#packed(item.resource));
      }
    }
    this.#underWay.push(version);
    this.#post({ kind: 'config', version: ++this.#slices, update: { upsert, remove } });
  }

  #packed(resource: ServingResource): LinkResource {
    const { type, value } = resource;
    const { name } = value;
    if (type === 'cluster') return { type: 'packed-cluster', name, json: pack(value), place: this.#placeOf(name) };
    if (type === 'endpoints') return { type: 'packed-endpoints', name, json: pack(value) };
    return resource;
  }
}

function costOf(item: Item): number {
  switch (item.kind) {
    case 'end':
      return 0;
    case 'remove':
      return RESOURCE_US;
    case 'part':
      return item.costUs;
    case 'upsert': {
      const { type, value } = item.resource;
      if (type === 'route') return RESOURCE_US + ROUTE_US * routeCount(value);
      if (type !== 'endpoints') return RESOURCE_US;
      return RESOURCE_US + ENDPOINT_US * value.localities.reduce((sum, { endpoints }) => sum + endpoints.length, 0);
    }
  }
}

function routeCount({ virtualHosts }: RouteConfiguration): number {
  // A virtual host costs about what a route does.
  return virtualHosts.reduce((sum, { routes }) => sum + routes.length + 1, 0);
}

/** The virtual hosts in order, and the routes of each in order, some at a time. */
function* partsOf({ virtualHosts }: RouteConfiguration): Generator<VirtualHostPart[]> {
  let parts: VirtualHostPart[] = [];
  let room = ROUTES_PER_PART;
  for (const [at, whole] of virtualHosts.entries()) {
    let from = 0;
    do {
      if (room < 2) {
        yield parts;
        parts = [];
        room = ROUTES_PER_PART;
      }
      const routes = whole.routes.slice(from, from + Math.floor(room) - 1);
      const virtualHost: VirtualHost = from === 0 ? { ...whole, routes } : { ...whole, domains: [], routes };
      parts.push({ at, virtualHost });
      room -= routes.length + 1;
      from += routes.length;
    } while (from < whole.routes.length);
  }
  if (parts.length > 0) yield parts;
}
