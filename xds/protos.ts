// Loads proto/ and turns messages into bytes and back. Knows message names, not what the messages are for.
//
// Decoded messages have the field names of the .proto files (snake_case), so that a field path in a problem is the one
// the sender knows. What a field may hold:
//   - an absent message or wrapper is null; a wrapper that is there is { value };
//   - a scalar has its default when it was not sent, a repeated field is [], a map is {};
//   - an absent member of a oneof has no property, and a property of the oneof's own name says which one is there;
//   - an enum value is its name, or its number where the definition has no name for it;
//   - a 64-bit integer is a number (exact up to 2^53), bytes are a Buffer;
//   - google.protobuf.Any stays as { type_url, value }.
import { globSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { MethodDefinition } from '@grpc/grpc-js';
import { type AnyDefinition, loadSync, type MessageTypeDefinition, type ServiceDefinition } from '@grpc/proto-loader';
import { type DescribeMessage, describeMessages } from './proto-descriptions.ts';

/** A packed message. `type_url` ends in `/` and the full name of the message. */
export interface AnyMessage {
  readonly type_url: string;
  readonly value: Uint8Array;
}

export interface Protos {
  /** The bytes of `message`, a message of type `typeName` ("envoy.config.cluster.v3.Cluster"). Absent fields may be left out. */
  encode(typeName: string, message: object): Buffer;
  /** The message in `bytes`. Throws an `Error` where they are no such message, or the type is unknown. */
  decode(typeName: string, bytes: Uint8Array): object;
  /** `message` as an Any under `type.googleapis.com/`. */
  pack(typeName: string, message: object): AnyMessage;
  /** The message in an Any, with its type's full name; `null` where the type is not one of ours. Throws as `decode`. */
  unpack(any: AnyMessage): { readonly typeName: string; readonly message: object } | null;
  /** The fields of a message. */
  readonly describe: DescribeMessage;
  /** Whether the type has a definition here. */
  has(typeName: string): boolean;
  /** For a grpc-js client (`makeGenericClientConstructor`, `makeBidiStreamRequest`) and server (`addService`). */
  readonly adsService: AdsService;
  readonly sdsService: SdsService;
  readonly csdsService: CsdsService;
  readonly caService: CaService;
}

/** `envoy.service.discovery.v3.AggregatedDiscoveryService`. */
export type AdsService = {
  readonly StreamAggregatedResources: MethodDefinition<DiscoveryRequest, DiscoveryResponse>;
  readonly DeltaAggregatedResources: MethodDefinition<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
};

/** `envoy.service.secret.v3.SecretDiscoveryService`. */
export type SdsService = {
  readonly StreamSecrets: MethodDefinition<DiscoveryRequest, DiscoveryResponse>;
  readonly DeltaSecrets: MethodDefinition<DeltaDiscoveryRequest, DeltaDiscoveryResponse>;
};

/** `envoy.service.status.v3.ClientStatusDiscoveryService`. */
export type CsdsService = {
  readonly StreamClientStatus: MethodDefinition<ClientStatusRequest, ClientStatusResponse>;
  readonly FetchClientStatus: MethodDefinition<ClientStatusRequest, ClientStatusResponse>;
};

/** `istio.v1.auth.IstioCertificateService`. */
export type CaService = {
  readonly CreateCertificate: MethodDefinition<CertificateRequestMessage, CertificateResponseMessage>;
};

export interface CertificateRequestMessage {
  /** PEM. */
  readonly csr: string;
  /** Seconds. */
  readonly validity_duration: number;
}

export interface CertificateResponseMessage {
  /** PEM. */
  readonly cert_chain: readonly string[];
}

export interface ClientStatusRequest {
  readonly node_matchers?: readonly object[];
  readonly exclude_resource_contents?: boolean;
}

export interface ClientStatusResponse {
  readonly config: readonly ClientConfigMessage[];
}

/** `envoy.service.status.v3.ClientConfig`. */
export interface ClientConfigMessage {
  readonly node: NodeMessage | null;
  readonly client_scope: string;
  readonly generic_xds_configs: readonly GenericXdsConfigMessage[];
}

export interface GenericXdsConfigMessage {
  readonly type_url: string;
  readonly name: string;
  readonly version_info: string;
  readonly xds_config: AnyMessage | null;
  readonly last_updated: TimestampMessage | null;
  readonly client_status: string;
  readonly error_state: {
    readonly failed_configuration: AnyMessage | null;
    readonly last_update_attempt: TimestampMessage | null;
    readonly details: string;
    readonly version_info: string;
  } | null;
}

export interface TimestampMessage {
  readonly seconds: number;
  readonly nanos: number;
}

/** As it is sent, what is absent may be left out; as it is received, everything is there (see the head of this file). */
export interface DiscoveryRequest {
  readonly version_info?: string;
  readonly node?: NodeMessage | null;
  readonly resource_names?: readonly string[];
  readonly type_url?: string;
  readonly response_nonce?: string;
  readonly error_detail?: StatusMessage | null;
}

export interface DiscoveryResponse {
  readonly version_info?: string;
  readonly resources?: readonly AnyMessage[];
  readonly type_url?: string;
  readonly nonce?: string;
  readonly control_plane?: { readonly identifier: string } | null;
  readonly resource_errors?: readonly ResourceErrorMessage[];
}

export interface DeltaDiscoveryRequest {
  readonly node?: NodeMessage | null;
  readonly type_url?: string;
  readonly resource_names_subscribe?: readonly string[];
  readonly resource_names_unsubscribe?: readonly string[];
  readonly initial_resource_versions?: Readonly<Record<string, string>>;
  readonly response_nonce?: string;
  readonly error_detail?: StatusMessage | null;
}

export interface DeltaDiscoveryResponse {
  readonly system_version_info?: string;
  readonly resources?: readonly ResourceMessage[];
  readonly type_url?: string;
  readonly nonce?: string;
  readonly removed_resources?: readonly string[];
  readonly control_plane?: { readonly identifier: string } | null;
  readonly resource_errors?: readonly ResourceErrorMessage[];
}

/** `envoy.service.discovery.v3.Resource`: what delta carries, and what may wrap a resource in state of the world. */
export interface ResourceMessage {
  readonly name?: string;
  readonly aliases?: readonly string[];
  readonly version?: string;
  readonly resource?: AnyMessage | null;
  /** Another form of the name. */
  readonly resource_name?: { readonly name: string } | null;
  readonly ttl?: { readonly seconds: number; readonly nanos: number } | null;
}

/** `envoy.service.discovery.v3.ResourceError`: why a resource that was asked for is not sent (xRFC TP3). */
export interface ResourceErrorMessage {
  readonly resource_name?: { readonly name: string } | null;
  readonly error_detail?: StatusMessage | null;
}

export interface StatusMessage {
  readonly code: number;
  readonly message: string;
}

export interface NodeMessage {
  readonly id?: string;
  readonly cluster?: string;
  /** `google.protobuf.Struct`. */
  readonly metadata?: { readonly fields: Readonly<Record<string, object>> } | null;
  readonly locality?: { readonly region?: string; readonly zone?: string; readonly sub_zone?: string } | null;
  readonly user_agent_name?: string;
  readonly user_agent_version?: string;
  readonly client_features?: readonly string[];
}

const protoFolder = fileURLToPath(new URL('../proto', import.meta.url));
const typeUrlPrefix = 'type.googleapis.com/';

let loaded: Protos | undefined;

/** The definitions of proto/, read on the first call (about 30 ms). Throws where the folder is missing or broken. */
export function loadProtos(): Protos {
  loaded ??= readProtos();
  return loaded;
}

/** The full name at the end of a type URL. */
function typeNameOf(typeUrl: string): string {
  return typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
}

function readProtos(): Protos {
  const files = globSync('{envoy,google,istio,udpa,xds}/**/*.proto', { cwd: protoFolder }).sort();
  const definitions = loadSync(files, {
    keepCase: true,
    longs: Number,
    enums: String,
    defaults: true,
    oneofs: true,
    includeDirs: [protoFolder],
  });
  const messages = new Map<string, MessageTypeDefinition<object, object>>();
  for (const [name, definition] of Object.entries(definitions)) {
    if (isMessage(definition)) messages.set(name, definition);
  }

  function messageNamed(typeName: string): MessageTypeDefinition<object, object> {
    const definition = messages.get(typeName);
    if (definition === undefined) throw new Error(`proto/ has no message ${typeName}`);
    return definition;
  }

  function encode(typeName: string, message: object): Buffer {
    return messageNamed(typeName).serialize(message);
  }

  function decode(typeName: string, bytes: Uint8Array): object {
    return messageNamed(typeName).deserialize(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  return {
    encode,
    decode,
    pack: (typeName, message) => ({ type_url: typeUrlPrefix + typeName, value: encode(typeName, message) }),
    unpack(any) {
      const typeName = typeNameOf(any.type_url);
      return messages.has(typeName) ? { typeName, message: decode(typeName, any.value) } : null;
    },
    describe: describeMessages(definitions),
    has: (typeName) => messages.has(typeName),
    // proto-loader types every method by `object`; the interfaces above say what its options make of the messages.
    adsService: definitions['envoy.service.discovery.v3.AggregatedDiscoveryService'] as ServiceDefinition & AdsService,
    sdsService: definitions['envoy.service.secret.v3.SecretDiscoveryService'] as ServiceDefinition & SdsService,
    caService: definitions['istio.v1.auth.IstioCertificateService'] as ServiceDefinition & CaService,
    csdsService: definitions['envoy.service.status.v3.ClientStatusDiscoveryService'] as ServiceDefinition & CsdsService,
  };
}

function isMessage(definition: AnyDefinition): definition is MessageTypeDefinition<object, object> {
  return definition['format'] === 'Protocol Buffer 3 DescriptorProto';
}
