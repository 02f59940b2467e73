// Who a verified certificate is of.
import type { X509Certificate } from 'node:crypto';

export interface CertificateIdentity {
  /** Such as `CN=shop,O=mesh`. */
  readonly subject: string;
  /** Such as `URI:spiffe://…` or `DNS:a.test`. */
  readonly sans: readonly string[];
  /** SHA-256, in hex with small letters. */
  readonly fingerprint: string;
}

export function identityOfCertificate(certificate: X509Certificate): CertificateIdentity {
  const { subject: lines, subjectAltName, fingerprint256 } = certificate;
  // Names that hold a comma are written in quotes.
  const sans = (subjectAltName ?? '').match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  // Undefined where the certificate has none, whatever its type says; else its parts stand on lines of their own, the
  // most general one first.
  const subject = (lines ?? '').split('\n').toReversed().join(',');
  const fingerprint = fingerprint256.replaceAll(':', '').toLowerCase();
  return { subject, sans: sans.map((name) => name.trim()), fingerprint };
}
