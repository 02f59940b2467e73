// docker-compose.yml names images, files, ports, services and addresses: each of them is there, so that a person with a
// Docker engine does not find out that one is not.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import type { Mesh } from '../../agent/config/mesh.ts';
import { parseMeshConfig } from '../../agent/config/mesh-config.ts';
import { formatAddress } from '../../xds/model/address.ts';
import { commandOf, healthcheckOf, projectFolder, readCompose, readDockerfile, volumesOf } from './compose-file.ts';

const services = readCompose();
const stages = readDockerfile();
const names = Object.keys(services);

function readMesh(path: string): Mesh {
  const parsed = parseMeshConfig(readFileSync(join(projectFolder, path), 'utf8'));
  if ('problems' in parsed) throw new Error(JSON.stringify(parsed.problems));
  return parsed.mesh;
}

const mesh = readMesh('deploy/compose/mesh.yaml');

/** The service whose network a service is in. */
function networkOf(name: string): string {
  return services[name]?.network_mode?.replace(/^service:/, '') ?? name;
}

test('every image is pinned to a version', (t) => {
  for (const image of [
    ...Object.values(services).map((service) => service.image),
    ...stages.map(({ image }) => image),
  ]) {
    t.regex(image, /^[a-z0-9./-]+:v?\d+\.\d+\.\d+(?:-[a-z]+)?$/, image);
  }
});

test('every image that is built has a stage, with a version that is the one of the package', (t) => {
  const { version } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8'));
  for (const { image, build } of Object.values(services)) {
    if (build === undefined) continue;
    t.true(existsSync(join(projectFolder, build.context, 'Dockerfile')));
    t.truthy(
      stages.find(({ name }) => name === build.target),
      `stage ${build.target}`,
    );
    t.true(image.endsWith(`:${version}`), image);
  }
});

test('the Node of the images is the one that the project pins', (t) => {
  const { devDependencies } = JSON.parse(readFileSync(join(projectFolder, 'package.json'), 'utf8'));
  for (const { image } of stages) t.is(image, `node:${devDependencies.node}-slim`);
});

test('what runs does not run as root', (t) => {
  for (const { name, entrypoint, user } of stages) if (entrypoint.length > 0) t.is(user, 'node', name);
});

test('every file that the Dockerfile copies and every volume exists', (t) => {
  const paths = [
    ...stages.flatMap(({ copies }) => copies),
    ...Object.values(services)
      .flatMap(volumesOf)
      .map(([path]) => path),
  ];
  t.true(paths.length > 8);
  for (const path of paths) t.true(existsSync(join(projectFolder, path)), path);
});

test('every file that a command names is in its image or in one of its volumes', (t) => {
  for (const [name, service] of Object.entries(services)) {
    if (service.build === undefined) continue;
    const stage = stages.find(({ name: target }) => target === service.build?.target);
    for (const word of commandOf(service, stages)) {
      if (word.startsWith('/')) {
        const volume = volumesOf(service).find(([, target]) => word.startsWith(`${target}/`));
        t.truthy(volume, `${name}: ${word} is in no volume`);
        if (volume !== undefined)
          t.true(existsSync(join(projectFolder, volume[0], word.slice(volume[1].length))), word);
      } else if (/^[\w-]+(?:\/[\w.-]+)+\.[jt]s$/.test(word)) {
        const isCopied = stage?.copies.some((path) => word === path || word.startsWith(`${path}/`));
        t.true(isCopied && existsSync(join(projectFolder, word)), `${name}: ${word} is not in its image`);
      }
    }
  }
});

test('the foreign containers are given files that exist', (t) => {
  const collector = services['collector'];
  const path = collector?.command?.[0]?.replace('--config=', '');
  t.is(volumesOf(collector ?? { image: '' })[0]?.[1], path);
});

test('every network and every dependency is a service, and none that is waited for lacks a health check', (t) => {
  for (const [name, service] of Object.entries(services)) {
    t.true(names.includes(networkOf(name)), `${name} is in the network of ${service.network_mode}`);
    for (const [other, { condition }] of Object.entries(service.depends_on ?? {})) {
      const target = services[other];
      t.truthy(target, `${name} depends on ${other}`);
      if (target !== undefined && condition === 'service_healthy') t.truthy(healthcheckOf(target, stages), other);
    }
    if (networkOf(name) !== name)
      t.true(networkOf(name) in (service.depends_on ?? {}), `${name} waits for its network`);
  }
});

test('no two services publish one port, each publishes on the loopback only, and none does from a shared network', (t) => {
  const published = Object.values(services).flatMap(({ ports = [] }) => ports);
  t.is(new Set(published.map((port) => port.split(':')[1])).size, published.length);
  for (const port of published) t.regex(port, /^127\.0\.0\.1:\d+:\d+$/);
  for (const [name, { ports }] of Object.entries(services)) if (ports) t.is(networkOf(name), name, name);
});

test('each agent of the mesh is a container with that node id, in the network of its instance', (t) => {
  for (const agent of mesh.agents) {
    const bootstrap = JSON.parse(services[agent.name]?.environment?.['GRPC_XDS_BOOTSTRAP_CONFIG'] ?? '{}');
    t.is(bootstrap.node?.id, agent.name);
    const controlPlane = services['control-plane'];
    const [host, port]: string[] = bootstrap.xds_servers[0].server_uri.split(':');
    t.is(host, 'control-plane');
    t.true(controlPlane?.command?.includes(port ?? ''));
    const instance = mesh.services
      .flatMap(({ instances }) => instances)
      .find(({ behind }) => behind?.agent === agent.name);
    t.is(instance?.behind?.inbound.host, networkOf(agent.name), 'others reach it by the name of the container');
  }
});

test('each program listens where the mesh says, and calls through its own agent', (t) => {
  for (const { instances } of mesh.services) {
    for (const { app, behind, version, name } of instances) {
      const command = services[behind?.inbound.host ?? name]?.command ?? [];
      t.true(command.includes(formatAddress(app)), `${name} on ${formatAddress(app)}`);
      if (version !== null) t.is(command[command.indexOf('--version') + 1], version);
    }
  }
  const outbound = mesh.agents.find(({ name }) => name === 'shop-agent')?.outbound;
  const command = services['shop']?.command ?? [];
  if (!outbound) return t.fail('the shop calls nobody');
  t.is(command[command.indexOf('--catalogue') + 1], formatAddress(outbound));
});

test('spans go from the agents to the collector and from there to Jaeger, by ports that are open', (t) => {
  const collector = parse(readFileSync(join(projectFolder, 'deploy/compose/collector.yaml'), 'utf8'));
  for (const { name } of mesh.agents) {
    const endpoint = new URL(services[name]?.environment?.['OTEL_EXPORTER_OTLP_ENDPOINT'] ?? '');
    t.is(endpoint.hostname, 'collector');
    t.is(collector.receivers.otlp.protocols.http.endpoint, `0.0.0.0:${endpoint.port}`);
  }
  t.is(collector.exporters.otlp.endpoint, 'jaeger:4317');
  const { receivers, processors, exporters } = collector.service.pipelines.traces;
  for (const name of receivers) t.true(name in collector.receivers);
  for (const name of processors) t.true(name in collector.processors);
  for (const name of exporters) t.true(name in collector.exporters);
});

test('it is the mesh of npm start: the same services, versions, splits, routes and ports of the programs', (t) => {
  const summary = ({ services: all }: Mesh) =>
    all.map(({ name, split, routes, instances }) => ({
      name,
      split,
      routes,
      instances: instances.map(({ name: instance, version, app }) => ({ instance, version, app })),
    }));
  t.deepEqual(summary(mesh), summary(readMesh('mesh.yaml')));
});
