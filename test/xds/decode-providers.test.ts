// TLS contexts that name certificate providers of the bootstrap (gRFC A29).
import test from 'ava';
import { errorsOf, modelOf } from './decoding.ts';
import { pack } from './messages.ts';

const eds = { name: 'c', type: 'EDS', eds_cluster_config: { eds_config: { ads: {} } } };

function tls(common: object): object {
  const context = pack('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', { common_tls_context: common });
  return { name: 'envoy.transport_sockets.tls', typed_config: context };
}

test('gRFC A29: certificates and roots of a certificate provider of the bootstrap, in the newer form and in the older', (t) => {
  const instance = { instance_name: 'default', certificate_name: 'ROOTCA' };
  const names = { match_subject_alt_names: [{ exact: 'spiffe://mesh/ns/a/sa/b' }] };
  const part = (name: 'certificate' | 'roots') =>
    ({ name: 'default', source: { kind: 'provider', part: name } }) as const;
  for (const common of [
    {
      tls_certificate_provider_instance: instance,
      validation_context: { ca_certificate_provider_instance: instance, ...names },
    },
    {
      tls_certificate_certificate_provider_instance: instance,
      combined_validation_context: {
        default_validation_context: names,
        validation_context_certificate_provider_instance: instance,
      },
    },
  ]) {
    t.like(modelOf('cluster', { ...eds, transport_socket: tls(common) }).tls, {
      certificateChainPem: null,
      trustedCaPem: null,
      secrets: { certificate: part('certificate'), validation: part('roots') },
      subjectAltNames: [{ kind: 'any', match: { kind: 'exact', value: 'spiffe://mesh/ns/a/sa/b', ignoreCase: false } }],
    });
  }
  const roots = modelOf('cluster', {
    ...eds,
    transport_socket: tls({ validation_context_certificate_provider_instance: instance }),
  });
  t.like(roots.tls, { secrets: { certificate: null, validation: part('roots') }, nameCheck: 'chain' });
  const nameless = { ...eds, transport_socket: tls({ tls_certificate_provider_instance: {} }) };
  t.regex(errorsOf('cluster', nameless)[0]!, /tls_certificate_provider_instance\.instance_name: must not be empty$/);
});
