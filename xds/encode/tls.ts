// TLS contexts to envoy.config.core.v3.TransportSocket, with certificates inside.
import type { DownstreamTls, SecretReference, SubjectAltName, TlsCertificates, UpstreamTls } from '../model/tls.ts';
import type { Pack } from './pack.ts';
import { encodeInlineText, encodeSubjectAltName, sameStream } from './values.ts';

const tlsPackage = 'envoy.extensions.transport_sockets.tls.v3';

export function encodeDownstreamTls(tls: DownstreamTls, pack: Pack): object {
  return transportSocket(pack, 'DownstreamTlsContext', {
    common_tls_context: encodeCertificates(tls, tls.subjectAltNames ?? [], []),
    require_client_certificate: { value: tls.requireClientCertificate },
  });
}

export function encodeUpstreamTls(tls: UpstreamTls, pack: Pack): object {
  const isNamed = tls.sni !== null || tls.hostnameIsSni === true;
  return transportSocket(pack, 'UpstreamTlsContext', {
    common_tls_context: encodeCertificates(tls, tls.subjectAltNames, tls.alpn ?? []),
    sni: tls.sni ?? '',
    auto_host_sni: tls.hostnameIsSni ?? false,
    // Envoy checks no name that it is not told to check.
    auto_sni_san_validation:
      tls.nameCheck === 'sni' ||
      (tls.nameCheck === undefined && isNamed && tls.subjectAltNames.length === 0 && tls.trustedCaPem !== null),
  });
}

function transportSocket(pack: Pack, context: string, message: object): object {
  return { name: 'envoy.transport_sockets.tls', typed_config: pack(`${tlsPackage}.${context}`, message) };
}

function encodeCertificates(
  certificates: TlsCertificates,
  subjectAltNames: readonly SubjectAltName[],
  alpn: readonly string[],
): object {
  const { certificateChainPem, privateKeyPem, trustedCaPem, secrets } = certificates;
  const own = certificateChainPem !== null || privateKeyPem !== null;
  const validation = {
    trusted_ca: encodeInlineText(trustedCaPem),
    match_typed_subject_alt_names: subjectAltNames.flatMap(encodeSubjectAltName),
  };
  return {
    alpn_protocols: [...alpn, 'h2'],
    tls_certificates: own
      ? [{ certificate_chain: encodeInlineText(certificateChainPem), private_key: encodeInlineText(privateKeyPem) }]
      : [],
    tls_certificate_sds_secret_configs: secrets?.certificate ? [encodeReference(secrets.certificate)] : [],
    ...(secrets?.validation
      ? {
          combined_validation_context: {
            default_validation_context: validation,
            validation_context_sds_secret_config: encodeReference(secrets.validation),
          },
        }
      : { validation_context: validation }),
  };
}

/** `SdsSecretConfig`. */
function encodeReference({ name, source }: SecretReference): object {
  if (source.kind === 'ads') return { name, sds_config: sameStream };
  if (source.kind === 'provider') throw new TypeError("a certificate provider is of the client's own bootstrap");
  const service =
    source.kind === 'cluster'
      ? { envoy_grpc: { cluster_name: source.name } }
      : { google_grpc: { target_uri: source.name } };
  return {
    name,
    sds_config: {
      api_config_source: {
        api_type: source.mode === 'sotw' ? 'GRPC' : 'DELTA_GRPC',
        transport_api_version: 'V3',
        grpc_services: [service],
      },
      resource_api_version: 'V3',
    },
  };
}
