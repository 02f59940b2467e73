// The cases of gRPC's interop description that need no cloud. grpc-go's own interop client has most of them.

/** Those that take no time: `npm test` runs them too. */
export const grpcGoQuickCases: readonly string[] = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'custom_metadata',
  'status_code_and_message',
  'special_status_message',
  'unimplemented_method',
  'unimplemented_service',
  'cancel_after_begin',
  'cancel_after_first_response',
  'timeout_on_sleeping_server',
];

export const grpcGoCases: readonly string[] = [...grpcGoQuickCases, 'rpc_soak', 'channel_soak'];

/** Named by the description, but not in grpc-go's client. */
export const grpcGoLacks: readonly string[] = [
  'client_compressed_unary',
  'server_compressed_unary',
  'client_compressed_streaming',
  'server_compressed_streaming',
  'very_large_request',
  'cacheable_unary',
  'max_concurrent_streams_connection_scaling',
];

/** Cases of the echo service on grpc-go (test/support/go-echo) near what grpc-go's client lacks. */
export const grpcGoEchoCases: readonly string[] = ['compressed', 'large', 'concurrent', 'status-details'];
