// Clusters and listeners that name secrets -> the same with certificates inside, which is all that a data plane knows. Pure.
import type { Cluster, EndpointSocket, SocketMatch } from './model/cluster.ts';
import { socketMatchOf } from './model/endpoint-socket.ts';
import type { ClusterEndpoints } from './model/endpoints.ts';
import type { FilterChain, Listener, UnusableChain } from './model/listener.ts';
import type { Secret } from './model/secret.ts';
import {
  type DownstreamTls,
  formatReference,
  type SecretReference,
  type SubjectAltName,
  type TlsCertificates,
  type UpstreamTls,
} from './model/tls.ts';
import { chainsOf } from './references.ts';

/** What is known of a secret. */
export type SecretState =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'there'; readonly secret: Secret }
  /** It does not come, at least not soon; `reason` is a clause behind its name. */
  | { readonly kind: 'missing'; readonly reason: string };

export type FindSecret = (reference: SecretReference) => SecretState;

/** `null`: a secret that it needs has not come yet. */
export type Filled<T> = T | null;

/** The secrets that a cluster needs to reach these endpoints; `undefined`: they are not known yet. */
export function secretsOfCluster(cluster: Cluster, endpoints: ClusterEndpoints | undefined): SecretReference[] {
  return neededTls(cluster, endpoints).flatMap(referencesOf);
}

export function secretsOfListener(listener: Listener): SecretReference[] {
  return chainsOf(listener).flatMap(({ tls }) => (tls === null ? [] : referencesOf(tls)));
}

/**
 * A socket whose secrets are missing is one that cannot be carried out; so is one that no endpoint needs, for as long as
 * its secrets are not there for another reason: nobody asks for them.
 */
export function fillCluster(
  cluster: Cluster,
  endpoints: ClusterEndpoints | undefined,
  find: FindSecret,
): Filled<Cluster> {
  if (neededTls(cluster, endpoints).some((tls) => fillUpstream(tls, find).kind === 'waiting')) return null;
  const socketMatches = cluster.socketMatches?.map((match) => fillMatch(match, find));
  const matches = socketMatches === undefined ? {} : { socketMatches };
  if (cluster.tls?.secrets === undefined) return { ...cluster, ...matches };
  const own = fillUpstream(cluster.tls, find);
  if (own.kind === 'filled') return { ...cluster, ...matches, tls: own.tls };
  const reason = own.kind === 'missing' ? own.reason : unneeded(cluster.tls);
  if (socketMatches === undefined) return { ...cluster, tls: null, discovery: { kind: 'unsupported', reason } };
  // Whatever no other match takes would have been reached by it.
  const rest: SocketMatch = { name: '', labels: {}, socket: { kind: 'unsupported', reason } };
  return { ...cluster, tls: null, socketMatches: [...socketMatches, rest] };
}

export function fillListener(listener: Listener, find: FindSecret): Filled<Listener> {
  const { filterChains, unusableChains, defaultFilterChain } = listener;
  const filled = chainsOf(listener).map((chain) => fillChain(chain, find));
  if (filled.includes(null)) return null;
  const [usable, unusable]: [FilterChain[], UnusableChain[]] = [[], []];
  for (const chain of filled.slice(0, filterChains.length)) {
    if (chain === null) continue;
    if ('http' in chain) usable.push(chain);
    else unusable.push(chain);
  }
  const last = defaultFilterChain === null ? null : (filled.at(-1) ?? null);
  const lastUsable = last !== null && 'http' in last ? last : null;
  const served = {
    filterChains: usable,
    unusableChains: [...unusableChains, ...unusable],
    defaultFilterChain: lastUsable,
  };
  if (usable.length > 0 || lastUsable !== null) return { ...listener, ...served };
  const reason = unusable[0]?.reason ?? (last !== null && 'reason' in last ? last.reason : 'it has no chain');
  return { ...listener, filterChains: [], unusableChains: [], defaultFilterChain: null, unsupported: reason };
}

/** Each TLS with secrets by which some endpoint is reached. Without matches endpoints don't matter. */
function neededTls(cluster: Cluster, endpoints: ClusterEndpoints | undefined): UpstreamTls[] {
  const { tls, socketMatches } = cluster;
  const found = new Set<UpstreamTls>();
  const add = (candidate: UpstreamTls | null) => {
    if (candidate?.secrets !== undefined) found.add(candidate);
  };
  if (socketMatches === undefined) add(tls);
  else {
    const seen = new Set<object | undefined>();
    for (const locality of endpoints?.localities ?? []) {
      for (const endpoint of locality.endpoints) {
        // Endpoints with equal labels share them, so that a large cluster is soon gone through.
        const isAlone = endpoint.localityLabels !== undefined;
        if (!isAlone && seen.has(endpoint.socketLabels)) continue;
        if (!isAlone) seen.add(endpoint.socketLabels);
        const socket = socketMatchOf(cluster, endpoint);
        if (socket === null) add(tls);
        else if (socket.kind === 'tls') add(socket.tls);
      }
    }
  }
  return [...found];
}

function fillMatch(match: SocketMatch, find: FindSecret): SocketMatch {
  const { socket } = match;
  if (socket.kind !== 'tls' || socket.tls.secrets === undefined) return match;
  return { ...match, socket: fillSocket(socket.tls, find) };
}

function fillSocket(tls: UpstreamTls, find: FindSecret): EndpointSocket {
  const filled = fillUpstream(tls, find);
  if (filled.kind === 'filled') return { kind: 'tls', tls: filled.tls };
  return { kind: 'unsupported', reason: filled.kind === 'missing' ? filled.reason : unneeded(tls) };
}

function fillChain(chain: FilterChain, find: FindSecret): Filled<FilterChain | UnusableChain> {
  const { tls, name, match } = chain;
  if (tls?.secrets === undefined) return chain;
  const filled = fillTls(tls, tls.subjectAltNames ?? [], find);
  if (filled.kind === 'waiting') return null;
  if (filled.kind === 'missing') return { name, match, reason: filled.reason };
  const { certificates, subjectAltNames } = filled;
  const { requireClientCertificate } = tls;
  const names = subjectAltNames.length === 0 ? {} : { subjectAltNames };
  const own: DownstreamTls = { ...certificates, requireClientCertificate, ...names };
  return { ...chain, tls: own };
}

type FilledTls =
  | { readonly kind: 'waiting' }
  | { readonly kind: 'missing'; readonly reason: string }
  | {
      readonly kind: 'filled';
      readonly certificates: TlsCertificates;
      readonly subjectAltNames: readonly SubjectAltName[];
    };

function fillUpstream(tls: UpstreamTls, find: FindSecret) {
  const filled = fillTls(tls, tls.subjectAltNames, find);
  if (filled.kind !== 'filled') return filled;
  const { certificates, subjectAltNames } = filled;
  const { secrets: _, ...others } = tls;
  const identity = referencesOf(tls).map(formatReference).join(', ');
  const own: UpstreamTls = { ...others, ...certificates, subjectAltNames, identity };
  return { kind: 'filled', tls: own } as const;
}

/** A secret's roots go before the resource's own, its names beside them (protobuf's merge, as in Envoy). */
function fillTls(tls: TlsCertificates, names: readonly SubjectAltName[], find: FindSecret): FilledTls {
  let { certificateChainPem, privateKeyPem, trustedCaPem } = tls;
  let subjectAltNames = names;
  const { certificate = null, validation = null } = tls.secrets ?? {};
  for (const reference of referencesOf(tls)) {
    const state = find(reference);
    if (state.kind === 'waiting') return state;
    if (state.kind === 'missing') return missing(reference, state.reason);
    const { secret } = state;
    if (secret.kind === 'opaque') return missing(reference, secret.reason);
    if (reference === certificate) {
      if (secret.kind !== 'certificate') return missing(reference, 'is no certificate');
      ({ certificateChainPem, privateKeyPem } = secret);
    }
    if (reference === validation) {
      if (secret.kind !== 'validation') return missing(reference, 'is no validation context');
      trustedCaPem = secret.trustedCaPem ?? trustedCaPem;
      if (trustedCaPem === null) return missing(reference, 'has no trusted_ca');
      subjectAltNames = [...subjectAltNames, ...secret.subjectAltNames];
    }
  }
  return { kind: 'filled', certificates: { certificateChainPem, privateKeyPem, trustedCaPem }, subjectAltNames };
}

function referencesOf({ secrets }: TlsCertificates): SecretReference[] {
  return [secrets?.certificate ?? null, secrets?.validation ?? null].filter((reference) => reference !== null);
}

function missing(reference: SecretReference, reason: string) {
  return { kind: 'missing', reason: `${formatReference(reference)} ${reason}` } as const;
}

function unneeded(tls: TlsCertificates): string {
  return `no endpoint needs ${referencesOf(tls).map(formatReference).join(' and ')}, so nobody asks for them`;
}
