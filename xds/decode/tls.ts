// Transport sockets -> TLS settings. What would weaken or break the authentication that was asked for is never
// skipped: the cluster or filter chain then counts as unsupported, whatever else it says.
import type { DownstreamTls, SecretReference, SubjectAltName, TlsCertificates, UpstreamTls } from '../model/tls.ts';
import type { TransportSocketMessage } from './core-messages.ts';
import { configTypeOf, type DecodeContext, readAny } from './decode-context.ts';
import { decodeProviderReference } from './provider-reference.ts';
import { decodeSecretReference } from './secret-reference.ts';
import {
  type DecodedCertificate,
  type DecodedValidation,
  decodeCertificate,
  decodeValidation,
  type Unsupported,
} from './tls-material.ts';
import type { CommonTlsContextMessage, SdsSecretConfigMessage } from './tls-messages.ts';
import type { Scope } from './validation.ts';

export type DecodedSocket<Tls> =
  | { readonly kind: 'clear' }
  | { readonly kind: 'tls'; readonly tls: Tls }
  | { readonly kind: 'unsupported'; readonly reason: string };

const upstreamType = 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';
const downstreamType = 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext';
const rawBufferType = 'envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer';

const clear = { kind: 'clear' } as const;

/** TLS toward endpoints. After a problem was noted the result does not matter. */
export function decodeUpstreamSocket(
  context: DecodeContext,
  socket: TransportSocketMessage | null,
  scope: Scope,
): DecodedSocket<UpstreamTls> {
  const config = openSocket(context, socket, upstreamType, scope);
  if (config.kind !== 'open') return config;
  const message = readAny(context, upstreamType, config.any, config.scope);
  if (message === null) return clear;
  const common = decodeCommon(context, message.common_tls_context, config.scope.at('common_tls_context'));
  if (common.kind === 'unsupported') return common;
  const { certificates, subjectAltNames } = common;
  const alpn = offeredProtocols(message.common_tls_context);
  const checksSni = message.auto_sni_san_validation;
  if (checksSni && message.sni === '' && !message.auto_host_sni) {
    config.scope.at('auto_sni_san_validation').fail('needs sni or auto_host_sni');
  }
  const hasRoots = certificates.trustedCaPem !== null || (certificates.secrets?.validation ?? null) !== null;
  // As in Envoy: who names roots and no names takes any certificate of theirs. By the platform's roots anybody has one.
  const nameCheck = checksSni ? 'sni' : subjectAltNames.length === 0 && hasRoots ? 'chain' : null;
  return {
    kind: 'tls',
    tls: {
      ...certificates,
      sni: message.sni === '' ? null : message.sni,
      subjectAltNames,
      ...(alpn.length > 0 && { alpn }),
      ...(message.auto_host_sni && { hostnameIsSni: true }),
      ...(nameCheck !== null && { nameCheck }),
    },
  };
}

/** Not to be offered, for a server may then want to speak them: HTTP/1, and Istio's exchange of metadata before HTTP. */
const unspoken = ['http/1.0', 'http/1.1', 'istio-peer-exchange'];

function offeredProtocols(message: CommonTlsContextMessage | null): string[] {
  const named = message?.alpn_protocols ?? [];
  return named.filter((protocol) => protocol !== 'h2' && protocol !== '' && !unspoken.includes(protocol));
}

/** TLS toward clients. After a problem was noted the result does not matter. */
export function decodeDownstreamSocket(
  context: DecodeContext,
  socket: TransportSocketMessage | null,
  scope: Scope,
): DecodedSocket<DownstreamTls> {
  const config = openSocket(context, socket, downstreamType, scope);
  if (config.kind !== 'open') return config;
  const message = readAny(context, downstreamType, config.any, config.scope);
  if (message === null) return clear;
  if (message.require_sni?.value) config.scope.at('require_sni').unsupported('a client without SNI is not refused');
  const at = config.scope.at('common_tls_context');
  const common = decodeCommon(context, message.common_tls_context, at);
  if (common.kind === 'unsupported') return common;
  const { certificates, subjectAltNames } = common;
  const { secrets } = certificates;
  const requireClientCertificate = message.require_client_certificate?.value ?? false;
  if (certificates.certificateChainPem === null && !secrets?.certificate) {
    at.at('tls_certificates').fail('a server needs a certificate');
  }
  const hasRoots = certificates.trustedCaPem !== null || Boolean(secrets?.validation);
  if (!hasRoots && (requireClientCertificate || subjectAltNames.length > 0)) {
    at.at('validation_context').fail('require_client_certificate and names of clients need a trusted_ca');
  }
  const names = subjectAltNames.length === 0 ? {} : { subjectAltNames };
  return { kind: 'tls', tls: { ...certificates, requireClientCertificate, ...names } };
}

function openSocket(context: DecodeContext, socket: TransportSocketMessage | null, wanted: string, scope: Scope) {
  if (socket === null) return clear;
  const any = socket.typed_config;
  const at = scope.at('typed_config');
  const type = configTypeOf(context, any);
  if (type === rawBufferType) return clear;
  if (any === undefined || type !== wanted) {
    const what = type === '' ? `transport socket "${socket.name}"` : type;
    return { kind: 'unsupported', reason: at.unsupported(`${what} is not supported`) } as const;
  }
  return { kind: 'open', any, scope: at } as const;
}

interface DecodedCommon {
  readonly kind: 'decoded';
  readonly certificates: TlsCertificates;
  readonly subjectAltNames: readonly SubjectAltName[];
}

function decodeCommon(
  context: DecodeContext,
  message: CommonTlsContextMessage | null,
  scope: Scope,
): DecodedCommon | Unsupported {
  const own = decodeOwn(context, message, scope);
  if (own.kind === 'unsupported') return own;
  const peers = decodePeers(context, message, scope);
  if (peers.kind === 'unsupported') return peers;
  const [certificate, validation] = [own.secret, peers.secret];
  return {
    kind: 'decoded',
    certificates: {
      certificateChainPem: own.value?.certificateChainPem ?? null,
      privateKeyPem: own.value?.privateKeyPem ?? null,
      trustedCaPem: peers.value?.trustedCaPem ?? null,
      ...((certificate !== null || validation !== null) && { secrets: { certificate, validation } }),
    },
    subjectAltNames: peers.value?.subjectAltNames ?? [],
  };
}

/** What is there itself, and the secret that is to be joined with it. */
interface Part<Value> {
  readonly kind: 'part';
  readonly value: Value | null;
  readonly secret: SecretReference | null;
}

/** What we show of ourselves. Certificates that are there go before secrets, as upstream has it. */
function decodeOwn(
  context: DecodeContext,
  message: CommonTlsContextMessage | null,
  scope: Scope,
): Part<DecodedCertificate> | Unsupported {
  for (const field of ['tls_certificate_provider_instance', 'tls_certificate_certificate_provider_instance'] as const) {
    const instance = message?.[field] ?? null;
    if (instance === null) continue;
    return { kind: 'part', value: null, secret: decodeProviderReference(instance, 'certificate', scope.at(field)) };
  }
  for (const field of ['tls_certificates', 'tls_certificate_sds_secret_configs'] as const) {
    const [first, ...more] = message?.[field] ?? [];
    if (first === undefined) continue;
    if (more.length > 0) scope.at(field).unsupported('only the first certificate is used');
    const at = scope.item(field, 0);
    if ('sds_config' in first) return partOf(null, first, at);
    const decoded = decodeCertificate(context, first, at);
    return decoded.kind === 'unsupported' ? decoded : { kind: 'part', value: decoded, secret: null };
  }
  return { kind: 'part', value: null, secret: null };
}

/** How a peer's certificate is checked. */
function decodePeers(
  context: DecodeContext,
  message: CommonTlsContextMessage | null,
  scope: Scope,
): Part<DecodedValidation> | Unsupported {
  const combined = message?.combined_validation_context;
  const own = combined === undefined ? message?.validation_context : combined.default_validation_context;
  const at = combined === undefined ? scope : scope.at('combined_validation_context');
  const ownAt = at.at(combined === undefined ? 'validation_context' : 'default_validation_context');
  const decoded = own === undefined || own === null ? null : decodeValidation(context, own, ownAt);
  if (decoded?.kind === 'unsupported') return decoded;
  const older = 'validation_context_certificate_provider_instance';
  const instance = (combined ?? message)?.[older] ?? null;
  const provider =
    decoded?.provider ?? (instance === null ? null : decodeProviderReference(instance, 'roots', at.at(older)));
  if (provider !== null) return { kind: 'part', value: decoded, secret: provider };
  const sds = (combined ?? message)?.validation_context_sds_secret_config ?? null;
  return partOf(decoded, sds, at.at('validation_context_sds_secret_config'));
}

function partOf<Value>(
  value: Value | null,
  message: SdsSecretConfigMessage | null,
  scope: Scope,
): Part<Value> | Unsupported {
  if (message === null) return { kind: 'part', value, secret: null };
  const decoded = decodeSecretReference(message, scope);
  return decoded.kind === 'unsupported' ? decoded : { kind: 'part', value, secret: decoded.reference };
}
