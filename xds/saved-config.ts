// What a client keeps of a control plane across its own restarts, as the bytes of one file:
//
//   outrigger-xds 1 <SHA-256 of all that follows this line, hex>\n
//   {"savedAt": ..., "leftOut": ..., "node": ..., "cluster": ..., "server": ..., "types": {"listener": <bytes>, ...}}\n
//   a DeltaDiscoveryResponse for each type, one behind the other
//
// Resources are kept as they were received, so that another version of the program can read them. A resource that holds
// a private key is left out. Pure.
import { createHash } from 'node:crypto';
import { resourceTypes } from './decode/resource-types.ts';
import type { Bootstrap } from './model/bootstrap.ts';
import type { ResourceType } from './model/resource.ts';
import { holdsPrivateKey } from './private-keys.ts';
import type { DeltaDiscoveryResponse, Protos } from './protos.ts';

export interface SavedResource {
  readonly type: ResourceType;
  readonly name: string;
  readonly version: string;
  /** The message itself, not wrapped. */
  readonly bytes: Uint8Array;
}

/** Whose configuration it is: what one control plane says to one node. */
export interface ConfigOwner {
  readonly node: string;
  readonly cluster: string;
  readonly server: string;
}

export interface SavedConfig {
  /** Milliseconds since the epoch. */
  readonly savedAt: number;
  readonly resources: readonly SavedResource[];
  /** How many resources of it were left out, for their private keys. */
  readonly leftOut: number;
}

export interface EncodedConfig {
  readonly bytes: Buffer;
  readonly leftOut: number;
}

interface Header extends ConfigOwner {
  readonly savedAt: number;
  readonly leftOut: number;
  readonly types: Readonly<Partial<Record<ResourceType, number>>>;
}

const format = 'outrigger-xds';
const formatVersion = '1';
const responseName = 'envoy.service.discovery.v3.DeltaDiscoveryResponse';
const types: readonly ResourceType[] = ['secret', 'cluster', 'endpoints', 'listener', 'route'];

export function ownerOf({ node, servers }: Bootstrap): ConfigOwner {
  return { node: node.id, cluster: node.cluster, server: servers[0]?.serverUri ?? '' };
}

export function encodeConfig(
  protos: Protos,
  owner: ConfigOwner,
  { savedAt, resources }: Omit<SavedConfig, 'leftOut'>,
): EncodedConfig {
  const kept = resources.filter(({ bytes }) => !holdsPrivateKey(bytes));
  const sizes: Partial<Record<ResourceType, number>> = {};
  const bodies = types.map((type) => {
    const body = protos.encode(responseName, toResponse(type, kept));
    sizes[type] = body.length;
    return body;
  });
  const leftOut = resources.length - kept.length;
  const header: Header = { savedAt, leftOut, ...owner, types: sizes };
  const content = Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), ...bodies]);
  const bytes = Buffer.concat([Buffer.from(`${format} ${formatVersion} ${digestOf(content)}\n`), content]);
  return { bytes, leftOut };
}

/** Why bytes are not used is one sentence. */
export function decodeConfig(
  protos: Protos,
  owner: ConfigOwner,
  bytes: Buffer,
): SavedConfig | { readonly problem: string } {
  const firstEnd = bytes.indexOf('\n');
  const [name, version, digest] = bytes
    .subarray(0, Math.max(0, Math.min(firstEnd, 200)))
    .toString('latin1')
    .split(' ');
  if (name !== format) return { problem: 'it is not a file of ours' };
  if (version !== formatVersion) return { problem: `it is of format ${version}, and this is format ${formatVersion}` };
  const content = bytes.subarray(firstEnd + 1);
  if (digest !== digestOf(content)) return { problem: 'it is damaged: its checksum is not that of its content' };
  try {
    return readContent(protos, owner, content);
  } catch (error) {
    return { problem: `it cannot be read: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function readContent(protos: Protos, owner: ConfigOwner, content: Buffer): SavedConfig | { readonly problem: string } {
  const end = content.indexOf('\n');
  const header: Header = JSON.parse(content.subarray(0, end).toString());
  for (const key of ['node', 'cluster', 'server'] as const) {
    if (header[key] === owner[key]) continue;
    return { problem: `it is of another ${key}: "${header[key]}", and this is "${owner[key]}"` };
  }
  const resources: SavedResource[] = [];
  let start = end + 1;
  for (const type of types) {
    const size = header.types[type] ?? 0;
    const response: DeltaDiscoveryResponse = protos.decode(responseName, content.subarray(start, start + size));
    start += size;
    for (const { name = '', version = '', resource } of response.resources ?? []) {
      if (resource) resources.push({ type, name, version, bytes: resource.value });
    }
  }
  return { savedAt: header.savedAt, leftOut: header.leftOut, resources };
}

function toResponse(type: ResourceType, kept: readonly SavedResource[]): DeltaDiscoveryResponse {
  const { typeUrl } = resourceTypes[type];
  const resources = kept
    .filter((resource) => resource.type === type)
    .map(({ name, version, bytes }) => ({ name, version, resource: { type_url: typeUrl, value: bytes } }));
  return { type_url: typeUrl, resources };
}

function digestOf(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}
