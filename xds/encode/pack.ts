// What encoding borrows: packing a message into google.protobuf.Any. Passed in, so that encoding loads no definitions.

/** Packs `message` of type `typeName` ("envoy.config.cluster.v3.Cluster"); `Protos.pack` in xds/protos.ts is one. */
export type Pack = (typeName: string, message: object) => AnyMessage;

export interface AnyMessage {
  readonly type_url: string;
  readonly value: Uint8Array;
}
