// envoy.extensions.transport_sockets.tls.v3.SdsSecretConfig -> the name of a secret, and where it comes from.
import type { SecretReference } from '../model/tls.ts';
import type { ApiConfigSourceMessage } from './core-messages.ts';
import type { Unsupported } from './tls-material.ts';
import type { SdsSecretConfigMessage } from './tls-messages.ts';
import type { Scope } from './validation.ts';

export type DecodedReference = { readonly kind: 'reference'; readonly reference: SecretReference } | Unsupported;

export function decodeSecretReference(
  { name, sds_config: source }: SdsSecretConfigMessage,
  scope: Scope,
): DecodedReference {
  if (name === '') scope.at('name').fail('must not be empty');
  const at = scope.at('sds_config');
  if (source === null) return { kind: 'unsupported', reason: at.unsupported('static secrets are not supported') };
  if (source.ads !== undefined || source.self !== undefined) {
    return { kind: 'reference', reference: { name, source: { kind: 'ads' } } };
  }
  if (source.api_config_source !== undefined) {
    return decodeApiSource(name, source.api_config_source, at.at('api_config_source'));
  }
  return { kind: 'unsupported', reason: at.unsupported('only ads, self and api_config_source are supported') };
}

function decodeApiSource(name: string, message: ApiConfigSourceMessage, scope: Scope): DecodedReference {
  const { api_type: type, grpc_services: services } = message;
  if (type !== 'GRPC' && type !== 'DELTA_GRPC') {
    return { kind: 'unsupported', reason: scope.at('api_type').unsupported(`${type} is not supported for secrets`) };
  }
  const mode = type === 'GRPC' ? 'sotw' : 'delta';
  const [service] = services;
  if (services.length > 1) scope.at('grpc_services').unsupported('only the first one is asked');
  const at = scope.item('grpc_services', 0);
  if (service?.envoy_grpc !== undefined) {
    const { cluster_name: cluster } = service.envoy_grpc;
    if (cluster === '') at.at('envoy_grpc.cluster_name').fail('must not be empty');
    return { kind: 'reference', reference: { name, source: { kind: 'cluster', name: cluster, mode } } };
  }
  if (service?.google_grpc !== undefined) {
    const { target_uri: target } = service.google_grpc;
    if (target === '') at.at('google_grpc.target_uri').fail('must not be empty');
    return { kind: 'reference', reference: { name, source: { kind: 'target', name: target, mode } } };
  }
  scope.at('grpc_services').fail('must name a service');
  return { kind: 'unsupported', reason: '' };
}
