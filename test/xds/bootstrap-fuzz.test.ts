// Whatever stands in a bootstrap, reading it ends in a bootstrap or in problems that name their place, never in a throw.
import test from 'ava';
import fc from 'fast-check';
import { parseBootstrap, parseEnvoyBootstrap } from '../../xds/index.ts';

type Json = Record<string, unknown>;

const address = { socket_address: { address: 'xds', port_value: 1 } };
const upstreamTls = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext';

/** Every key that is read, so that random damage meets it. */
const grpc: Json = {
  xds_servers: [
    {
      server_uri: 'x:1',
      channel_creds: [
        { type: 'google_default' },
        { type: 'tls', config: { ca_certificate_file: '/ca', refresh_interval: '1s' } },
      ],
      call_creds: [{ type: 'jwt_token_file', config: { jwt_token_file: '/t' } }],
      initial_metadata: [
        { key: 'a', value: 'b' },
        { key: 'c', value_file: '/d', value_prefix: 'e' },
      ],
      server_features: ['xds_v3'],
      xds_mode: 'auto',
    },
  ],
  node: { id: 'n', locality: { zone: 'z' }, metadata: { a: [1] }, user_agent_name: 'u' },
  authorities: { a: { xds_servers: [], client_listener_resource_name_template: 'xdstp://a/%s' } },
  certificate_providers: { p: { plugin_name: 'file_watcher', config: { ca_certificate_file: '/ca' } } },
};

const envoy: Json = {
  node: grpc['node'],
  dynamic_resources: {
    ads_config: {
      api_type: 'GRPC',
      grpc_services: [
        { envoy_grpc: { cluster_name: 'xds' }, initial_metadata: [{ key: 'a', value: 'b' }] },
        {
          google_grpc: {
            target_uri: 'g:1',
            channel_credentials: { ssl_credentials: { root_certs: { filename: '/ca' } } },
            call_credentials: [{ from_plugin: { typed_config: { secret_data: { filename: '/t' } } } }],
          },
        },
      ],
    },
    lds_config: { ads: {} },
    cds_config: { api_config_source: { api_type: 'GRPC', grpc_services: [] } },
  },
  static_resources: {
    clusters: [
      {
        name: 'xds',
        load_assignment: { endpoints: [{ lb_endpoints: [{ endpoint: { address } }] }] },
        transport_socket: {
          typed_config: {
            '@type': upstreamTls,
            sni: 's',
            common_tls_context: {
              tls_certificates: [{ certificate_chain: { filename: '/c' }, private_key: { inline_string: 'k' } }],
              combined_validation_context: {
                default_validation_context: { match_typed_subject_alt_names: [{ matcher: { exact: 'e' } }] },
                validation_context_sds_secret_config: { name: 'n', sds_config: { path_config_source: { path: '/p' } } },
              },
            },
          },
        },
      },
    ],
    listeners: [{}],
  },
  admin: { address },
};

/** Replaces whatever stands at one place of `json` by `damage`. */
function damaged(json: unknown, steps: readonly number[], damage: unknown): unknown {
  const [step, ...rest] = steps;
  if (step === undefined || typeof json !== 'object' || json === null) return damage;
  const keys = Object.keys(json);
  const key = keys[step % Math.max(1, keys.length)];
  if (key === undefined) return damage;
  const inner = damaged((json as Json)[key], rest, damage);
  if (Array.isArray(json)) return json.with(Number(key), inner);
  return { ...json, [key]: inner };
}

const places = fc.array(fc.nat(12), { minLength: 1, maxLength: 9 });
const damage = fc.oneof(fc.jsonValue(), fc.constantFrom(null, [], {}, [null], [[]], '', 'x', 7, -1, 1e30, true));

test('a bootstrap of proxyless gRPC, damaged anywhere', (t) => {
  fc.assert(
    fc.property(places, damage, (steps, value) => {
      const parsed = parseBootstrap(JSON.stringify(damaged(grpc, steps, value)));
      if ('problems' in parsed) for (const problem of parsed.problems) t.regex(problem, /^.+: ./s);
      else t.true(parsed.bootstrap.servers.length > 0);
    }),
    { numRuns: 2000 },
  );
});

test('an Envoy bootstrap, damaged anywhere', (t) => {
  const secret = { resources: [{ name: 'n', validation_context: { trusted_ca: { filename: '/ca' } } }] };
  fc.assert(
    fc.property(places, damage, damage, fc.boolean(), (steps, value, file, isRead) => {
      const readData = () => (isRead ? secret : file);
      const parsed = parseEnvoyBootstrap(damaged(envoy, steps, value), { readData, env: {} });
      if ('problems' in parsed) for (const problem of parsed.problems) t.regex(problem, /^.+: ./s);
      else t.true(parsed.bootstrap.servers.length > 0);
    }),
    { numRuns: 2000 },
  );
});
