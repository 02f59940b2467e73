// The bootstrap file (xds.md section 6; gRFC A27, A65): what is read, and all problems at once with their JSON paths.
import test from 'ava';
import { parseBootstrap } from '../../xds/bootstrap.ts';

function problemsOf(json: unknown): readonly string[] {
  const parsed = parseBootstrap(JSON.stringify(json));
  return 'problems' in parsed ? parsed.problems : [];
}

const insecure = [{ type: 'insecure' }];
const servers = [{ server_uri: 'localhost:18000', channel_creds: insecure }];

const file = (path: string) => ({ kind: 'file', path });

test('a full bootstrap; the first credentials that are known count, unknown keys are accepted', (t) => {
  const parsed = parseBootstrap(
    JSON.stringify({
      xds_servers: [
        {
          server_uri: 'dns:///xds.example:443',
          channel_creds: [
            { type: 'google_default' },
            {
              type: 'tls',
              config: {
                ca_certificate_file: '/ca',
                certificate_file: '/c',
                private_key_file: '/k',
                refresh_interval: '600s',
                server_name: 'xds',
              },
            },
            { type: 'insecure' },
          ],
          call_creds: [{ type: 'sts' }, { type: 'jwt_token_file', config: { jwt_token_file: '/token' } }],
          initial_metadata: [
            { key: 'ClusterID', value: 'Kubernetes' },
            { key: 'x-token', value_file: '/t', value_prefix: 'T ' },
          ],
          server_features: ['xds_v3', 'ignore_resource_deletion'],
        },
        { server_uri: 'unix:/xds.sock', channel_creds: [{ type: 'tls' }] },
      ],
      node: {
        id: 'n',
        cluster: 'c',
        locality: { region: 'r', zone: 'z', sub_zone: 's' },
        metadata: { INSTANCE_IPS: '10.0.0.1', nested: { a: [1, null] } },
        user_agent_name: 'mesh-client',
        user_agent_version: '1.2',
      },
      authorities: {
        'global.example': {
          xds_servers: [{ server_uri: 'global:443', channel_creds: [{ type: 'tls' }] }],
          client_listener_resource_name_template: 'xdstp://global.example/envoy.config.listener.v3.Listener/p/%s',
        },
        plain: {},
      },
      client_default_listener_resource_name_template: 'client/%s',
      server_listener_resource_name_template: 'server/%s',
      certificate_providers: {
        default: { plugin_name: 'file_watcher', config: { certificate_file: '/pc', private_key_file: '/pk' } },
        cloud: { plugin_name: 'cloud_private_spiffe', config: {} },
      },
      somethingElse: 1,
    }),
  );
  t.deepEqual(parsed, {
    bootstrap: {
      servers: [
        {
          serverUri: 'dns:///xds.example:443',
          credentials: {
            kind: 'tls',
            ca: file('/ca'),
            identity: { certificate: file('/c'), privateKey: file('/k') },
            serverName: 'xds',
          },
          metadata: [
            { kind: 'file', key: 'authorization', prefix: 'Bearer ', path: '/token' },
            { kind: 'value', key: 'clusterid', value: 'Kubernetes' },
            { kind: 'file', key: 'x-token', prefix: 'T ', path: '/t' },
          ],
          features: ['xds_v3', 'ignore_resource_deletion'],
        },
        { serverUri: 'unix:/xds.sock', credentials: { kind: 'tls', ca: null, identity: null }, features: [] },
      ],
      node: {
        id: 'n',
        cluster: 'c',
        locality: { region: 'r', zone: 'z', subZone: 's' },
        metadata: { INSTANCE_IPS: '10.0.0.1', nested: { a: [1, null] } },
        userAgent: { name: 'mesh-client', version: '1.2' },
      },
      authorities: {
        'global.example': {
          servers: [{ serverUri: 'global:443', credentials: { kind: 'tls', ca: null, identity: null }, features: [] }],
          clientListenerTemplate: 'xdstp://global.example/envoy.config.listener.v3.Listener/p/%s',
        },
        plain: { servers: [], clientListenerTemplate: 'xdstp://plain/envoy.config.listener.v3.Listener/%s' },
      },
      clientListenerTemplate: 'client/%s',
      certificateProviders: {
        default: { ca: null, identity: { certificate: file('/pc'), privateKey: file('/pk') }, refreshMs: 600_000 },
      },
    },
    warnings: [
      'xds_servers[0].channel_creds[0].type: "google_default" is not supported; the next one is used',
      'xds_servers[0].call_creds[0].type: "sts" is not supported, only "jwt_token_file" is',
      'server_listener_resource_name_template: is for gRPC servers, and this is none',
      'certificate_providers["cloud"].plugin_name: "cloud_private_spiffe" is not supported, only "file_watcher" is',
    ],
  });
});

test('a token is not sent in clear text over a network (gRFC A97)', (t) => {
  const call_creds = [{ type: 'jwt_token_file', config: { jwt_token_file: '/token' } }];
  t.deepEqual(problemsOf({ xds_servers: [{ ...servers[0], call_creds }] }), [
    'xds_servers[0].call_creds: a token is sent over TLS only, and channel_creds is insecure',
  ]);
  t.deepEqual(problemsOf({ xds_servers: [{ ...servers[0], server_uri: 'unix:/xds.sock', call_creds }] }), []);
});

test('a header that may not be sent is a problem', (t) => {
  const initial_metadata = [
    { key: 'grpc-timeout', value: '1S' },
    { key: 'a b', value: 'x' },
    { key: 'token-bin', value: 'x' },
    { key: 'x', value: 'line\nbreak' },
    { key: 'x' },
    { key: 'x', value: 'a', value_file: '/a' },
    { value: 'a' },
  ];
  const at = 'xds_servers[0].initial_metadata';
  t.deepEqual(problemsOf({ xds_servers: [{ ...servers[0], initial_metadata }] }), [
    `${at}[0].key: a name that begins with "grpc-" is gRPC's own`,
    `${at}[1].key: may hold letters, digits, "_", "-" and "." only`,
    `${at}[2].key: binary values ("-bin") are not supported`,
    `${at}[3].value: must be printable ASCII`,
    `${at}[4]: needs a value or a value_file`,
    `${at}[5]: has both a value and a value_file`,
    `${at}[6].key: required`,
  ]);
  const many = Array.from({ length: 40 }, () => ({ key: 'x', value: 'y' }));
  t.deepEqual(problemsOf({ xds_servers: [{ ...servers[0], initial_metadata: many }] }), [
    `${at}: more than 32 entries`,
  ]);
});

test('authorities, templates and providers that are not sound (gRFC A47, A29)', (t) => {
  t.deepEqual(
    problemsOf({
      xds_servers: servers,
      authorities: { a: { client_listener_resource_name_template: 'xdstp://b/%s' }, b: 1 },
      server_listener_resource_name_template: 1,
      certificate_providers: {
        p: { plugin_name: 'file_watcher', config: { refresh_interval: 600 } },
        q: {},
      },
    }),
    [
      'authorities["a"].client_listener_resource_name_template: must begin with "xdstp://a/"',
      'authorities["b"]: must be an object',
      'server_listener_resource_name_template: must be a string',
      'certificate_providers["p"].config.refresh_interval: must be a duration in seconds, "600s" for example',
      'certificate_providers["p"].config: names no file',
      'certificate_providers["q"].plugin_name: required',
    ],
  );
});

test('a server is enough', (t) => {
  const parsed = parseBootstrap(JSON.stringify({ xds_servers: servers }));
  t.like(parsed, { bootstrap: { servers: [{ credentials: { kind: 'insecure' } }], node: { id: '', metadata: {} } } });
});

test('xds_mode says how a server is spoken to', (t) => {
  for (const mode of ['delta', 'sotw', 'auto']) {
    const parsed = parseBootstrap(JSON.stringify({ xds_servers: [{ ...servers[0], xds_mode: mode }] }));
    t.like(parsed, { bootstrap: { servers: [{ mode }] } });
  }
  t.deepEqual(problemsOf({ xds_servers: [{ ...servers[0], xds_mode: 'rest' }] }), [
    'xds_servers[0].xds_mode: must be "delta", "sotw" or "auto"',
  ]);
});

test('text that is no JSON, and JSON that is no bootstrap', (t) => {
  const parsed = parseBootstrap('{"xds_servers": [');
  t.regex('problems' in parsed ? (parsed.problems[0] ?? '') : '', /^not JSON: /);
  for (const json of [null, [], 'text', 7]) t.is(problemsOf(json)[0], 'the bootstrap: must be an object');
  t.deepEqual(problemsOf({}), ['xds_servers: must be a list of one server at least']);
  t.deepEqual(problemsOf({ xds_servers: [] }), ['xds_servers: must be a list of one server at least']);
});

test('each problem is named, all at once', (t) => {
  t.deepEqual(
    problemsOf({
      xds_servers: [
        'localhost:1',
        { server_uri: 7, channel_creds: [{ type: 'google_default' }, { type: 'alts' }] },
        { channel_creds: insecure, server_features: 'xds_v3' },
        { server_uri: 'a', channel_creds: [{ type: 'tls', config: { certificate_file: '/c' } }] },
        { server_uri: 'a' },
      ],
      node: { id: 1, locality: { zone: [] }, metadata: [] },
    }),
    [
      'xds_servers[0]: must be an object',
      'xds_servers[1].server_uri: must be a string',
      'xds_servers[1].channel_creds[0].type: "google_default" is not supported',
      'xds_servers[1].channel_creds[1].type: "alts" is not supported',
      'xds_servers[1].channel_creds: needs credentials of type "insecure" or "tls"',
      'xds_servers[2].server_uri: required',
      'xds_servers[2].server_features: must be a list',
      'xds_servers[3].channel_creds[0].config: certificate_file and private_key_file need each other',
      'xds_servers[4].channel_creds: needs credentials of type "insecure" or "tls"',
      'node.id: must be a string',
      'node.locality.zone: must be a string',
      'node.metadata: must be an object',
    ],
  );
});
