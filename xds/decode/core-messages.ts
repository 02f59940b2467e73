// The decoded form of messages that every resource uses, as xds/protos.ts makes it (see there): absent messages and
// wrappers are null, absent members of a oneof are undefined, enums are names, or numbers without a name.

/** `google.protobuf.Any`. */
export interface AnyMessage {
  readonly type_url: string;
  readonly value: Uint8Array;
}

/** A wrapper of google.protobuf (`UInt32Value` and the like). */
export type Wrapped<T> = { readonly value: T } | null;

export type EnumValue = string | number;

export interface DurationMessage {
  readonly seconds: number;
  readonly nanos: number;
}

export interface SocketAddressMessage {
  readonly protocol: EnumValue;
  readonly address: string;
  readonly port_value?: number;
  readonly named_port?: string;
  readonly resolver_name: string;
}

export interface AddressMessage {
  readonly socket_address?: SocketAddressMessage;
  readonly pipe?: { readonly path: string };
  readonly envoy_internal_address?: object;
}

export interface ApiConfigSourceMessage {
  readonly api_type: EnumValue;
  readonly grpc_services: readonly GrpcServiceMessage[];
}

export interface GrpcServiceMessage {
  readonly envoy_grpc?: { readonly cluster_name: string };
  readonly google_grpc?: { readonly target_uri: string };
}

export interface ConfigSourceMessage {
  readonly path?: string;
  readonly api_config_source?: ApiConfigSourceMessage;
  readonly ads?: object;
  readonly self?: object;
  readonly path_config_source?: object;
}

export interface DataSourceMessage {
  readonly filename?: string;
  readonly inline_bytes?: Uint8Array;
  readonly inline_string?: string;
  readonly environment_variable?: string;
}

export interface TypedExtensionConfigMessage {
  readonly name: string;
  readonly typed_config: AnyMessage | null;
}

export interface TransportSocketMessage {
  readonly name: string;
  readonly typed_config?: AnyMessage;
}

export interface FractionalPercentMessage {
  readonly numerator: number;
  readonly denominator: EnumValue;
}

export interface RegexMatcherMessage {
  readonly regex: string;
}

export interface StringMatcherMessage {
  readonly exact?: string;
  readonly prefix?: string;
  readonly suffix?: string;
  readonly safe_regex?: RegexMatcherMessage;
  readonly contains?: string;
  readonly ignore_case: boolean;
}

/** A filter of a connection, of its HTTP calls, or of a listener. */
export interface FilterMessage {
  readonly name: string;
  readonly typed_config?: AnyMessage | null;
  readonly config_discovery?: object;
}

/** `envoy.config.core.v3.Metadata`: by the name of the filter that reads it, a `google.protobuf.Struct`. */
export interface MetadataMessage {
  readonly filter_metadata: Readonly<Record<string, StructMessage>>;
}

/** `google.protobuf.Struct`. */
export interface StructMessage {
  readonly fields: Readonly<Record<string, MetadataValue>>;
}

/** `google.protobuf.Value`; none of these is `null`. */
export interface MetadataValue {
  readonly stringValue?: string;
  readonly numberValue?: number;
  readonly boolValue?: boolean;
  readonly structValue?: StructMessage;
  readonly listValue?: { readonly values: readonly MetadataValue[] };
}

/** `HttpProtocolOptions`, as far as all its users read it. */
export interface CommonOptionsMessage {
  readonly idle_timeout: DurationMessage | null;
  readonly max_connection_duration: DurationMessage | null;
}

export interface UpstreamNameOptionsMessage {
  readonly auto_sni: boolean;
  readonly auto_san_validation: boolean;
  readonly override_auto_sni_header: string;
}

export interface Http2OptionsMessage {
  readonly connection_keepalive: KeepaliveMessage | null;
}

export interface KeepaliveMessage {
  readonly interval: DurationMessage | null;
  readonly timeout: DurationMessage | null;
  readonly interval_jitter: object | null;
  readonly connection_idle_interval: DurationMessage | null;
}
