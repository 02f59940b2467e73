// The command line as a person meets it (design section 12): one clear sentence, the right exit code.
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';

const ENTRY = fileURLToPath(new URL('../../bin/outrigger.js', import.meta.url));

interface Result {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

function outrigger(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Result> {
  const child = spawn(process.execPath, [ENTRY, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, GRPC_XDS_BOOTSTRAP: '', GRPC_XDS_BOOTSTRAP_CONFIG: '', ...env },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (text) => {
    out += text;
  });
  child.stderr.on('data', (text) => {
    err += text;
  });
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, out, err })));
}

async function fileWith(t: ExecutionContext, text: string, name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-cli-'));
  t.teardown(() => rm(folder, { recursive: true }));
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

test.serial('--help lists the commands and exits with 0', async (t) => {
  const { code, out } = await outrigger(['--help']);
  t.is(code, 0);
  for (const command of ['run', 'mesh', 'control-plane', 'validate']) t.regex(out, new RegExp(`^  ${command} `, 'm'));
});

test.serial('a command tells its flags', async (t) => {
  const { code, out } = await outrigger(['run', '--help']);
  t.is(code, 0);
  t.regex(out, /--admin-port N/);
  t.regex(out, /GRPC_XDS_BOOTSTRAP/);
});

test.serial('an unknown flag is wrong usage, and the nearest right one is named', async (t) => {
  const { code, err } = await outrigger(['run', '--admin-prot', '1']);
  t.is(code, 64);
  t.regex(err, /does not know --admin-prot \(did you mean --admin-port\?\)/);
});

test.serial('an unknown command is wrong usage, and the nearest right one is named', async (t) => {
  const { code, err } = await outrigger(['mehs']);
  t.is(code, 64);
  t.regex(err, /no command 'mehs' \(did you mean mesh\?\)/);
});

test.serial('a flag value out of range names the flag and the range', async (t) => {
  const { code, err } = await outrigger(['run', '--admin-port', '70000']);
  t.is(code, 64);
  t.regex(err, /--admin-port takes a whole number from 0 to 65535, not '70000'/);
});

test.serial('run without a bootstrap says where one may come from', async (t) => {
  const { code, err } = await outrigger(['run']);
  t.is(code, 64);
  t.regex(err, /GRPC_XDS_BOOTSTRAP/);
});

test.serial('a file that is not there is named', async (t) => {
  const { code, err } = await outrigger(['run', '-c', 'no-such-file.json']);
  t.is(code, 1);
  t.regex(err, /can't read no-such-file\.json: there is no such file/);
});

test.serial('an unsound bootstrap is refused with all its problems', async (t) => {
  const { code, err } = await outrigger(['run'], { GRPC_XDS_BOOTSTRAP_CONFIG: '{"xds_servers": [{}], "node": 3}' });
  t.is(code, 1);
  t.regex(err, /server_uri/);
  t.regex(err, /node/);
});

test.serial('a busy admin port is one sentence that names it', async (t) => {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  const bootstrap = {
    xds_servers: [{ server_uri: '127.0.0.1:1', channel_creds: [{ type: 'insecure' }] }],
    node: { id: 'x' },
  };
  const { code, err } = await outrigger(['run', '--admin-port', String(port)], {
    GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap),
  });
  server.close();
  t.is(code, 1);
  t.regex(err, new RegExp(`${port}`));
  t.is(err.trim().split('\n').length, 1);
});

test.serial('validate names every problem of a mesh.yaml by line and column, and exits with 1', async (t) => {
  const path = await fileWith(t, 'services:\n  shop:\n    endpoint: []\n', 'mesh.yaml');
  const { code, out } = await outrigger(['validate', '-c', path]);
  t.is(code, 1);
  t.regex(out, /mesh\.yaml:\d+:\d+: /);
});

test.serial('validate accepts the mesh.yaml of this project', async (t) => {
  const { code, out } = await outrigger(['validate', '-c', fileURLToPath(new URL('../../mesh.yaml', import.meta.url))]);
  t.is(code, 0, out);
});

test.serial('a command that asks an agent says when none answers', async (t) => {
  const { code, err } = await outrigger(['status', '--admin', '127.0.0.1:1']);
  t.is(code, 1);
  t.regex(err, /no agent answers on 127\.0\.0\.1:1/);
});

test.serial('an xDS mode that is none is wrong usage, and the modes are named', async (t) => {
  const { code, err } = await outrigger(['run', '--xds-mode', 'dleta']);
  t.is(code, 64);
  t.regex(err, /--xds-mode takes auto, delta, sotw, not 'dleta' \(did you mean delta\?\)/);
});

test.serial('what of a bootstrap has no effect is refused on request, by field path', async (t) => {
  const bootstrap = {
    xds_servers: [
      { server_uri: '127.0.0.1:1', channel_creds: [{ type: 'google_default' }, { type: 'insecure' }], node: {} },
    ],
  };
  const { code, err } = await outrigger(['run', '--unsupported', 'reject'], {
    GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap),
  });
  t.is(code, 1);
  t.regex(err, /xds_servers\[0\]\.channel_creds\[0\]\.type: "google_default" is not supported/);
});

const ENVOY_YAML = `
node: { id: shop-1, cluster: shop }
dynamic_resources:
  ads_config:
    api_type: DELTA_GRPC
    grpc_services: [{ envoy_grpc: { cluster_name: xds } }]
  lds_config: { ads: {} }
  cds_config: { ads: {} }
static_resources:
  clusters:
    - name: xds
      load_assignment:
        endpoints:
          - lb_endpoints:
              - endpoint: { address: { socket_address: { address: 127.0.0.1, port_value: 18000 } } }
  listeners:
    - name: static
`;

test.serial('validate takes an Envoy bootstrap, told by its content, and names what has no effect', async (t) => {
  const path = await fileWith(t, ENVOY_YAML, 'envoy.yaml');
  const sound = await outrigger(['validate', '-c', path]);
  t.is(sound.code, 0, sound.err);
  t.regex(sound.out, /static_resources\.listeners\[0\]\.address: no address is set; it is left out \(no effect\)\n/);
  t.regex(sound.out, /: sound\n$/);
  const strict = await outrigger(['validate', '-c', path, '--unsupported', 'reject']);
  t.is(strict.code, 1);
  const broken = await fileWith(t, ENVOY_YAML.replace('port_value: 18000', 'port_value: none'), 'envoy.yaml');
  const { code, out } = await outrigger(['validate', '-c', broken]);
  t.is(code, 1);
  t.regex(out, /socket_address\.port_value: must be a port/);
});

test.serial('run refuses a file that is no bootstrap, and YAML that is none', async (t) => {
  const other = await outrigger(['run', '-c', await fileWith(t, 'services: {}\n', 'mesh.yaml')]);
  t.is(other.code, 1);
  t.regex(other.err, /mesh\.yaml is a mesh\.yaml, which outrigger control-plane serves/);
});

const AGENT_YAML = `frontends: [{ listen: "127.0.0.1:0", routes: [{ backend: a }] }]
backends: { a: { endpoints: ["127.0.0.1:1"] } }
`;

test.serial(
  'validate takes an agent.yaml, told by its content, and run refuses a broken one with all problems',
  async (t) => {
    const sound = await outrigger(['validate', '-c', await fileWith(t, AGENT_YAML, 'agent.yaml')]);
    t.is(sound.code, 0, sound.out);
    const broken = await fileWith(t, AGENT_YAML.replace('backend: a', 'backend: b').replace(':1"', '"'), 'agent.yaml');
    const { code, out } = await outrigger(['validate', '-c', broken]);
    t.is(code, 1);
    t.regex(out, /agent\.yaml:1:58: .*unknown backend "b".*\n.*agent\.yaml:2:30: .*"127\.0\.0\.1" is no endpoint/);
    const run = await outrigger(['run', '-c', broken]);
    t.is(run.code, 1);
    t.regex(run.err, /agent\.yaml is not sound:\n.*:1:58: .*\n.*:2:30: /);
    const noYaml = await fileWith(t, 'frontends: [\n', 'agent.yaml');
    t.regex((await outrigger(['validate', '-c', noYaml])).out, /agent\.yaml:\d+:\d+: /);
  },
);

test.serial('explain says which route of a file takes a call, and why the ones before it did not', async (t) => {
  const file = await fileWith(
    t,
    `frontends:
  - name: public
    listen: 127.0.0.1:0
    routes:
      - { match: { service: shop.Cart, headers: { x-canary: "1", x-user: ann } }, backend: b }
      - { name: all, match: { authority: api.example }, split: { a: 9, b: 1 } }
backends: { a: { endpoints: ["127.0.0.1:1"] }, b: { endpoints: ["127.0.0.1:2"] } }
`,
    'agent.yaml',
  );
  const call = ['/shop.Cart/Add', '-H', 'x-canary:1', '-H', 'x-user:bob', '--authority', 'API.example:443'];
  const { code, out } = await outrigger(['explain', '--config', file, ...call]);
  t.is(code, 0);
  t.regex(out, /^listener public\n/);
  t.regex(out, /route 1: not taken, the call must have x-user, which must be "ann"; x-user is "bob"\n/);
  t.regex(out, /route 2 \("all"\): taken, forwarded to cluster a \(9 of 10\) or cluster b \(1 of 10\)\n$/);
  const unknown = await outrigger(['explain', '--config', file, '/a/b', '--listener', 'pubic']);
  t.is(unknown.code, 1);
  t.regex(unknown.err, /no listener pubic \(did you mean public\?\); there are: public/);
  t.is((await outrigger(['explain', '--config', file])).code, 64);
  t.is((await outrigger(['explain', '--config', file, '/a/b', '/c/d'])).code, 64);
});

test.serial('a flag for control planes is wrong usage beside a file that needs none', async (t) => {
  const file = await fileWith(t, AGENT_YAML, 'agent.yaml');
  const { code, err } = await outrigger(['run', '-c', file, '--cache-dir', 'kept']);
  t.is(code, 64);
  t.regex(err, /--cache-dir is for a control plane, and .*agent\.yaml names none/);
});

test.serial('schema prints the JSON Schema of agent.yaml', async (t) => {
  const { code, out } = await outrigger(['schema']);
  t.is(code, 0);
  t.is(JSON.parse(out).title, 'agent.yaml of Outrigger');
});

test.serial('a preset that does not find what it needs names the variables', async (t) => {
  const { code, err } = await outrigger(['run', '--control-plane', 'generic']);
  t.is(code, 1);
  t.regex(err, /OUTRIGGER_XDS_SERVER: required/);
  const unknown = await outrigger(['run', '--control-plane', 'istoi']);
  t.is(unknown.code, 64);
  t.regex(unknown.err, /did you mean istio\?/);
});
