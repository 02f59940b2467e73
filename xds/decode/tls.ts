// Transport sockets -> TLS settings. What would weaken or break the authentication that was asked for is never
// skipped: the cluster or filter chain then counts as unsupported, whatever else it says.
import type { DownstreamTls, TlsCertificates, UpstreamTls } from '../model/address.ts';
import type { StringMatcherMessage, TransportSocketMessage } from './core-messages.ts';
import { configTypeOf, type DecodeContext, readAny } from './decode-context.ts';
import { decodeText } from './scalars.ts';
import type { CertificateValidationContextMessage, CommonTlsContextMessage } from './tls-messages.ts';
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
  return {
    kind: 'tls',
    tls: {
      ...common.certificates,
      sni: message.sni === '' ? null : message.sni,
      subjectAltNames: common.subjectAltNames,
    },
  };
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
  if (common.subjectAltNames.length > 0) {
    const reason = at.at('validation_context').unsupported('names in client certificates are not checked');
    return { kind: 'unsupported', reason };
  }
  const requireClientCertificate = message.require_client_certificate?.value ?? false;
  if (common.certificates.certificateChainPem === null) at.at('tls_certificates').fail('a server needs a certificate');
  if (requireClientCertificate && common.certificates.trustedCaPem === null) {
    at.at('validation_context').fail('require_client_certificate needs a trusted_ca');
  }
  return { kind: 'tls', tls: { ...common.certificates, requireClientCertificate } };
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

type DecodedCommon =
  | {
      readonly kind: 'decoded';
      readonly certificates: TlsCertificates;
      readonly subjectAltNames: readonly string[];
    }
  | { readonly kind: 'unsupported'; readonly reason: string };

function decodeCommon(context: DecodeContext, message: CommonTlsContextMessage | null, scope: Scope): DecodedCommon {
  const reason = unsupportedSource(message, scope);
  if (reason !== null) return { kind: 'unsupported', reason };
  const [certificate, ...more] = message?.tls_certificates ?? [];
  if (more.length > 0) scope.at('tls_certificates').unsupported('only the first certificate is used');
  const certificateScope = scope.item('tls_certificates', 0);
  const chain = decodeText(context, certificate?.certificate_chain ?? null, certificateScope.at('certificate_chain'));
  const key = decodeText(context, certificate?.private_key ?? null, certificateScope.at('private_key'));
  if (certificate !== undefined && chain.kind === 'absent') certificateScope.at('certificate_chain').fail('required');
  if (certificate !== undefined && key.kind === 'absent') certificateScope.at('private_key').fail('required');
  if (certificate?.password) {
    const text = certificateScope.at('password').unsupported('encrypted private keys are not supported');
    return { kind: 'unsupported', reason: text };
  }
  const combined = message?.combined_validation_context;
  const validation = combined?.default_validation_context ?? message?.validation_context ?? null;
  const validationScope = scope.at(
    combined === undefined ? 'validation_context' : 'combined_validation_context.default_validation_context',
  );
  const ca = decodeText(context, validation?.trusted_ca ?? null, validationScope.at('trusted_ca'));
  for (const text of [chain, key, ca]) if (text.kind === 'unsupported') return text;
  const names = decodeSubjectAltNames(validation, validationScope);
  if (names.kind === 'unsupported') return names;
  return {
    kind: 'decoded',
    certificates: {
      certificateChainPem: chain.kind === 'text' ? chain.text : null,
      privateKeyPem: key.kind === 'text' ? key.text : null,
      trustedCaPem: ca.kind === 'text' ? ca.text : null,
    },
    subjectAltNames: names.names,
  };
}

/** The first field that names certificates or checks which we cannot get or carry out. */
function unsupportedSource(message: CommonTlsContextMessage | null, scope: Scope): string | null {
  if (message === null) return null;
  const combined = message.combined_validation_context;
  if (message.tls_certificate_sds_secret_configs.length > 0) {
    return scope.at('tls_certificate_sds_secret_configs').unsupported('secret discovery (SDS) is not supported');
  }
  if (message.validation_context_sds_secret_config !== undefined) {
    return scope.at('validation_context_sds_secret_config').unsupported('secret discovery (SDS) is not supported');
  }
  if (combined !== undefined && combined.validation_context_sds_secret_config !== null) {
    const at = scope.at('combined_validation_context.validation_context_sds_secret_config');
    return at.unsupported('secret discovery (SDS) is not supported');
  }
  if (message.tls_certificate_provider_instance !== null) {
    return scope.at('tls_certificate_provider_instance').unsupported('certificate providers are not supported');
  }
  const validation = combined?.default_validation_context ?? message.validation_context;
  if (validation === undefined) return null;
  const at = scope.at('validation_context');
  if (validation.ca_certificate_provider_instance !== null) {
    return at.at('ca_certificate_provider_instance').unsupported('certificate providers are not supported');
  }
  for (const field of ['verify_certificate_spki', 'verify_certificate_hash'] as const) {
    if (validation[field].length > 0) return at.at(field).unsupported('pinned certificates are not supported');
  }
  if (validation.crl !== null) return at.at('crl').unsupported('revocation lists are not supported');
  if (validation.custom_validator_config !== null) {
    return at.at('custom_validator_config').unsupported('custom validators are not supported');
  }
  // We are stricter than these ask for, which is safe.
  if (validation.allow_expired_certificate) at.at('allow_expired_certificate').unsupported('expired ones are refused');
  if (validation.trust_chain_verification !== 'VERIFY_TRUST_CHAIN') {
    at.at('trust_chain_verification').unsupported('untrusted certificates are refused');
  }
  return null;
}

type DecodedNames =
  | { readonly kind: 'names'; readonly names: readonly string[] }
  | { readonly kind: 'unsupported'; readonly reason: string };

/** Only exact DNS names and URIs can be asked for. */
function decodeSubjectAltNames(validation: CertificateValidationContextMessage | null, scope: Scope): DecodedNames {
  const names: string[] = [];
  for (const [index, { san_type, matcher }] of (validation?.match_typed_subject_alt_names ?? []).entries()) {
    const at = scope.item('match_typed_subject_alt_names', index);
    if (san_type !== 'DNS' && san_type !== 'URI') {
      return { kind: 'unsupported', reason: at.at('san_type').unsupported(`${san_type} names are not supported`) };
    }
    const exact = exactName(matcher);
    if (exact === null)
      return { kind: 'unsupported', reason: at.at('matcher').unsupported('only exact names are supported') };
    names.push(exact);
  }
  for (const [index, matcher] of (validation?.match_subject_alt_names ?? []).entries()) {
    const exact = exactName(matcher);
    const at = scope.item('match_subject_alt_names', index);
    if (exact === null) return { kind: 'unsupported', reason: at.unsupported('only exact names are supported') };
    names.push(exact);
  }
  return { kind: 'names', names };
}

function exactName(matcher: StringMatcherMessage | null): string | null {
  return matcher?.exact !== undefined && !matcher.ignore_case ? matcher.exact : null;
}
