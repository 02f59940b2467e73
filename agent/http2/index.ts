// The codec's public face: everything above sees connections, streams, and header blocks made of shapes.
// The codec knows no gRPC and no mesh.
export type {
  Connection,
  ConnectionEnvironment,
  ConnectionHandler,
  ConnectionState,
  ConnectionStats,
  Oversize,
  Stream,
  StreamHandler,
} from './connection-contract.ts';
export { limitsOfLife } from './connection-life.ts';
export { accept, acceptInProcess, type ConnectOptions, type ConnectTarget, connect } from './connection-socket.ts';
export {
  type ClientTls,
  clientTls,
  clientTlsFor,
  type NameCheck,
  type ServerTls,
  serverTls,
} from './connection-tls.ts';
export { type ConnectionEnd, ErrorCode, errorCodeName, type ResetOrigin } from './errors.ts';
export { Flusher } from './flusher.ts';
export type { BlockKind, Field, FieldToSet, HeaderBlock, HeaderEdit, Shape, ShapeMemo } from './header-contract.ts';
export { HeaderShapes, type HeaderShapesOptions } from './header-shapes.ts';
export { createInProcessPair } from './in-process-pair.ts';
export { defaultLimits, edgeLimits, type Http2Limits, type Role } from './limits.ts';
export { identityOfCertificate } from './peer-certificate.ts';
