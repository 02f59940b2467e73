// Secrets (envoy.extensions.transport_sockets.tls.v3.Secret). Never shown, logged or kept on disk with their private keys.
import type { SubjectAltName } from './tls.ts';

export type Secret = CertificateSecret | ValidationSecret | OpaqueSecret;

export interface CertificateSecret {
  readonly kind: 'certificate';
  readonly name: string;
  readonly certificateChainPem: string;
  readonly privateKeyPem: string;
}

export interface ValidationSecret {
  readonly kind: 'validation';
  readonly name: string;
  /** `null`: it says nothing of roots. */
  readonly trustedCaPem: string | null;
  /** Added to those of the resource that names the secret. */
  readonly subjectAltNames: readonly SubjectAltName[];
}

/** Valid, and of no use here: a generic secret, or keys of session tickets; or why it can't be used, a field path. */
export interface OpaqueSecret {
  readonly kind: 'opaque';
  readonly name: string;
  readonly reason: string;
}
