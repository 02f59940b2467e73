// Fields of the messages of proto/ that upstream has and we leave out, by number and name, so that a resource which sets
// one is told of it by its name. `effects` would change what a call gets, or who may make it; `harmless` ones would not:
// they are about statistics, buffers, HTTP/1.1 or browsers, or say what we do anyway. A `?` behind a name: harmless while
// it is empty. test/xds/proto-wire-compat.test.ts holds the names against upstream's definitions.

export interface UpstreamFields {
  readonly effects?: string;
  readonly harmless?: string;
}

const cluster = 'envoy.config.cluster.v3';
const core = 'envoy.config.core.v3';
const listener = 'envoy.config.listener.v3';
const route = 'envoy.config.route.v3';
const tls = 'envoy.extensions.transport_sockets.tls.v3';
const upstreamHttp = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';

export const upstreamFields: Readonly<Record<string, UpstreamFields>> = {
  [`${core}.SocketAddress`]: { harmless: '6 ipv4_compat' },
  [`${core}.Pipe`]: { harmless: '2 mode' },
  [`${core}.DataSource`]: { effects: '5 watched_directory' },
  [`${core}.Http2ProtocolOptions`]: {
    effects: '13 custom_settings_parameters',
    harmless:
      '5 allow_connect, 6 allow_metadata, 7 max_outbound_frames, 8 max_outbound_control_frames, ' +
      '9 max_consecutive_inbound_frames_with_empty_payload, 10 max_inbound_priority_frames_per_stream, ' +
      '11 max_inbound_window_update_frames_per_data_frame_sent, 12 stream_error_on_invalid_http_messaging, ' +
      '14 override_stream_error_on_invalid_http_message, 16 use_oghttp2_codec',
  },
  'envoy.type.matcher.v3.RegexMatcher': { harmless: '1 google_re2' },
  'envoy.type.matcher.v3.StringMatcher': { effects: '8 custom' },

  [`${cluster}.Cluster`]: {
    effects:
      '18 dns_resolvers, 29 common_http_protocol_options, 30 upstream_connection_options, ' +
      '31 close_connections_on_host_health_failure, 42 lrs_server, 45 use_tcp_for_dns_lookups, ' +
      '48 upstream_config, 50 preconnect_policy, ' +
      '51 connection_pool_per_downstream_connection, 53 dns_resolution_config, 55 typed_dns_resolver_config',
    harmless:
      '5 per_connection_buffer_limit_bytes, 13 http_protocol_options, 20 cleanup_interval, 26 protocol_selection, ' +
      '32 ignore_health_on_host_removal, 34 original_dst_lb_config, 47 track_timeout_budgets, 49 track_cluster_stats, ' +
      '54 wait_for_warm_on_init, 57 lrs_report_endpoint_metrics',
  },
  [`${cluster}.CircuitBreakers.Thresholds`]: { effects: '7 max_connection_pools', harmless: '6 track_remaining' },
  [`${cluster}.Cluster.CommonLbConfig`]: {
    effects: '5 ignore_new_hosts_until_first_hc, 6 close_connections_on_host_set_change, 8 override_host_status',
    harmless: '4 update_merge_window',
  },
  'envoy.config.endpoint.v3.Endpoint': { harmless: '2 health_check_config' },
  'envoy.config.endpoint.v3.LocalityLbEndpoints': { harmless: '6 proximity' },
  'envoy.extensions.clusters.dns.v3.DnsCluster': { effects: '7 typed_dns_resolver_config', harmless: '6 dns_jitter' },
  [upstreamHttp]: { effects: '6 http_filters', harmless: '7 header_validation_config' },
  [`${upstreamHttp}.ExplicitHttpConfig`]: { effects: '3 http3_protocol_options' },
  [`${upstreamHttp}.UseDownstreamHttpConfig`]: { harmless: '1 http_protocol_options, 3 http3_protocol_options' },
  [`${upstreamHttp}.AutoHttpConfig`]: {
    harmless: '1 http_protocol_options, 3 http3_protocol_options, 4 alternate_protocols_cache_options',
  },

  [`${route}.RouteConfiguration`]: {
    effects: '3 internal_only_headers, 15 ignore_path_parameters_in_path_matching',
    harmless: '11 max_direct_response_body_size_bytes, 17 metadata',
  },
  [`${route}.VirtualHost`]: {
    effects: '6 rate_limits, 20 retry_policy_typed_config',
    harmless:
      '5 virtual_clusters, 8 cors, 14 include_request_attempt_count, 18 per_request_buffer_limit_bytes, ' +
      '19 include_attempt_count_in_response, 23 include_is_timeout_retry_header, 24 metadata',
  },
  [`${route}.Route`]: {
    effects: '15 tracing',
    harmless: '5 decorator, 16 per_request_buffer_limit_bytes, 19 stat_prefix',
  },
  [`${route}.RouteAction`]: {
    effects:
      '13 rate_limits, 26 internal_redirect_action, 28 grpc_timeout_offset, 33 retry_policy_typed_config, ' +
      '34 internal_redirect_policy',
    harmless: '14 include_vh_rate_limits, 17 cors, 31 max_internal_redirects, 40 early_data_policy',
  },
  [`${route}.RouteAction.HashPolicy.Cookie`]: { effects: '4 attributes' },
  // How often to pick anew where a predicate refuses, which is told.
  [`${route}.RetryPolicy`]: { effects: '12 retry_options_predicates', harmless: '6 host_selection_retry_max_attempts' },

  [`${listener}.Listener`]: {
    effects:
      '7 deprecated_v1, 10 transparent, 11 freebind, 13 socket_options, 18 udp_listener_config, 22 access_log, ' +
      '32 filter_chain_matcher',
    harmless:
      '5 per_connection_buffer_limit_bytes, 6 metadata, 8 drain_type, 12 tcp_fast_open_queue_length, ' +
      '20 connection_balance_config, 21 reuse_port, 24 tcp_backlog_size, ' +
      '29 enable_reuse_port, 30 enable_mptcp, 31 ignore_global_conn_limit, ' +
      '34 max_connections_to_accept_per_socket_event, 35 bypass_overload_manager',
  },
  [`${listener}.FilterChain`]: {
    effects: '4 use_proxy_proto?, 8 on_demand_configuration',
    harmless: '5 metadata, 9 transport_socket_connect_timeout',
  },
  // Not carried out by Envoy either.
  [`${listener}.FilterChainMatch`]: { harmless: '4 address_suffix, 5 suffix_len' },
  [`${listener}.ListenerFilter`]: { harmless: '4 filter_disabled' },
  'envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager': {
    effects:
      '6 add_user_agent?, 12 drain_timeout, 13 access_log, 14 use_remote_address?, 16 forward_client_cert_details, ' +
      '17 set_current_client_cert_details?, 19 xff_num_trusted_hops, ' +
      '20 represent_ipv4_remote_address_as_ipv4_mapped_ipv6, 22 via, 29 max_request_headers_kb, 38 local_reply_config, ' +
      '41 request_headers_timeout, 43 path_normalization_options, 44 http3_protocol_options, ' +
      '46 original_ip_detection_extensions, 47 strip_trailing_host_dot, 48 scheme_header_transformation, ' +
      '51 append_x_forwarded_port, 52 early_header_mutation_extensions',
    harmless:
      '7 tracing, 8 http_protocol_options, 10 server_name, 15 generate_request_id, 18 proxy_100_continue, ' +
      '21 skip_xff_append, 23 upgrade_configs, 25 internal_address_config, 26 delayed_close_timeout, ' +
      '30 normalize_path, 32 preserve_external_request_id, 33 merge_slashes, 34 server_header_transformation, ' +
      '36 request_id_extension, 37 always_set_request_id_in_response, 40 stream_error_on_invalid_http_message, ' +
      '45 path_with_escaped_slashes_action, 49 proxy_status_config, 50 typed_header_validation_config, ' +
      '53 add_proxy_protocol_connection_state, 54 access_log_flush_interval, 55 flush_access_log_on_new_request, ' +
      '56 access_log_options, 57 append_local_overload',
  },
  'envoy.extensions.filters.http.router.v3.Router': {
    effects: '3 upstream_log, 5 strict_check_headers, 8 upstream_http_filters',
    harmless:
      '1 dynamic_stats, 2 start_child_span, 6 respect_expected_rq_timeout, ' +
      '7 suppress_grpc_request_failure_code_stats, 9 upstream_log_options',
  },
  'envoy.extensions.filters.http.rbac.v3.RBAC': {
    harmless:
      '2 shadow_rules, 3 shadow_rules_stat_prefix, 5 shadow_matcher, 6 rules_stat_prefix, 7 track_per_rule_stats',
  },
  'envoy.config.rbac.v3.RBAC': { effects: '3 audit_logging_options' },
  'envoy.config.rbac.v3.Policy': { effects: '4 checked_condition' },

  [`${tls}.TlsCertificate`]: {
    effects: '6 private_key_provider, 7 watched_directory, 8 pkcs12',
    harmless: '4 ocsp_staple, 5 signed_certificate_timestamp',
  },
  // Only of names whose kind is refused.
  [`${tls}.SubjectAltNameMatcher`]: { harmless: '3 oid' },
  [`${tls}.CertificateValidationContext`]: {
    effects: '6 require_signed_certificate_timestamp, 11 watched_directory, 16 max_verify_depth',
    harmless: '14 only_verify_leaf_cert_crl',
  },
  [`${tls}.CommonTlsContext`]: {
    effects:
      '1 tls_params?, 9 tls_certificate_certificate_provider, 10 validation_context_certificate_provider, ' +
      '13 custom_handshaker, 15 key_log',
  },
  [`${tls}.CommonTlsContext.CombinedCertificateValidationContext`]: {
    effects: '3 validation_context_certificate_provider',
  },
  [`${tls}.UpstreamTlsContext`]: { harmless: '3 allow_renegotiation, 4 max_session_keys, 5 enforce_rsa_key_usage' },
  [`${tls}.DownstreamTlsContext`]: {
    effects: '8 ocsp_staple_policy',
    harmless:
      '4 session_ticket_keys, 5 session_ticket_keys_sds_secret_config, 6 session_timeout, ' +
      '7 disable_stateless_session_resumption, 9 full_scan_certs_on_sni_mismatch, ' +
      '10 disable_stateful_session_resumption',
  },
};

/** Messages of which the decoders say as a whole what is not carried out: what is in them is not looked at. */
export const wholeMessages: ReadonlySet<string> = new Set([
  `${core}.ApiConfigSource`,
  `${core}.BindConfig`,
  `${core}.ConfigSource`,
  `${core}.EnvoyInternalAddress`,
  `${core}.ExtensionConfigSource`,
  `${core}.HealthCheck`,
  `${core}.Metadata`,
  `${cluster}.Cluster.CommonLbConfig.ZoneAwareLbConfig`,
  `${cluster}.Cluster.LbSubsetConfig`,
  `${cluster}.Cluster.SlowStartConfig`,
  `${cluster}.Filter`,
  `${cluster}.OutlierDetection`,
  'envoy.config.endpoint.v3.LedsClusterLocalityConfig',
  'envoy.extensions.filters.network.http_connection_manager.v3.ScopedRoutes',
  'envoy.extensions.load_balancing_policies.common.v3.LocalityLbConfig.ZoneAwareLbConfig',
  'envoy.extensions.load_balancing_policies.common.v3.SlowStartConfig',
  'envoy.type.matcher.v3.FilterStateMatcher',
  'envoy.type.matcher.v3.MetadataMatcher',
  `${listener}.AdditionalAddress`,
  `${route}.HedgePolicy`,
  `${route}.RetryPolicy.RateLimitedRetryBackOff`,
  `${route}.RetryPolicy.RetryHostPredicate`,
  `${route}.RetryPolicy.RetryPriority`,
  `${route}.RouteAction.RequestMirrorPolicy`,
  `${route}.RouteAction.UpgradeConfig`,
]);
