// Secret to envoy.extensions.transport_sockets.tls.v3.Secret; the mirror of decode/secret.ts.
import type { Secret } from '../model/secret.ts';
import { encodeInlineText, encodeSubjectAltName } from './values.ts';

/** Throws on an opaque one: what was in it is not known. */
export function encodeSecret(secret: Secret): object {
  const { name } = secret;
  switch (secret.kind) {
    case 'certificate':
      return {
        name,
        tls_certificate: {
          certificate_chain: encodeInlineText(secret.certificateChainPem),
          private_key: encodeInlineText(secret.privateKeyPem),
        },
      };
    case 'validation':
      return {
        name,
        validation_context: {
          trusted_ca: encodeInlineText(secret.trustedCaPem),
          match_typed_subject_alt_names: secret.subjectAltNames.flatMap(encodeSubjectAltName),
        },
      };
    case 'opaque':
      throw new TypeError(`secret ${name} cannot be encoded: ${secret.reason}`);
  }
}
