// envoy.extensions.transport_sockets.tls.v3.Secret -> Secret.
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Secret } from '../model/secret.ts';
import type { DecodeContext } from './decode-context.ts';
import { decodeCertificate, decodeValidation } from './tls-material.ts';
import type { SecretMessage } from './tls-messages.ts';
import type { Scope } from './validation.ts';

export function decodeSecret(context: DecodeContext, message: SecretMessage, scope: Scope): Secret {
  const { name } = message;
  if (name === '') scope.at('name').fail('must not be empty');
  if (message.tls_certificate !== undefined) {
    const decoded = decodeCertificate(context, message.tls_certificate, scope.at('tls_certificate'));
    if (decoded.kind === 'unsupported') return { kind: 'opaque', name, reason: decoded.reason };
    const { certificateChainPem, privateKeyPem } = decoded;
    if (certificateChainPem !== null && privateKeyPem !== null) {
      checkPair(certificateChainPem, privateKeyPem, scope.at('tls_certificate'));
    }
    // After a problem was noted the secret is refused, whatever this is.
    return {
      kind: 'certificate',
      name,
      certificateChainPem: certificateChainPem ?? '',
      privateKeyPem: privateKeyPem ?? '',
    };
  }
  if (message.validation_context !== undefined) {
    const decoded = decodeValidation(context, message.validation_context, scope.at('validation_context'));
    if (decoded.kind === 'unsupported') return { kind: 'opaque', name, reason: decoded.reason };
    const { trustedCaPem, subjectAltNames, provider } = decoded;
    if (provider !== null) {
      const at = scope.at('validation_context.ca_certificate_provider_instance');
      return { kind: 'opaque', name, reason: at.unsupported('a secret holds its roots itself') };
    }
    if (trustedCaPem !== null) readCertificate(trustedCaPem, scope.at('validation_context.trusted_ca'));
    return { kind: 'validation', name, trustedCaPem, subjectAltNames };
  }
  if (message.generic_secret !== undefined) {
    return { kind: 'opaque', name, reason: 'generic_secret: of no use for TLS' };
  }
  if (message.session_ticket_keys !== undefined) {
    return { kind: 'opaque', name, reason: 'session_ticket_keys: of no use here, sessions are not shared' };
  }
  scope.fail('no secret that we know is set');
  return { kind: 'opaque', name, reason: '' };
}

/** A renewed certificate that is none must not take the place of the one in use, which may be good for days yet. */
function checkPair(certificateChainPem: string, privateKeyPem: string, scope: Scope): void {
  const certificate = readCertificate(certificateChainPem, scope.at('certificate_chain'));
  try {
    const key = createPrivateKey(privateKeyPem);
    if (certificate !== null && !certificate.checkPrivateKey(key)) {
      scope.at('private_key').fail('is not the one of the certificate');
    } else if (certificate !== null && !isUsable(certificateChainPem, privateKeyPem)) {
      scope.at('certificate_chain').fail('has something behind the first certificate that is none');
    }
  } catch {
    // What the reason quotes may be of the key.
    scope.at('private_key').fail('is not a private key in PEM');
  }
}

function isUsable(cert: string, key: string): boolean {
  try {
    createSecureContext({ cert, key });
    return true;
  } catch {
    return false;
  }
}

/** The first one. `null` after a problem was noted. */
function readCertificate(pem: string, scope: Scope): X509Certificate | null {
  try {
    return new X509Certificate(pem);
  } catch {
    scope.fail('is not a certificate in PEM');
    return null;
  }
}
