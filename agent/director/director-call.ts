// A call as a user's director function sees it. It may be kept: nothing in it changes or goes once the call is over.
import { hostOf, portOf } from '../grpc/address-range.ts';
import type { CallHead } from '../grpc/call-head.ts';
import { parseGrpcTimeout } from '../grpc/deadline.ts';
import { Metadata } from '../grpc/metadata.ts';
import type { HeaderBlock } from '../http2/index.ts';
import type { CallFacts } from './call-facts.ts';

/** Who calls. */
export interface Peer {
  /** `host:port`, IPv6 in brackets; `unknown:0` over a Unix domain socket. */
  readonly address: string;
  /** `null` in clear text. */
  readonly tls: PeerTls | null;
}

export interface PeerTls {
  /** The name that the client asked for (SNI); empty without one. */
  readonly serverName: string;
  /** Of its verified certificate, such as `CN=shop,O=mesh`; `null` without one. */
  readonly subject: string | null;
  /** Of the same certificate, such as `URI:spiffe://mesh/shop` or `DNS:shop.mesh`. */
  readonly subjectAltNames: readonly string[];
}

export class DirectorCall {
  /** `/package.Service/Method`. */
  readonly method: string;
  /** `:authority` in its own case; empty without one. */
  readonly authority: string;
  readonly metadata: Metadata;
  readonly peer: Peer;
  /** When the client gives up; `null`: never. */
  readonly deadline: Date | null;
  readonly #block: HeaderBlock;
  #abort: AbortController | null = null;
  #isOver = false;

  constructor(head: CallHead, facts: CallFacts) {
    const block = head.block.retain();
    const timeout = block.bytes('grpc-timeout');
    const timeoutMs = timeout === null ? null : parseGrpcTimeout(timeout);
    this.#block = block;
    this.method = `/${head.method}`;
    this.authority = head.authority;
    this.metadata = Metadata.of(block);
    this.peer = peerOf(facts);
    this.deadline = timeoutMs === null ? null : new Date(Date.now() + timeoutMs);
  }

  /** Aborted when the call ends before its director has answered: by cancel, deadline, or the director's own time limit. */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#isOver) this.#abort.abort();
    return this.#abort.signal;
  }

  /** Ends the call for its director. */
  static end(call: DirectorCall): void {
    call.#isOver = true;
    call.#abort?.abort();
  }

  /** What came; `metadata` began as this. */
  static block(call: DirectorCall): HeaderBlock {
    return call.#block;
  }
}

function peerOf({ peer: address, isSecure, serverName, peerSubject, peerSans }: CallFacts): Peer {
  const tls = isSecure ? { serverName, subject: peerSubject, subjectAltNames: peerSans } : null;
  return { address: address.startsWith('[::ffff:') ? `${hostOf(address)}:${portOf(address)}` : address, tls };
}
