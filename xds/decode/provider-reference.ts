// CertificateProviderPluginInstance, and its older form -> the certificates of a provider of the bootstrap.
import type { SecretReference } from '../model/tls.ts';
import type { ProviderInstanceMessage } from './tls-messages.ts';
import type { Scope } from './validation.ts';

/** An instance of a certificate provider (gRFC A29). After a problem was noted the result does not matter. */
export function decodeProviderReference(
  { instance_name: name }: ProviderInstanceMessage,
  part: 'certificate' | 'roots',
  scope: Scope,
): SecretReference {
  if (name === '') scope.at('instance_name').fail('must not be empty');
  return { name, source: { kind: 'provider', part } };
}
