// TLS contexts to envoy.config.core.v3.TransportSocket, with certificates inside.
import type { DownstreamTls, TlsCertificates, UpstreamTls } from '../model/address.ts';
import type { Pack } from './pack.ts';

const tlsPackage = 'envoy.extensions.transport_sockets.tls.v3';

export function encodeDownstreamTls(tls: DownstreamTls, pack: Pack): object {
  return transportSocket(pack, 'DownstreamTlsContext', {
    common_tls_context: encodeCertificates(tls, []),
    require_client_certificate: { value: tls.requireClientCertificate },
  });
}

export function encodeUpstreamTls(tls: UpstreamTls, pack: Pack): object {
  return transportSocket(pack, 'UpstreamTlsContext', {
    common_tls_context: encodeCertificates(tls, tls.subjectAltNames),
    sni: tls.sni ?? '',
  });
}

function transportSocket(pack: Pack, context: string, message: object): object {
  return { name: 'envoy.transport_sockets.tls', typed_config: pack(`${tlsPackage}.${context}`, message) };
}

function encodeCertificates(certificates: TlsCertificates, subjectAltNames: readonly string[]): object {
  const { certificateChainPem, privateKeyPem, trustedCaPem } = certificates;
  const own = certificateChainPem !== null || privateKeyPem !== null;
  return {
    alpn_protocols: ['h2'],
    tls_certificates: own
      ? [{ certificate_chain: inline(certificateChainPem), private_key: inline(privateKeyPem) }]
      : [],
    validation_context: {
      trusted_ca: inline(trustedCaPem),
      match_typed_subject_alt_names: subjectAltNames.map((name) => ({
        san_type: name.includes('://') ? 'URI' : 'DNS',
        matcher: { exact: name },
      })),
    },
  };
}

function inline(pem: string | null): object | null {
  return pem === null ? null : { inline_string: pem };
}
