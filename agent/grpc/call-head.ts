// The head of a call: what its first HEADERS say, read once and shared by router, policies and observers.
import type { HeaderBlock } from '../http2/index.ts';

export interface CallHead {
  /** `:path` as it came, query included. */
  readonly path: string;
  /** `package.Service/Method`: the path without its first slash and without a query. */
  readonly method: string;
  /** `:authority` in its own case; empty when absent. */
  readonly authority: string;
  readonly contentType: string;
  /** `application/grpc`, alone or followed by `+` or `;` (PROTOCOL-HTTP2.md). */
  readonly isGrpc: boolean;
  /** The first block. Valid only while the head is being directed, unless retained. */
  readonly block: HeaderBlock;
}
