// ClusterLoadAssignment -> ClusterEndpoints, from EDS or inside a cluster.

import { formatAddress } from '../model/address.ts';
import {
  type ClusterEndpoints,
  type DropOverload,
  defaultOverprovisioningPercent,
  type Endpoint,
  type EndpointHealth,
  type LocalityEndpoints,
} from '../model/endpoints.ts';
import type {
  ClusterLoadAssignmentMessage,
  LbEndpointMessage,
  LocalityLbEndpointsMessage,
} from './cluster-messages.ts';
import { type DecodedAddress, decodeAddress, decodeFraction, maxUint32 } from './scalars.ts';
import { SocketLabelReader, type SocketLabels } from './socket-labels.ts';
import type { Scope } from './validation.ts';

/** Envoy's bound (PGV rule of `LocalityLbEndpoints.priority`). */
const maxPriority = 128;

const healthNames: Readonly<Record<string, EndpointHealth>> = {
  UNKNOWN: 'healthy',
  HEALTHY: 'healthy',
  DEGRADED: 'degraded',
  UNHEALTHY: 'unhealthy',
  DRAINING: 'unhealthy',
  TIMEOUT: 'unhealthy',
};

/** An EDS resource: named, with IP addresses, and as strict as gRPC (gRFC A27) about localities. */
export function decodeEndpoints(message: ClusterLoadAssignmentMessage, scope: Scope): ClusterEndpoints {
  if (message.cluster_name === '') scope.at('cluster_name').fail('must not be empty');
  const decoded = decodeLoadAssignment(message, message.cluster_name, 'ip', scope);
  const places = new Set<string>();
  for (const [index, { region, zone, subZone, priority }] of decoded.localities.entries()) {
    const place = JSON.stringify([priority, region, zone, subZone]);
    if (places.has(place)) {
      scope.item('endpoints', index).at('locality').fail(`appears twice in priority ${priority}`);
    }
    places.add(place);
  }
  return decoded;
}

/** `hosts` says whether endpoints may be DNS names (STRICT_DNS). */
export function decodeLoadAssignment(
  message: ClusterLoadAssignmentMessage,
  name: string,
  hosts: 'ip' | 'dns',
  scope: Scope,
): ClusterEndpoints {
  const inside = { named: message.named_endpoints, hosts, labels: new SocketLabelReader() };
  const localities = message.endpoints.map((locality, index) =>
    decodeLocality(locality, inside, scope.item('endpoints', index)),
  );
  checkPriorities(localities, scope);
  const factor = message.policy?.overprovisioning_factor?.value ?? defaultOverprovisioningPercent;
  if (factor < 100) scope.at('policy.overprovisioning_factor').fail('must be 100 or more');
  return {
    name,
    localities,
    dropOverloads: decodeDropOverloads(message, scope),
    overprovisioningPercent: factor,
  };
}

/** What the endpoints of one assignment have in common. */
interface Assignment {
  readonly named: ClusterLoadAssignmentMessage['named_endpoints'];
  readonly hosts: 'ip' | 'dns';
  readonly labels: SocketLabelReader;
}

function decodeLocality(message: LocalityLbEndpointsMessage, inside: Assignment, scope: Scope): LocalityEndpoints {
  if (message.priority > maxPriority) scope.at('priority').fail(`${message.priority} is above ${maxPriority}`);
  if (message.leds_cluster_locality_config !== undefined) {
    scope.at('leds_cluster_locality_config').unsupported('locality endpoint discovery (LEDS) is not supported');
  }
  const fromList = message.load_balancer_endpoints;
  const list = fromList?.lb_endpoints ?? message.lb_endpoints;
  const listScope = fromList === undefined ? scope : scope.at('load_balancer_endpoints');
  const localityLabels = inside.labels.of(message.metadata);
  const endpoints: Endpoint[] = [];
  let weightSum = 0;
  for (const [index, entry] of list.entries()) {
    const endpoint = decodeEndpoint(entry, inside, localityLabels, listScope.item('lb_endpoints', index));
    if (endpoint === null) continue;
    endpoints.push(endpoint);
    weightSum += endpoint.weight;
  }
  if (weightSum > maxUint32) scope.fail(`the weights of the endpoints sum to ${weightSum}, above ${maxUint32}`);
  return {
    region: message.locality?.region ?? '',
    zone: message.locality?.zone ?? '',
    subZone: message.locality?.sub_zone ?? '',
    priority: message.priority,
    weight: message.load_balancing_weight?.value ?? 0,
    endpoints,
  };
}

/** A socket file. Paths that begin with `@` are names of Linux that no file has. */
function decodePipe(path: string, scope: Scope): DecodedAddress {
  if (path.startsWith('/')) return { kind: 'address', address: { host: path, port: 0 } };
  if (path === '') scope.fail('must not be empty');
  return { kind: 'unsupported', reason: scope.unsupported(`"${path}" is not supported, only absolute paths are`) };
}

function decodeEndpoint(
  message: LbEndpointMessage,
  { named, hosts, labels }: Assignment,
  localityLabels: SocketLabels | null,
  scope: Scope,
): Endpoint | null {
  const { endpoint_name: name } = message;
  const endpoint = name === undefined ? message.endpoint : Object.hasOwn(named, name) ? named[name] : undefined;
  if (endpoint === undefined) {
    scope.fail(name === undefined ? 'no endpoint is set' : `endpoint_name "${name}" is not in named_endpoints`);
    return null;
  }
  const at = scope.at('endpoint');
  const pipe = endpoint.address?.pipe;
  const address =
    pipe === undefined
      ? decodeAddress(endpoint.address, hosts, at.at('address'))
      : decodePipe(pipe.path, at.at('address.pipe.path'));
  if (endpoint.additional_addresses.length > 0) {
    at.at('additional_addresses').unsupported('only the first address is used');
  }
  const weight = message.load_balancing_weight?.value ?? 1;
  if (weight === 0) scope.at('load_balancing_weight').fail('must be 1 or more');
  const health = healthNames[message.health_status];
  if (health === undefined) scope.at('health_status').fail(`unknown value ${message.health_status}`);
  if (address.kind !== 'address' || health === undefined) return null;
  const socketLabels = labels.of(message.metadata);
  return {
    address: address.address,
    weight,
    health,
    hostname: endpoint.hostname,
    hashKey: message.metadata?.filter_metadata['envoy.lb']?.fields['hash_key']?.stringValue ?? '',
    ...(socketLabels !== null && { socketLabels }),
    ...(localityLabels !== null && { localityLabels }),
  };
}

/** Contiguous from 0 (gRFC A27); weights fit 32 bits; within a priority an address counts once, as in Envoy. */
function checkPriorities(localities: LocalityEndpoints[], scope: Scope): void {
  const weights = new Map<number, number>();
  const seen = new Set<string>();
  for (const [index, locality] of localities.entries()) {
    weights.set(locality.priority, (weights.get(locality.priority) ?? 0) + locality.weight);
    const endpoints = locality.endpoints.filter((endpoint) => {
      const key = `${locality.priority} ${formatAddress(endpoint.address)}`;
      if (!seen.has(key)) return seen.add(key);
      scope
        .item('endpoints', index)
        .warn(
          `${formatAddress(endpoint.address)} appears twice in priority ${locality.priority}; the first one counts`,
        );
      return false;
    });
    if (endpoints.length < locality.endpoints.length) localities[index] = { ...locality, endpoints };
  }
  const highest = Math.max(-1, ...weights.keys());
  if (highest <= maxPriority) {
    for (let priority = 0; priority < highest; priority++) {
      if (!weights.has(priority)) scope.at('endpoints').fail(`there is a priority ${highest}, but none ${priority}`);
    }
  }
  for (const [priority, sum] of weights) {
    if (sum > maxUint32) {
      scope.at('endpoints').fail(`the locality weights of priority ${priority} sum to ${sum}, above ${maxUint32}`);
    }
  }
}

function decodeDropOverloads(message: ClusterLoadAssignmentMessage, scope: Scope): DropOverload[] {
  const drops: DropOverload[] = [];
  for (const [index, { category, drop_percentage: percent }] of (message.policy?.drop_overloads ?? []).entries()) {
    const at = scope.item('policy.drop_overloads', index);
    if (category === '') at.at('category').fail('must not be empty');
    if (percent === null) at.at('drop_percentage').fail('required');
    const fraction = decodeFraction(percent, at.at('drop_percentage'));
    if (fraction !== null) drops.push({ category, ...fraction });
  }
  return drops;
}
