// Certificates, keys and the checks of a peer's certificate: what both a TLS context and a secret hold. What would weaken
// or break the authentication that was asked for is never skipped: whatever asks for it then counts as unsupported.
import type { SecretReference, SubjectAltName } from '../model/tls.ts';
import type { EnumValue, StringMatcherMessage } from './core-messages.ts';
import type { DecodeContext } from './decode-context.ts';
import { decodeProviderReference } from './provider-reference.ts';
import { decodeStringMatch, decodeText } from './scalars.ts';
import type { CertificateValidationContextMessage, TlsCertificateMessage } from './tls-messages.ts';
import type { Scope } from './validation.ts';

export interface Unsupported {
  readonly kind: 'unsupported';
  readonly reason: string;
}

export interface DecodedCertificate {
  readonly kind: 'certificate';
  /** `null` after a problem was noted. */
  readonly certificateChainPem: string | null;
  readonly privateKeyPem: string | null;
}

export interface DecodedValidation {
  readonly kind: 'validation';
  readonly trustedCaPem: string | null;
  readonly subjectAltNames: readonly SubjectAltName[];
  /** The certificate provider that has the roots; `null`: they are here, or there are none. */
  readonly provider: SecretReference | null;
}

export function decodeCertificate(
  context: DecodeContext,
  message: TlsCertificateMessage,
  scope: Scope,
): DecodedCertificate | Unsupported {
  const chain = decodeText(context, message.certificate_chain, scope.at('certificate_chain'));
  const key = decodeText(context, message.private_key, scope.at('private_key'));
  if (chain.kind === 'absent') scope.at('certificate_chain').fail('required');
  if (key.kind === 'absent') scope.at('private_key').fail('required');
  if (message.password !== null) {
    return {
      kind: 'unsupported',
      reason: scope.at('password').unsupported('encrypted private keys are not supported'),
    };
  }
  for (const text of [chain, key]) if (text.kind === 'unsupported') return text;
  return {
    kind: 'certificate',
    certificateChainPem: chain.kind === 'text' ? chain.text : null,
    privateKeyPem: key.kind === 'text' ? key.text : null,
  };
}

export function decodeValidation(
  context: DecodeContext,
  message: CertificateValidationContextMessage,
  scope: Scope,
): DecodedValidation | Unsupported {
  const reason = unsupportedCheck(message, scope);
  if (reason !== null) return { kind: 'unsupported', reason };
  const ca = decodeText(context, message.trusted_ca, scope.at('trusted_ca'));
  if (ca.kind === 'unsupported') return ca;
  const subjectAltNames: SubjectAltName[] = [];
  for (const [index, { san_type: type, matcher }] of message.match_typed_subject_alt_names.entries()) {
    const at = scope.item('match_typed_subject_alt_names', index);
    const kind = nameKinds[type];
    if (kind === undefined) {
      return { kind: 'unsupported', reason: at.at('san_type').unsupported(`${type} names are not supported`) };
    }
    subjectAltNames.push(...decodeName(kind, matcher, at.at('matcher')));
  }
  for (const [index, matcher] of message.match_subject_alt_names.entries()) {
    subjectAltNames.push(...decodeName('any', matcher, scope.item('match_subject_alt_names', index)));
  }
  const instance = message.ca_certificate_provider_instance;
  const at = scope.at('ca_certificate_provider_instance');
  const provider = instance === null ? null : decodeProviderReference(instance, 'roots', at);
  // As in gRPC, where a provider's roots go before those that are here.
  const trustedCaPem = ca.kind === 'text' && provider === null ? ca.text : null;
  return { kind: 'validation', trustedCaPem, subjectAltNames, provider };
}

const nameKinds: Readonly<Record<EnumValue, SubjectAltName['kind']>> = {
  DNS: 'dns',
  URI: 'uri',
  EMAIL: 'email',
  IP_ADDRESS: 'ip',
};

/** None after a problem was noted. */
function decodeName(
  kind: SubjectAltName['kind'],
  matcher: StringMatcherMessage | null,
  scope: Scope,
): SubjectAltName[] {
  if (matcher === null) {
    scope.fail('required');
    return [];
  }
  const match = decodeStringMatch(matcher, scope);
  return match === null ? [] : [{ kind, match }];
}

/** The first field that asks for a check which we cannot carry out. */
function unsupportedCheck(message: CertificateValidationContextMessage, scope: Scope): string | null {
  for (const field of ['verify_certificate_spki', 'verify_certificate_hash'] as const) {
    if (message[field].length > 0) return scope.at(field).unsupported('pinned certificates are not supported');
  }
  if (message.crl !== null) return scope.at('crl').unsupported('revocation lists are not supported');
  if (message.custom_validator_config !== null) {
    return scope.at('custom_validator_config').unsupported('custom validators are not supported');
  }
  // We are stricter than these ask for, which is safe.
  if (message.allow_expired_certificate) scope.at('allow_expired_certificate').unsupported('expired ones are refused');
  if (message.trust_chain_verification !== 'VERIFY_TRUST_CHAIN') {
    scope.at('trust_chain_verification').unsupported('untrusted certificates are refused');
  }
  return null;
}
