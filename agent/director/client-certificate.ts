// An element of `x-forwarded-client-cert`: who called, as Envoy writes it down for those behind it (HTTP connection manager,
// "x-forwarded-client-cert").
import type { CallFacts } from './call-facts.ts';

/** Empty where the caller has shown no certificate that could be verified. */
export function formatClientCertificate({ peerFingerprint, peerSubject, peerSans }: CallFacts): string {
  if (peerFingerprint === '') return '';
  const parts = [`Hash=${peerFingerprint}`];
  if (peerSubject !== null && peerSubject !== '') parts.push(`Subject="${peerSubject.replace(/["\\]/g, '\\$&')}"`);
  for (const san of peerSans) {
    if (san.startsWith('URI:')) parts.push(`URI=${quoted(san.slice(4))}`);
    else if (san.startsWith('DNS:')) parts.push(`DNS=${quoted(san.slice(4))}`);
  }
  return parts.join(';');
}

/** What would end a value, or the element, stands in quotes. */
function quoted(value: string): string {
  return /[,;="]/.test(value) ? `"${value.replace(/["\\]/g, '\\$&')}"` : value;
}
