// Our trimmed definitions against the full ones that @grpc/grpc-js-xds ships.
//
// 1. Load every .proto file of proto/envoy, proto/google, proto/udpa and proto/xds.
// 2. Load the upstream files of the same packages.
// 3. Walk ours: each message, field (name, number, type, repeated, map, packed, oneof) and enum value must be in theirs.
// A wrong number would not fail anywhere else: the field would just never be seen.
import { existsSync, globSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { resourceTypes } from '../../xds/decode/resource-types.ts';
import { isWalked } from '../../xds/decode/unknown-fields.ts';
import { upstreamFields, wholeMessages } from '../../xds/decode/upstream-fields.ts';

// The parts of protobufjs' reflection that the comparison reads. It comes with proto-loader, which depends on it.
interface ReflectedField {
  readonly name: string;
  readonly id: number;
  readonly type: string;
  readonly keyType?: string;
  readonly repeated: boolean;
  readonly map: boolean;
  readonly packed: boolean;
  readonly partOf: { readonly name: string } | null;
  readonly resolvedType: { readonly fullName: string } | null;
}

interface ReflectedObject {
  readonly fullName: string;
  readonly nestedArray?: readonly ReflectedObject[];
  readonly fieldsArray?: readonly ReflectedField[];
  readonly values?: Readonly<Record<string, number>>;
  readonly methodsArray?: readonly ReflectedMethod[];
}

interface ReflectedMethod {
  readonly name: string;
  readonly requestStream?: boolean;
  readonly responseStream?: boolean;
  readonly resolvedRequestType: { readonly fullName: string } | null;
  readonly resolvedResponseType: { readonly fullName: string } | null;
}

interface Root extends ReflectedObject {
  resolvePath: (origin: string, target: string) => string | null;
  loadSync(files: readonly string[], options: { keepCase: boolean }): Root;
  resolveAll(): Root;
}

const require = createRequire(import.meta.url);
// proto-loader also teaches protobufjs the files of google/protobuf that it does not know by itself.
const loaderPath = require.resolve('@grpc/proto-loader');
require(loaderPath);
const protobuf: { readonly Root: new () => Root } = createRequire(loaderPath)('protobufjs');
const ourFolder = fileURLToPath(new URL('../../proto', import.meta.url));
const theirDeps = join(dirname(require.resolve('@grpc/grpc-js-xds/package.json')), 'deps');
const theirFolders = ['envoy-api', 'xds', 'googleapis', 'protoc-gen-validate'].map((name) => join(theirDeps, name));

const ourFiles = globSync('{envoy,google,udpa,xds}/**/*.proto', { cwd: ourFolder });
const ours = load(ourFiles, [ourFolder]);
const theirs = load(sameFolders(ourFiles), theirFolders);

function load(files: readonly string[], folders: readonly string[]): Root {
  const root = new protobuf.Root();
  // protobufjs carries google/protobuf itself.
  root.resolvePath = (_, target) =>
    target.startsWith('google/protobuf/')
      ? target
      : (folders.map((folder) => join(folder, target)).find(existsSync) ?? null);
  return root.loadSync(files, { keepCase: true }).resolveAll();
}

/** Upstream spreads a package over several files of a folder; we may have merged them. */
function sameFolders(files: readonly string[]): string[] {
  const upstream = files.flatMap((file) => theirFolders.flatMap((cwd) => globSync(expand(file), { cwd })));
  return [...new Set(upstream)].sort();
}

function expand(file: string): string {
  // The other files of google/rpc and of the discovery services import what the dependency does not ship.
  if (file.startsWith('google/')) return file;
  if (file.startsWith('envoy/service/')) return `${dirname(file)}/{ads,discovery,sds,csds}.proto`;
  if (file.startsWith('envoy/admin/')) return `${dirname(file)}/config_dump_shared.proto`;
  return `${dirname(file)}/*.proto`;
}

function* objectsOf(parent: ReflectedObject): Generator<ReflectedObject> {
  for (const child of parent.nestedArray ?? []) {
    if (child.fieldsArray !== undefined || child.values !== undefined || child.methodsArray !== undefined) yield child;
    yield* objectsOf(child);
  }
}

function isOwn({ fullName }: ReflectedObject): boolean {
  return !fullName.startsWith('.google.protobuf');
}

function describeField(field: ReflectedField): string {
  const type = field.resolvedType?.fullName ?? field.type;
  const label = field.map ? `map<${field.keyType}, ${type}>` : field.repeated ? `repeated ${type}` : type;
  return `${label} ${field.name} = ${field.id}${field.repeated && field.packed ? ' packed' : ''}${field.partOf ? ` in oneof ${field.partOf.name}` : ''}`;
}

function describeMethod(method: ReflectedMethod): string {
  const { requestStream, responseStream, resolvedRequestType, resolvedResponseType } = method;
  return `${method.name} ${requestStream} ${resolvedRequestType?.fullName} ${responseStream} ${resolvedResponseType?.fullName}`;
}

/** Younger than the definitions that the dependency ships; numbers by those of go-control-plane's envoy module 1.37. */
const younger: readonly string[] = [
  ".envoy.service.discovery.v3.ResourceError is not in upstream's definitions",
  ...['DiscoveryResponse 7', 'DeltaDiscoveryResponse 9'].map((place) => {
    const [message, number] = place.split(' ');
    const type = 'repeated .envoy.service.discovery.v3.ResourceError';
    return `.envoy.service.discovery.v3.${message}: ${type} resource_errors = ${number} packed; upstream: no such field`;
  }),
  ".envoy.extensions.clusters.common.dns.v3.DnsLookupFamily is not in upstream's definitions",
  ...['', '.DnsDiscoveryType', '.RefreshRate'].map(
    (inner) => `.envoy.extensions.clusters.dns.v3.DnsCluster${inner} is not in upstream's definitions`,
  ),
];

const theirObjects = new Map([...objectsOf(theirs)].map((object) => [object.fullName, object]));
const ourObjects = [...objectsOf(ours)].filter(isOwn);

/** Of upstream's api/ folder, and newer than what the dependency ships. */
const newer = new Set([
  '.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext: bool auto_host_sni = 6',
  '.envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext: bool auto_sni_san_validation = 7',
  '.envoy.admin.v3.ClientResourceStatus: RECEIVED_ERROR = 5',
  '.envoy.admin.v3.ClientResourceStatus: TIMEOUT = 6',
]);

function differencesOf(our: ReflectedObject): string[] {
  const their = theirObjects.get(our.fullName);
  if (their === undefined) return [`${our.fullName} is not in upstream's definitions`];
  const theirFields = new Map(their.fieldsArray?.map((field) => [field.name, describeField(field)]));
  const fields = (our.fieldsArray ?? [])
    .filter((field) => theirFields.get(field.name) !== describeField(field))
    .filter((field) => !newer.has(`${our.fullName}: ${describeField(field)}`))
    .map(
      (field) =>
        `${our.fullName}: ${describeField(field)}; upstream: ${theirFields.get(field.name) ?? 'no such field'}`,
    );
  const values = Object.entries(our.values ?? {})
    .filter(([name, value]) => their.values?.[name] !== value)
    .filter(([name, value]) => !newer.has(`${our.fullName}: ${name} = ${value}`))
    .map(
      ([name, value]) => `${our.fullName}: ${name} = ${value}; upstream: ${their.values?.[name] ?? 'no such value'}`,
    );
  const theirMethods = their.methodsArray?.map(describeMethod);
  const methods = (our.methodsArray ?? [])
    .map(describeMethod)
    .filter((method) => !theirMethods?.includes(method))
    .map((method) => `${our.fullName}: upstream has no method "${method}"`);
  return [...fields, ...values, ...methods];
}

test('each message, field, enum value and method of proto/ is the one upstream has', (t) => {
  t.true(ourObjects.length > 100, `only ${ourObjects.length} definitions were found in proto/`);
  const differences = ourObjects.flatMap(differencesOf).filter((difference) => !younger.includes(difference));
  t.deepEqual(differences, [], differences.join('\n'));
});

/** Messages that the walk over a resource comes to: from resources and packed messages inwards. */
function walkedMessages(): Set<string> {
  const reached = new Set<string>();
  const visit = (fullName: string): void => {
    const object = ourObjects.find((one) => one.fullName === fullName);
    if (object === undefined || reached.has(fullName) || !isWalked(fullName.slice(1))) return;
    reached.add(fullName);
    for (const { resolvedType } of object.fieldsArray ?? []) if (resolvedType !== null) visit(resolvedType.fullName);
  };
  for (const { messageName } of Object.values(resourceTypes)) visit(`.${messageName}`);
  for (const { fullName } of ourObjects) if (fullName.startsWith('.envoy.extensions.')) visit(fullName);
  return reached;
}

test('each field that upstream has beside ours is known by its name, and as one with effects or without', (t) => {
  const own = new Map(
    ourObjects.map(({ fullName, fieldsArray = [] }) => [fullName, new Set(fieldsArray.map(({ id }) => id))]),
  );
  const listed = (typeName: string) =>
    Object.values(upstreamFields[typeName] ?? {}).flatMap((text: string) => text.replaceAll('?', '').split(', '));
  const walked = walkedMessages();
  const differences: string[] = [];
  for (const { fullName, fieldsArray = [] } of ourObjects) {
    const typeName = fullName.slice(1);
    const their = theirObjects.get(fullName);
    if (fieldsArray.length === 0 || !walked.has(fullName) || their === undefined) continue;
    const missing = (their.fieldsArray ?? []).filter(({ id }) => !own.get(fullName)?.has(id));
    const wanted = missing.map(({ id, name }) => `${id} ${name}`);
    const found = listed(typeName);
    for (const text of wanted) if (!found.includes(text)) differences.push(`${typeName}: ${text} is not listed`);
    for (const text of found)
      if (!wanted.includes(text)) differences.push(`${typeName}: ${text} is ours, or not upstream's`);
  }
  for (const name of [...Object.keys(upstreamFields), ...wholeMessages]) {
    if (!own.has(`.${name}`)) differences.push(`proto/ has no ${name}`);
  }
  t.deepEqual(differences, []);
});

test('each package of proto/ lies in the folder of its name', (t) => {
  for (const file of ourFiles) {
    const packageName = dirname(file).replaceAll('/', '.');
    const root = load([file], [ourFolder]);
    t.true(
      [...objectsOf(root)].some(({ fullName }) => fullName.startsWith(`.${packageName}.`)),
      `${file} defines nothing in ${packageName}`,
    );
  }
});

test('the comparison sees a wrong number, a wrong type and a field upstream does not have', (t) => {
  const name: ReflectedField = {
    name: 'name',
    id: 1,
    type: 'string',
    repeated: false,
    map: false,
    packed: false,
    partOf: null,
    resolvedType: null,
  };
  const differences = differencesOf({
    fullName: '.envoy.config.cluster.v3.Cluster',
    fieldsArray: [
      name,
      { ...name, name: 'alt_stat_name', id: 27 },
      { ...name, name: 'lb_policy', id: 6 },
      { ...name, name: 'colour', id: 99 },
    ],
  });
  t.deepEqual(differences, [
    '.envoy.config.cluster.v3.Cluster: string alt_stat_name = 27; upstream: string alt_stat_name = 28',
    '.envoy.config.cluster.v3.Cluster: string lb_policy = 6; upstream: .envoy.config.cluster.v3.Cluster.LbPolicy lb_policy = 6',
    '.envoy.config.cluster.v3.Cluster: string colour = 99; upstream: no such field',
  ]);
});
