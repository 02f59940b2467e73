// The cases of gRPC's interop description that need no cloud. grpc-go's own interop client has most of them; for the rest
// of its cases, and for all of them between grpc-js and C-core, a case of our echo service stands in under the same name.

export const interopCases = [
  'empty_unary',
  'large_unary',
  'client_streaming',
  'server_streaming',
  'ping_pong',
  'empty_stream',
  'client_compressed_unary',
  'client_compressed_streaming',
  'server_compressed_unary',
  'server_compressed_streaming',
  'custom_metadata',
  'status_code_and_message',
  'special_status_message',
  'unimplemented_method',
  'unimplemented_service',
  'cancel_after_begin',
  'cancel_after_first_response',
  'timeout_on_sleeping_server',
  'very_large_request',
  'cacheable_unary',
  'rpc_soak',
  'channel_soak',
  'max_concurrent_streams_connection_scaling',
] as const;

export type InteropCase = (typeof interopCases)[number];

/** What the description lacks: a server that answers behind the first of many messages, whose client gets that and OK. */
export const EARLY_END = 'early_end';
export type EchoCase = InteropCase | typeof EARLY_END;

/** Cases that grpc-go's client does not have, and the case of the echo service (test/support/go-echo) that stands in. */
export const grpcGoStandIns: Readonly<Partial<Record<InteropCase, string>>> = {
  client_compressed_unary: 'client-compressed-unary',
  client_compressed_streaming: 'client-compressed-streaming',
  server_compressed_unary: 'server-compressed-unary',
  server_compressed_streaming: 'server-compressed-streaming',
  very_large_request: 'very-large',
  cacheable_unary: 'cacheable',
  max_concurrent_streams_connection_scaling: 'concurrent',
};

/** Those that take time, and so are not run by `npm test`. */
const soaks: readonly InteropCase[] = ['rpc_soak', 'channel_soak'];

/** What grpc-go's own client is asked. */
export const grpcGoCases: readonly InteropCase[] = interopCases.filter((name) => grpcGoStandIns[name] === undefined);

/** Those that take no time: `npm test` runs them too. */
export const grpcGoQuickCases: readonly InteropCase[] = grpcGoCases.filter((name) => !soaks.includes(name));

/** What else the echo service asks. */
export const grpcGoEchoCases: readonly string[] = ['early-end', 'large', 'status-details'];
