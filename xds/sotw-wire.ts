// ADS in state of the world: versions, nonces, ACK and NACK of one stream (xDS protocol, "ACK/NACK and resource type
// instance version").
//
// Each request holds the full list of names, the last accepted version and the nonce of the newest response of its
// type. An ACK, a NACK and a change of the list are three separate requests: Istiod ignores the list of a request that
// has an error_detail (xds.md section 0.5). The error_detail is in exactly one request (0.6).
import type { AdsWire, AdsWireEvents, ReceivedResource, ReceivedUpdate, Wanted } from './ads-wire.ts';
import { resourceTypeOf, resourceTypes } from './decode/resource-types.ts';
import type { Log } from './environment.ts';
import type { ResourceType } from './model/resource.ts';
import { toErrorDetail } from './nack.ts';
import type {
  AnyMessage,
  DiscoveryRequest,
  DiscoveryResponse,
  NodeMessage,
  Protos,
  ResourceMessage,
} from './protos.ts';
import { readResourceErrors } from './resource-errors.ts';
import { ttlOf } from './resource-ttls.ts';
import type { Transport, TransportStream } from './transport.ts';

export interface SotwWireOptions {
  readonly transport: Transport;
  readonly events: AdsWireEvents;
  readonly node: NodeMessage;
  readonly protos: Protos;
  readonly log: Log;
  /** Last accepted version of each type. Belongs to the server, so it outlives the stream. */
  readonly versions: Map<ResourceType, string>;
  /** `legacy`: no names at all; `explicit`: the name `*`, which Consul takes for a plain name. */
  readonly wildcard: 'legacy' | 'explicit';
  /** Version in the NACK of a response of which a part is in use: the previous one, as the spec has it, or its own, as C-core has it. */
  readonly partialVersion: 'previous' | 'advance';
}

/** What was said of one type on this stream. */
interface TypeState {
  /** As last sent, joined; `undefined` before the first request. */
  sentNames: readonly string[] | undefined;
  /** A list with names was sent, so an empty one no longer means "all". */
  hasSentNames: boolean;
  /** Of the newest response. */
  nonce: string;
}

const resourceMessageName = 'envoy.service.discovery.v3.Resource';

/** Opens a stream. */
export function openSotwWire(options: SotwWireOptions): AdsWire {
  const { transport, events, protos, log, versions } = options;
  const types = new Map<ResourceType, TypeState>();
  let isNodeSent = false;

  const stream: TransportStream<DiscoveryRequest> = transport.openSotw({
    onOpen: () => events.onOpen(),
    onEnd: (status) => events.onEnd(status),
    onResponse(response) {
      const update = readResponse(response);
      if (update !== null) events.onUpdate(update);
    },
  });

  function stateOf(type: ResourceType): TypeState {
    let state = types.get(type);
    if (state === undefined) {
      state = { sentNames: undefined, hasSentNames: false, nonce: '' };
      types.set(type, state);
    }
    return state;
  }

  function send(type: ResourceType, version: string, nonce: string, errorDetail: string | null): void {
    stream.send({
      version_info: version,
      ...(isNodeSent ? {} : { node: options.node }),
      resource_names: stateOf(type).sentNames ?? [],
      type_url: resourceTypes[type].typeUrl,
      response_nonce: nonce,
      ...(errorDetail === null ? {} : { error_detail: toErrorDetail(errorDetail) }),
    });
    isNodeSent = true;
  }

  function subscribe(type: ResourceType, wanted: Wanted): boolean {
    const state = stateOf(type);
    const names = namesToSend(state, wanted);
    const isFirst = state.sentNames === undefined;
    // The first request of a type must not be an empty list that would be taken for "all".
    if (isFirst && names.length === 0 && !wanted.wildcard) return false;
    if (!isFirst && isSameList(state.sentNames ?? [], names)) return false;
    state.sentNames = names;
    if (names.length > 0) state.hasSentNames = true;
    send(type, versions.get(type) ?? '', state.nonce, null);
    return true;
  }

  function namesToSend(state: TypeState, { names, wildcard }: Wanted): readonly string[] {
    if (!wildcard) return names;
    const isLegacy = options.wildcard === 'legacy' && names.length === 0 && !state.hasSentNames;
    return isLegacy ? [] : ['*', ...names];
  }

  function readResponse(response: DiscoveryResponse): ReceivedUpdate | null {
    const { type_url: typeUrl = '', version_info: version = '', nonce = '', resources = [] } = response;
    const info = resourceTypeOf(typeUrl);
    if (info === undefined || types.get(info.type)?.sentNames === undefined) {
      log('warn', 'a response of a type that was not asked for is ignored', { typeUrl, server: transport.target });
      return null;
    }
    stateOf(info.type).nonce = nonce;
    const unwrapped = resources.map((any) => unwrap(any, version)).filter((resource) => resource !== null);
    const resourceErrors = readResourceErrors(response.resource_errors ?? []);
    const { type, isComplete } = info;
    return { type, version, nonce, resources: unwrapped, removed: [], resourceErrors, isComplete };
  }

  /** A server may wrap a resource, to give it a name or a time to live. `null`: it wrapped nothing. */
  function unwrap(any: AnyMessage, version: string): ReceivedResource | null {
    if (!any.type_url.endsWith(`/${resourceMessageName}`))
      return { kind: 'resource', name: null, isNameBinding: false, version, ttlMs: null, any };
    try {
      const wrapper: ResourceMessage = protos.decode(resourceMessageName, any.value);
      const ttlMs = ttlOf(wrapper);
      if (!wrapper.resource) return wrapper.name ? { kind: 'heartbeat', name: wrapper.name, ttlMs } : null;
      return {
        kind: 'resource',
        name: wrapper.name || null,
        isNameBinding: false,
        version: wrapper.version || version,
        ttlMs,
        any: wrapper.resource,
      };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return { kind: 'broken', reason: `not a ${resourceMessageName}: ${reason}` };
    }
  }

  return {
    subscribe,
    acknowledge({ type, version, nonce }) {
      versions.set(type, version);
      send(type, version, nonce, null);
    },
    reject({ type, version, nonce }, detail, isPartlyValid) {
      if (isPartlyValid && options.partialVersion === 'advance') versions.set(type, version);
      send(type, versions.get(type) ?? '', nonce, detail);
    },
    close: () => stream.close(),
  };
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, index) => name === b[index]);
}
