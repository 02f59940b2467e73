// What decoders need from outside, and how they open a google.protobuf.Any.
import type {
  ClusterLoadAssignmentMessage,
  ClusterMessage,
  DnsClusterMessage,
  LeastRequestMessage,
  MaglevMessage,
  RandomMessage,
  RingHashMessage,
  RoundRobinMessage,
  UpstreamHttpOptionsMessage,
  WrrLocalityMessage,
} from './cluster-messages.ts';
import type { AnyMessage } from './core-messages.ts';
import type { HttpConnectionManagerMessage, ListenerMessage } from './listener-messages.ts';
import type { RbacFilterMessage, RbacPerRouteMessage } from './rbac-messages.ts';
import type { FilterConfigMessage, RouteConfigurationMessage } from './route-messages.ts';
import type { DownstreamTlsContextMessage, SecretMessage, UpstreamTlsContextMessage } from './tls-messages.ts';
import type { Scope } from './validation.ts';

/** The messages that decoders read from bytes, by full name. */
export interface MessageTypes {
  readonly 'envoy.config.listener.v3.Listener': ListenerMessage;
  readonly 'envoy.config.route.v3.RouteConfiguration': RouteConfigurationMessage;
  readonly 'envoy.config.cluster.v3.Cluster': ClusterMessage;
  readonly 'envoy.extensions.clusters.dns.v3.DnsCluster': DnsClusterMessage;
  readonly 'envoy.config.endpoint.v3.ClusterLoadAssignment': ClusterLoadAssignmentMessage;
  readonly 'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager': HttpConnectionManagerMessage;
  readonly 'envoy.extensions.transport_sockets.tls.v3.Secret': SecretMessage;
  readonly 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext': UpstreamTlsContextMessage;
  readonly 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext': DownstreamTlsContextMessage;
  readonly 'envoy.extensions.load_balancing_policies.round_robin.v3.RoundRobin': RoundRobinMessage;
  readonly 'envoy.extensions.load_balancing_policies.least_request.v3.LeastRequest': LeastRequestMessage;
  readonly 'envoy.extensions.load_balancing_policies.random.v3.Random': RandomMessage;
  readonly 'envoy.extensions.load_balancing_policies.ring_hash.v3.RingHash': RingHashMessage;
  readonly 'envoy.extensions.load_balancing_policies.maglev.v3.Maglev': MaglevMessage;
  readonly 'envoy.extensions.load_balancing_policies.wrr_locality.v3.WrrLocality': WrrLocalityMessage;
  readonly 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': UpstreamHttpOptionsMessage;
  readonly 'envoy.extensions.filters.http.rbac.v3.RBAC': RbacFilterMessage;
  readonly 'envoy.extensions.filters.http.rbac.v3.RBACPerRoute': RbacPerRouteMessage;
  readonly 'envoy.config.route.v3.FilterConfig': FilterConfigMessage;
  readonly 'xds.type.v3.TypedStruct': { readonly type_url: string };
  readonly 'udpa.type.v1.TypedStruct': { readonly type_url: string };
}

/** Bytes to message; throws where the bytes are no such message. */
export type ReadMessage = <Name extends keyof MessageTypes>(typeName: Name, bytes: Uint8Array) => MessageTypes[Name];

export interface DecodeContext {
  readonly read: ReadMessage;
  /** The text of a file that a resource names (certificates); throws where it cannot be read. `null`: such fields are unsupported. */
  readonly readFile: ((path: string) => string) | null;
}

/** The message in an Any known to be of this type; `null` after a problem was noted. */
export function readAny<Name extends keyof MessageTypes>(
  context: DecodeContext,
  typeName: Name,
  any: AnyMessage,
  scope: Scope,
): MessageTypes[Name] | null {
  try {
    return context.read(typeName, any.value);
  } catch (error) {
    scope.fail(`not a ${typeName}: ${messageOf(error)}`);
    return null;
  }
}

/** The full name of the message in an Any, or of what a TypedStruct in it stands for; empty where there is none. */
export function configTypeOf(context: DecodeContext, any: AnyMessage | null | undefined): string {
  if (any === null || any === undefined) return '';
  const typeName = typeNameOf(any.type_url);
  if (typeName !== 'xds.type.v3.TypedStruct' && typeName !== 'udpa.type.v1.TypedStruct') return typeName;
  try {
    return typeNameOf(context.read(typeName, any.value).type_url);
  } catch {
    // What is in a broken TypedStruct has no name; whoever asks then treats it as unknown.
    return typeName;
  }
}

/** The full name at the end of a type URL. */
export function typeNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
