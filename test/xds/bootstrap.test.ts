// The bootstrap file (xds.md section 6; gRFC A27, A65): what is read, and all problems at once with their JSON paths.
import test from 'ava';
import { parseBootstrap } from '../../xds/bootstrap.ts';

function problemsOf(json: unknown): readonly string[] {
  const parsed = parseBootstrap(JSON.stringify(json));
  return 'problems' in parsed ? parsed.problems : [];
}

const insecure = [{ type: 'insecure' }];
const servers = [{ server_uri: 'localhost:18000', channel_creds: insecure }];

test('a full bootstrap; the first credentials that are known count, unknown keys are accepted', (t) => {
  const parsed = parseBootstrap(
    JSON.stringify({
      xds_servers: [
        {
          server_uri: 'dns:///xds.example:443',
          channel_creds: [
            { type: 'google_default' },
            { type: 'tls', config: { ca_certificate_file: '/ca', certificate_file: '/c', private_key_file: '/k' } },
            { type: 'insecure' },
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
      },
      certificate_providers: {},
      somethingElse: 1,
    }),
  );
  t.deepEqual(parsed, {
    bootstrap: {
      servers: [
        {
          serverUri: 'dns:///xds.example:443',
          credentials: { kind: 'tls', caCertificateFile: '/ca', certificateFile: '/c', privateKeyFile: '/k' },
          features: ['xds_v3', 'ignore_resource_deletion'],
        },
        {
          serverUri: 'unix:/xds.sock',
          credentials: { kind: 'tls', caCertificateFile: null, certificateFile: null, privateKeyFile: null },
          features: [],
        },
      ],
      node: {
        id: 'n',
        cluster: 'c',
        locality: { region: 'r', zone: 'z', subZone: 's' },
        metadata: { INSTANCE_IPS: '10.0.0.1', nested: { a: [1, null] } },
      },
    },
  });
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
      'xds_servers[1].server_uri: required',
      'xds_servers[1].channel_creds: needs credentials of type "insecure" or "tls", not "google_default", "alts"',
      'xds_servers[2].server_uri: required',
      'xds_servers[2].server_features: must be a list',
      'xds_servers[3].channel_creds[0].config: certificate_file and private_key_file need each other',
      'xds_servers[4].channel_creds: needs credentials of type "insecure" or "tls"',
      'node.metadata: must be an object',
      'node.id: must be a string',
      'node.locality.zone: must be a string',
    ],
  );
});
