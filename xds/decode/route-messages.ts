// The decoded form of envoy.config.route.v3 (conventions: core-messages.ts).
import type {
  AnyMessage,
  DataSourceMessage,
  DurationMessage,
  EnumValue,
  FractionalPercentMessage,
  RegexMatcherMessage,
  StringMatcherMessage,
  Wrapped,
} from './core-messages.ts';

/** Fields that each level of a route configuration may have. */
export interface LevelMessage extends HeaderMutationsMessage {
  readonly typed_per_filter_config: Readonly<Record<string, AnyMessage>>;
}

/** What a level may say of a filter in place of its configuration. */
export interface FilterConfigMessage {
  readonly config: AnyMessage | null;
  readonly is_optional: boolean;
  readonly disabled: boolean;
}

export interface HeaderMutationsMessage {
  readonly request_headers_to_add: readonly HeaderValueOptionMessage[];
  readonly request_headers_to_remove: readonly string[];
  readonly response_headers_to_add: readonly HeaderValueOptionMessage[];
  readonly response_headers_to_remove: readonly string[];
}

export interface HeaderValueOptionMessage {
  readonly header: { readonly key: string; readonly value: string; readonly raw_value: Uint8Array } | null;
  readonly append: Wrapped<boolean>;
  readonly append_action: EnumValue;
  readonly keep_empty_value: boolean;
}

export interface RouteConfigurationMessage extends LevelMessage {
  readonly name: string;
  readonly virtual_hosts: readonly VirtualHostMessage[];
  readonly vhds: object | null;
  readonly request_mirror_policies: readonly object[];
  readonly ignore_port_in_host_matching: boolean;
  readonly most_specific_header_mutations_wins: boolean;
}

export interface VirtualHostMessage extends LevelMessage {
  readonly name: string;
  readonly domains: readonly string[];
  readonly routes: readonly RouteMessage[];
  readonly matcher: object | null;
  readonly require_tls: EnumValue;
  readonly retry_policy: RetryPolicyMessage | null;
  readonly hedge_policy: object | null;
  readonly request_mirror_policies: readonly object[];
}

export interface RouteMessage extends LevelMessage {
  readonly name: string;
  readonly match: RouteMatchMessage | null;
  readonly route?: RouteActionMessage;
  readonly redirect?: RedirectMessage;
  readonly direct_response?: { readonly status: number; readonly body: DataSourceMessage | null };
  readonly filter_action?: object;
  readonly non_forwarding_action?: object;
}

export interface RedirectMessage {
  readonly https_redirect?: boolean;
  readonly scheme_redirect?: string;
  readonly host_redirect: string;
  readonly port_redirect: number;
  readonly path_redirect?: string;
  readonly prefix_rewrite?: string;
  readonly regex_rewrite?: SubstitutionMessage;
  readonly response_code: EnumValue;
  readonly strip_query: boolean;
}

export interface RouteMatchMessage {
  readonly prefix?: string;
  readonly path?: string;
  readonly safe_regex?: RegexMatcherMessage;
  readonly connect_matcher?: object;
  readonly path_separated_prefix?: string;
  readonly path_match_policy?: object;
  readonly case_sensitive: Wrapped<boolean>;
  readonly runtime_fraction: { readonly default_value: FractionalPercentMessage | null } | null;
  readonly headers: readonly HeaderMatcherMessage[];
  readonly query_parameters: readonly QueryParameterMatcherMessage[];
  readonly grpc: object | null;
  readonly tls_context: object | null;
  readonly dynamic_metadata: readonly object[];
}

export interface HeaderMatcherMessage {
  readonly name: string;
  readonly exact_match?: string;
  readonly safe_regex_match?: RegexMatcherMessage;
  readonly range_match?: { readonly start: number; readonly end: number };
  readonly present_match?: boolean;
  readonly prefix_match?: string;
  readonly suffix_match?: string;
  readonly contains_match?: string;
  readonly string_match?: StringMatcherMessage;
  readonly invert_match: boolean;
  readonly treat_missing_header_as_empty: boolean;
}

export interface QueryParameterMatcherMessage {
  readonly name: string;
  readonly string_match?: StringMatcherMessage;
  readonly present_match?: boolean;
}

export interface RouteActionMessage {
  readonly cluster?: string;
  readonly cluster_header?: string;
  readonly weighted_clusters?: WeightedClusterMessage;
  readonly cluster_specifier_plugin?: string;
  readonly inline_cluster_specifier_plugin?: object;
  readonly cluster_not_found_response_code: EnumValue;
  readonly metadata_match: object | null;
  readonly prefix_rewrite: string;
  readonly regex_rewrite: SubstitutionMessage | null;
  readonly path_rewrite_policy: object | null;
  readonly host_rewrite_literal?: string;
  readonly auto_host_rewrite?: { readonly value: boolean };
  readonly host_rewrite_header?: string;
  readonly host_rewrite_path_regex?: SubstitutionMessage;
  readonly append_x_forwarded_host: boolean;
  readonly timeout: DurationMessage | null;
  readonly idle_timeout: DurationMessage | null;
  readonly retry_policy: RetryPolicyMessage | null;
  readonly request_mirror_policies: readonly object[];
  readonly priority: EnumValue;
  readonly hash_policy: readonly HashPolicyMessage[];
  readonly hedge_policy: object | null;
  readonly max_stream_duration: {
    readonly max_stream_duration: DurationMessage | null;
    readonly grpc_timeout_header_max: DurationMessage | null;
    readonly grpc_timeout_header_offset: DurationMessage | null;
  } | null;
}

export interface RetryPolicyMessage {
  readonly retry_on: string;
  readonly num_retries: { readonly value: number } | null;
  readonly per_try_timeout: DurationMessage | null;
  readonly per_try_idle_timeout: DurationMessage | null;
  readonly retry_priority: object | null;
  readonly retry_host_predicate: readonly object[];
  readonly retriable_status_codes: readonly number[];
  readonly retry_back_off: {
    readonly base_interval: DurationMessage | null;
    readonly max_interval: DurationMessage | null;
  } | null;
  readonly retriable_headers: readonly object[];
  readonly retriable_request_headers: readonly object[];
  readonly rate_limited_retry_back_off: object | null;
}

export interface HashPolicyMessage {
  readonly header?: { readonly header_name: string; readonly regex_rewrite: SubstitutionMessage | null };
  readonly cookie?: { readonly name: string; readonly ttl: DurationMessage | null };
  readonly connection_properties?: { readonly source_ip: boolean };
  readonly query_parameter?: { readonly name: string };
  readonly filter_state?: { readonly key: string };
  readonly terminal: boolean;
}

/** `envoy.type.matcher.v3.RegexMatchAndSubstitute`. */
export interface SubstitutionMessage {
  readonly pattern: RegexMatcherMessage | null;
  readonly substitution: string;
}

export interface WeightedClusterMessage {
  readonly clusters: readonly ClusterWeightMessage[];
}

export interface ClusterWeightMessage extends LevelMessage {
  readonly name: string;
  readonly cluster_header: string;
  readonly weight: Wrapped<number>;
  readonly metadata_match: object | null;
  readonly host_rewrite_literal?: string;
}
