// Incremental ADS: one stream (xDS protocol, "Incremental xDS").
//
// An ACK, a NACK and a change of what is wanted are three separate requests, and only the first two have a nonce
// (xds.md cases 65, 66). The first request of a type on a stream says which resources are held at which version (55).
import type { AdsWire, AdsWireEvents, ReceivedResource, ReceivedUpdate, Wanted } from './ads-wire.ts';
import { resourceTypeOf, resourceTypes } from './decode/resource-types.ts';
import type { Log } from './environment.ts';
import type { ResourceType } from './model/resource.ts';
import { canonicalName } from './model/resource-name.ts';
import { toErrorDetail } from './nack.ts';
import type { DeltaDiscoveryRequest, DeltaDiscoveryResponse, NodeMessage, ResourceMessage } from './protos.ts';
import { readResourceErrors } from './resource-errors.ts';
import { ttlOf } from './resource-ttls.ts';
import type { Transport, TransportStream } from './transport.ts';

export interface DeltaWireOptions {
  readonly transport: Transport;
  readonly events: AdsWireEvents;
  readonly node: NodeMessage;
  readonly log: Log;
  /** The resources in use and their versions, which may be empty. */
  readonly held: (type: ResourceType) => Readonly<Record<string, string>>;
  /** `legacy`: a first request without names; `explicit`: the name `*`, which Consul takes for a plain name. */
  readonly wildcard: 'legacy' | 'explicit';
}

const allNames = '*';

/** Opens a stream. */
export function openDeltaWire(options: DeltaWireOptions): AdsWire {
  const { transport, events, log } = options;
  /** What was asked for on this stream; `*` is everything. */
  const asked = new Map<ResourceType, ReadonlySet<string>>();
  let isNodeSent = false;

  const stream: TransportStream<DeltaDiscoveryRequest> = transport.openDelta({
    onOpen: () => events.onOpen(),
    onEnd: (status) => events.onEnd(status),
    onResponse(response) {
      const update = readResponse(response);
      if (update !== null) events.onUpdate(update);
    },
  });

  function send(type: ResourceType, request: DeltaDiscoveryRequest): void {
    stream.send({
      ...(isNodeSent ? {} : { node: options.node }),
      type_url: resourceTypes[type].typeUrl,
      ...request,
    });
    isNodeSent = true;
  }

  function subscribe(type: ResourceType, { names, wildcard }: Wanted): boolean {
    const before = asked.get(type);
    const wanted = new Set(wildcard ? [allNames, ...names] : names);
    // The first request of a type must not be an empty list that would be taken for "all".
    if (before === undefined && wanted.size === 0) return false;
    asked.set(type, wanted);
    if (before === undefined) {
      const initial = { initial_resource_versions: options.held(type) };
      if (!wildcard || options.wildcard === 'explicit') {
        send(type, { ...initial, resource_names_subscribe: [...wanted] });
        return true;
      }
      send(type, initial);
      // Names in the first request would make it one for these names only; later ones leave "all" as it is (case 29).
      if (names.length > 0) send(type, { resource_names_subscribe: names });
      return true;
    }
    const added = [...wanted].filter((name) => !before.has(name));
    const dropped = [...before].filter((name) => !wanted.has(name));
    if (added.length === 0 && dropped.length === 0) return false;
    send(type, { resource_names_subscribe: added, resource_names_unsubscribe: dropped });
    return true;
  }

  function readResponse(response: DeltaDiscoveryResponse): ReceivedUpdate | null {
    const { type_url: typeUrl = '', nonce = '', resources = [], removed_resources = [] } = response;
    const removed = removed_resources.map(canonicalName);
    const info = resourceTypeOf(typeUrl);
    if (info === undefined || !asked.has(info.type)) {
      log('warn', 'a response of a type that was not asked for is ignored', { typeUrl, server: transport.target });
      return null;
    }
    const version = response.system_version_info ?? '';
    const received = resources.map(readResource).filter((resource) => resource !== null);
    const resourceErrors = readResourceErrors(response.resource_errors ?? []);
    return { type: info.type, version, nonce, resources: received, removed, resourceErrors, isComplete: false };
  }

  return {
    subscribe,
    acknowledge({ type, nonce }) {
      send(type, { response_nonce: nonce });
    },
    reject({ type, nonce }, detail) {
      send(type, { response_nonce: nonce, error_detail: toErrorDetail(detail) });
    },
    close: () => stream.close(),
  };
}

/** `null`: an alias of nothing, which has no resource and no name. */
function readResource(message: ResourceMessage): ReceivedResource | null {
  const { resource, version = '' } = message;
  const name = message.name || message.resource_name?.name || null;
  const ttlMs = ttlOf(message);
  if (resource) return { kind: 'resource', name, isNameBinding: true, version, ttlMs, any: resource };
  return name === null ? null : { kind: 'heartbeat', name, ttlMs };
}
