// The resource types: how each is called on the wire, how it behaves in state of the world, how it is decoded.
import type { Resource, ResourceType } from '../model/resource.ts';
import { decodeCluster } from './cluster.ts';
import { type DecodeContext, messageOf } from './decode-context.ts';
import { decodeEndpoints } from './endpoints.ts';
import { decodeListener } from './listener.ts';
import { decodeRouteConfiguration } from './route.ts';
import { decodeSecret } from './secret.ts';
import { reportUnknownFields, type WireSchema } from './unknown-fields.ts';
import { Problems, type Scope, type UnsupportedPolicy } from './validation.ts';

export interface ResourceTypeInfo {
  readonly type: ResourceType;
  readonly typeUrl: string;
  readonly messageName: string;
  /**
   * A response in state of the world holds all resources of the type, so one that is missing was removed
   * (xds_protocol, "Deleting resources"): LDS and CDS.
   */
  readonly isComplete: boolean;
}

export const resourceTypes: Readonly<Record<ResourceType, ResourceTypeInfo>> = {
  listener: describeType('listener', 'envoy.config.listener.v3.Listener', true),
  route: describeType('route', 'envoy.config.route.v3.RouteConfiguration', false),
  cluster: describeType('cluster', 'envoy.config.cluster.v3.Cluster', true),
  endpoints: describeType('endpoints', 'envoy.config.endpoint.v3.ClusterLoadAssignment', false),
  secret: describeType('secret', 'envoy.extensions.transport_sockets.tls.v3.Secret', false),
};

const byTypeUrl = new Map(Object.values(resourceTypes).map((info) => [info.typeUrl, info]));

/** `undefined` where the type URL is none of these. */
export function resourceTypeOf(typeUrl: string): ResourceTypeInfo | undefined {
  return byTypeUrl.get(typeUrl);
}

function describeType(type: ResourceType, messageName: string, isComplete: boolean): ResourceTypeInfo {
  return { type, typeUrl: `type.googleapis.com/${messageName}`, messageName, isComplete };
}

export type DecodeResult =
  /** `warnings`: what was accepted and is not carried out, `field path: text` each. */
  | { readonly kind: 'valid'; readonly name: string; readonly resource: Resource; readonly warnings: readonly string[] }
  /** `name` is empty where the bytes could not be read; `errors`: `field path: text` each, one at least. */
  | { readonly kind: 'invalid'; readonly name: string; readonly errors: readonly string[] };

export interface DecodeOptions extends DecodeContext {
  readonly unsupported: UnsupportedPolicy;
  /** The definitions by which fields are found that we do not have; `null`: they are not looked for. */
  readonly schema: WireSchema | null;
}

/** Never throws, whatever the bytes are. */
export function decodeResource(type: ResourceType, bytes: Uint8Array, options: DecodeOptions): DecodeResult {
  const problems = new Problems(options.unsupported);
  let name = '';
  try {
    const read = readers[type](options, bytes);
    name = read.name;
    const resource = read.decode(problems.root());
    const { schema, unsupported } = options;
    if (schema !== null && unsupported !== 'ignore') {
      reportUnknownFields(schema, resourceTypes[type].messageName, bytes, problems.root());
    }
    if (!problems.isValid) return { kind: 'invalid', name, errors: problems.errors };
    if (name === '') return { kind: 'invalid', name, errors: ['name: must not be empty'] };
    return { kind: 'valid', name, resource, warnings: problems.warnings };
  } catch (error) {
    const { messageName } = resourceTypes[type];
    return { kind: 'invalid', name, errors: [...problems.errors, `not a ${messageName}: ${messageOf(error)}`] };
  }
}

interface Read {
  readonly name: string;
  readonly decode: (scope: Scope) => Resource;
}

const readers: Readonly<Record<ResourceType, (options: DecodeOptions, bytes: Uint8Array) => Read>> = {
  listener: (options, bytes) => {
    const message = options.read('envoy.config.listener.v3.Listener', bytes);
    return {
      name: message.name,
      decode: (scope) => ({ type: 'listener', value: decodeListener(options, message, scope) }),
    };
  },
  route: (options, bytes) => {
    const message = options.read('envoy.config.route.v3.RouteConfiguration', bytes);
    return {
      name: message.name,
      decode: (scope) => ({ type: 'route', value: decodeRouteConfiguration(options, message, scope) }),
    };
  },
  cluster: (options, bytes) => {
    const message = options.read('envoy.config.cluster.v3.Cluster', bytes);
    return {
      name: message.name,
      decode: (scope) => ({ type: 'cluster', value: decodeCluster(options, message, scope) }),
    };
  },
  endpoints: (options, bytes) => {
    const message = options.read('envoy.config.endpoint.v3.ClusterLoadAssignment', bytes);
    return {
      name: message.cluster_name,
      decode: (scope) => ({ type: 'endpoints', value: decodeEndpoints(message, scope) }),
    };
  },
  secret: (options, bytes) => {
    const message = options.read('envoy.extensions.transport_sockets.tls.v3.Secret', bytes);
    return {
      name: message.name,
      decode: (scope) => ({ type: 'secret', value: decodeSecret(options, message, scope) }),
    };
  },
};
