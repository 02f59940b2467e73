// The decoded form of envoy.config.listener.v3 and of the HTTP connection manager (conventions: core-messages.ts).
import type {
  AddressMessage,
  AnyMessage,
  CommonOptionsMessage,
  ConfigSourceMessage,
  DurationMessage,
  EnumValue,
  FilterMessage,
  Http2OptionsMessage,
  TransportSocketMessage,
  Wrapped,
} from './core-messages.ts';
import type { RouteConfigurationMessage } from './route-messages.ts';

export interface ListenerMessage {
  readonly name: string;
  readonly address: AddressMessage | null;
  readonly additional_addresses: readonly object[];
  readonly filter_chains: readonly FilterChainMessage[];
  readonly use_original_dst: Wrapped<boolean>;
  readonly default_filter_chain: FilterChainMessage | null;
  readonly listener_filters: readonly FilterMessage[];
  readonly listener_filters_timeout: DurationMessage | null;
  readonly continue_on_listener_filters_timeout: boolean;
  readonly api_listener: { readonly api_listener: AnyMessage | null } | null;
  readonly traffic_direction: EnumValue;
  readonly bind_to_port: Wrapped<boolean>;
  readonly internal_listener?: object;
}

export interface FilterChainMessage {
  readonly filter_chain_match: FilterChainMatchMessage | null;
  readonly filters: readonly FilterMessage[];
  readonly transport_socket: TransportSocketMessage | null;
  readonly name: string;
}

export interface FilterChainMatchMessage {
  readonly destination_port: Wrapped<number>;
  readonly prefix_ranges: readonly CidrRangeMessage[];
  readonly direct_source_prefix_ranges: readonly CidrRangeMessage[];
  readonly source_type: EnumValue;
  readonly source_prefix_ranges: readonly CidrRangeMessage[];
  readonly source_ports: readonly number[];
  readonly server_names: readonly string[];
  readonly transport_protocol: string;
  readonly application_protocols: readonly string[];
}

export interface CidrRangeMessage {
  readonly address_prefix: string;
  readonly prefix_len: Wrapped<number>;
}

export interface HttpConnectionManagerMessage {
  readonly codec_type: EnumValue;
  readonly stat_prefix: string;
  readonly rds?: { readonly config_source: ConfigSourceMessage | null; readonly route_config_name: string };
  readonly route_config?: RouteConfigurationMessage;
  readonly scoped_routes?: object;
  readonly http_filters: readonly HttpFilterMessage[];
  readonly common_http_protocol_options: HttpProtocolOptionsMessage | null;
  readonly http2_protocol_options: (Http2OptionsMessage & { readonly max_concurrent_streams: Wrapped<number> }) | null;
  readonly stream_idle_timeout: DurationMessage | null;
  readonly request_timeout: DurationMessage | null;
  readonly strip_matching_host_port: boolean;
  readonly strip_any_host_port?: boolean;
}

export interface HttpFilterMessage extends FilterMessage {
  readonly is_optional: boolean;
  readonly disabled: boolean;
}

export interface HttpProtocolOptionsMessage extends CommonOptionsMessage {
  readonly max_stream_duration: DurationMessage | null;
  readonly headers_with_underscores_action: EnumValue;
}
