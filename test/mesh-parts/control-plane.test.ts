// A person edits mesh.yaml while the control plane runs: a good save reaches the agents, a broken one changes nothing
// and is named with its line.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, type ClientDuplexStream, credentials } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { type ControlPlane, runControlPlane } from '../../agent/mesh/control-plane.ts';
import { type DiscoveryRequest, type DiscoveryResponse, loadProtos } from '../../xds/protos.ts';

const protos = loadProtos();
const routeType = 'type.googleapis.com/envoy.config.route.v3.RouteConfiguration';

function meshWith(split: string): string {
  return `services:
  catalogue:
    split: ${split}
    instances:
      catalogue-1: { version: v1, app: 127.0.0.1:50061 }
      catalogue-2: { version: v2, app: 127.0.0.1:50062 }
agents:
  shop-agent: { outbound: 127.0.0.1:15001 }
`;
}

interface Running {
  readonly file: string;
  readonly controlPlane: ControlPlane;
  readonly logged: (pattern: RegExp) => Promise<string>;
}

async function start(t: ExecutionContext, text: string): Promise<Running> {
  const folder = mkdtempSync(join(tmpdir(), 'control-plane-'));
  const file = join(folder, 'mesh.yaml');
  writeFileSync(file, text);
  const lines: string[] = [];
  let wake: () => void = () => {};
  const log = (level: string, message: string) => {
    lines.push(`${level} ${message}`);
    wake();
  };
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const controlPlane = await runControlPlane({ configFile: file, host: '127.0.0.1', port: 0, log });
  t.teardown(() => controlPlane.close());
  async function logged(pattern: RegExp): Promise<string> {
    for (;;) {
      const line = lines.find((candidate) => pattern.test(candidate));
      if (line !== undefined) return line;
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
  return { file, controlPlane, logged };
}

/** A client of the node that asks for the routes of the mesh; each `next` is one response, acknowledged. */
function follow(t: ExecutionContext, port: number, node: string): () => Promise<string> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  t.teardown(() => client.close());
  const { path, requestSerialize, responseDeserialize } = protos.adsService.StreamAggregatedResources;
  const stream: ClientDuplexStream<DiscoveryRequest, DiscoveryResponse> = client.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
  );
  stream.on('error', () => {});
  const responses: AsyncIterator<DiscoveryResponse> = stream[Symbol.asyncIterator]();
  stream.write({ node: { id: node }, type_url: routeType, resource_names: ['mesh'] });
  return async () => {
    const { value } = await responses.next();
    const { version_info = '', nonce = '', resources = [] } = value as DiscoveryResponse;
    stream.write({ type_url: routeType, resource_names: ['mesh'], version_info, response_nonce: nonce });
    return JSON.stringify(resources.map((any) => protos.unpack(any)?.message));
  };
}

test('a saved split reaches the agent', async (t) => {
  const { file, controlPlane, logged } = await start(t, meshWith('{ v1: 1 }'));
  const next = follow(t, controlPlane.port, 'shop-agent');
  t.regex(await next(), /"cluster":"catalogue\/v1"/);
  const before = controlPlane.config().version;
  writeFileSync(file, meshWith('{ v1: 3, v2: 7 }'));
  t.regex(await next(), /"name":"catalogue\/v1".*"value":3.*"name":"catalogue\/v2".*"value":7/);
  await logged(/info .*mesh\.yaml changed; every agent is told/);
  t.not(controlPlane.config().version, before);
});

test('a broken save is named with its line and changes nothing; the next good one is served', async (t) => {
  const { file, controlPlane, logged } = await start(t, meshWith('{ v1: 1 }'));
  const next = follow(t, controlPlane.port, 'shop-agent');
  await next();
  const { version } = controlPlane.config();
  writeFileSync(file, meshWith('{ v1: 1, v3: 2 }'));
  await logged(/error .*mesh\.yaml:3:21: services\.catalogue\.split: unknown version "v3"; did you mean "v1"\?/);
  await logged(/error .*mesh\.yaml is broken; the mesh goes on with the last good one/);
  t.is(controlPlane.config().version, version);
  t.is(controlPlane.config().problems.length, 1);
  writeFileSync(file, meshWith('{ v2: 1 }'));
  t.regex(await next(), /"cluster":"catalogue\/v2"/, 'the broken save sent nothing');
  t.deepEqual(controlPlane.config().problems, []);
});

test('an agent that leaves the file is served as a stranger, which has no listeners to bind', async (t) => {
  const { file, controlPlane, logged } = await start(t, meshWith('{ v1: 1 }'));
  const next = follow(t, controlPlane.port, 'shop-agent');
  await next();
  t.is(controlPlane.clients()[0]?.node, 'shop-agent');
  writeFileSync(file, meshWith('{ v2: 1 }').replace('shop-agent', 'other-agent'));
  t.regex(await next(), /"cluster":"catalogue\/v2"/);
  await logged(/changed/);
});

test('a file that is missing or broken at the start ends it with one clear message', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'control-plane-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const options = { host: '127.0.0.1', port: 0, log: () => {} };
  const missing = join(folder, 'mesh.yaml');
  await t.throwsAsync(runControlPlane({ configFile: missing, ...options }), {
    message: `cannot read ${missing}: there is no such file`,
  });
  const broken = join(folder, 'broken.yaml');
  writeFileSync(broken, 'servces: {}\n');
  await t.throwsAsync(runControlPlane({ configFile: broken, ...options }), {
    message: new RegExp(`^${broken} is broken\n${broken}:1:1: unknown key "servces"; did you mean "services"\\?`),
  });
});
