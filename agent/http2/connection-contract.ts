// What everything above the codec sees of connections and streams. The classes behind these types are in
// `connection.ts` and `stream.ts`.
import type { SocketAddress } from '../../xds/model/address.ts';
import type { Log } from '../observe/log.ts';
import type { ConnectionEnd, ResetOrigin } from './errors.ts';
import type { Flusher } from './flusher.ts';
import type { HeaderBlock } from './header-contract.ts';
import type { HeaderShapes } from './header-shapes.ts';
import type { Http2Limits, Role } from './limits.ts';

/** What all connections of one data plane (thread) share. */
export interface ConnectionEnvironment {
  readonly shapes: HeaderShapes;
  readonly flusher: Flusher;
  readonly limits: Http2Limits;
  /** Monotonic, ms. */
  readonly now: () => number;
  /** From 0 to below 1: spreads the ends of connections that began together. Absent: they are not spread. */
  readonly random?: () => number;
  readonly log: Log;
  /** A connection of that role met a limit by what its peer did; `peer` is `host:port`. Called within a turn: no throw. */
  readonly onLimitHit?: (limit: keyof Http2Limits, role: Role, peer: string) => void;
}

/**
 * What a connection tells its owner. Nothing is called from inside `connect` or `accept`. A handler may call any method
 * of any connection or stream: what that causes for others is told after it has returned.
 */
export interface ConnectionHandler {
  /** Client: TCP (and TLS) is up and requests may be sent, though the peer's SETTINGS are not here yet. */
  onConnected?(connection: Connection): void;
  /** Server: a new stream, before its `onHeaders`; answers who handles it. */
  onStream(stream: Stream): StreamHandler;
  /** More streams may be opened than a moment ago. */
  onRoom(connection: Connection): void;
  /**
   * The peer is leaving. Client: streams above `lastStreamId` get `onReset` with `unprocessed` right after.
   * `debug` is what it wrote for people, as latin1.
   */
  onGoAway(connection: Connection, lastStreamId: number, code: number, debug: string): void;
  /** Exactly once, when the socket is closed; every stream has ended before. */
  onClosed(connection: Connection, end: ConnectionEnd): void;
}

export interface StreamHandler {
  /** `stream.headersAre` says which block it is. It is valid during the call only. */
  onHeaders(stream: Stream, block: HeaderBlock, endStream: boolean): void;
  /** `buf[start, end)` without padding, valid during the call only, may be empty. A frame may come in several parts. */
  onData(stream: Stream, buf: Buffer, start: number, end: number, endStream: boolean): void;
  /**
   * The stream is over before both sides ended it; not called for one's own `reset`.
   * `unprocessed`: the peer has not acted on it (REFUSED_STREAM, above a GOAWAY's last stream, or never sent), so it may
   * be sent again (RFC 9113 section 8.7).
   */
  onReset(stream: Stream, code: number, by: ResetOrigin, unprocessed: boolean): void;
  /** So many bytes given to `sendData` have left for the socket: their source may send as many more. */
  onSent(stream: Stream, bytes: number): void;
}

/**
 *   connecting ──TCP, TLS──▶ open ──GOAWAY sent or received──▶ draining ──last stream ended──▶ closed
 *       └──────────────────── refused, error, destroy ─────────────┴────────────────────────────▲
 */
export type ConnectionState = 'connecting' | 'open' | 'draining' | 'closed';

/** Counted from the connection's beginning. */
export interface ConnectionStats {
  readonly framesIn: number;
  readonly framesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly streamsOpened: number;
  /** How often each limit was exceeded, by its name in `Http2Limits`. */
  readonly limitsHit: Readonly<Record<string, number>>;
}

/** What is known of a connection once TCP, and TLS where it is used, is up. */
export interface ConnectionIdentity {
  /** `host:port` of our own end, or where a redirected client meant to connect to; IPv6 in brackets; empty before. */
  readonly localAddress: string;
  /** Server: where a redirected client meant to connect to; `null`: here. */
  readonly destination: SocketAddress | null;
  /** `h2` over TLS; `null` in clear text. */
  readonly alpn: string | null;
  /** Server: the name that the client asked for (SNI, RFC 6066); empty without one. */
  readonly serverName: string;
  /** Of the peer's verified certificate, such as `CN=shop,O=mesh`; `null` without one. */
  readonly subject: string | null;
  /** Names of that certificate, such as `URI:spiffe://…` or `DNS:a.test`; empty without one. */
  readonly sans: readonly string[];
  /** Its SHA-256, in hex with small letters; empty without one. */
  readonly fingerprint: string;
}

/** A request's head that a server would only reset. */
export interface Oversize {
  /** Decoded, as RFC 9113 section 6.5.2 counts. */
  readonly bytes: number;
  /** The peer's SETTINGS_MAX_HEADER_LIST_SIZE. */
  readonly maxBytes: number;
}

export interface Connection {
  readonly role: Role;
  readonly state: ConnectionState;
  /** `host:port`, IPv6 in brackets. */
  readonly peer: string;
  readonly identity: ConnectionIdentity;
  /** How many streams may be opened right now: client only, 0 unless open. */
  readonly room: number;
  /** Streams that have begun and not ended, in either role. */
  readonly activeStreams: number;
  readonly stats: ConnectionStats;
  /** How it ended, or is ending; `null` before. */
  readonly ending: ConnectionEnd | null;
  /** Client: whether the peer has said that it won't read a head as large as that; `null`: it may be sent. */
  oversizeOf(request: HeaderBlock): Oversize | null;
  /** Client, while `room` is at least 1. @throws Error otherwise. */
  openStream(handler: StreamHandler): Stream;
  /**
   * The layer above keeps so many bytes more (fewer, when negative) for this connection's streams. They count with what
   * is queued: beyond `maxQueuedBytes` new streams are refused, beyond `maxPlaneQueuedBytes` streams are reset.
   */
  keep(bytes: number): void;
  /** So much is queued and kept that what can be done without should not be kept. */
  readonly keepsMuch: boolean;
  /**
   * Ends in order (RFC 9113 section 6.8). Server: GOAWAY with the highest id, PING; on its answer or after
   * `drainPingTimeoutMs` GOAWAY with the last stream served; streams end, the connection closes. Client: GOAWAY, no new
   * streams, closes with the last. After `graceMs` (0: however long it takes) what is left is cut.
   */
  drain(graceMs: number): void;
  /** Measures a round trip; not called back when the connection ends first. */
  ping(onAck: (rttMs: number) => void): void;
  /** GOAWAY with that code if it can still be sent; every stream ends, and the connection closes. */
  destroy(code: number, reason: string): void;
}

/**
 * One stream, seen from one side. Calls after its end do nothing. Client: its id is 0 until its first headers are sent.
 */
export interface Stream {
  readonly id: number;
  readonly connection: Connection;
  /** Who gets what arrives; may be changed. */
  handler: StreamHandler;
  /** During `onHeaders`: a 1xx response, the head of the message, or its trailers. */
  readonly headersAre: 'informational' | 'head' | 'trailers';
  readonly receivedHead: boolean;
  readonly receivedEnd: boolean;
  /** END_STREAM has been written: not while it waits behind queued data. */
  readonly sentEnd: boolean;
  /** Bytes given to `sendData` that wait for a window or for the socket. */
  readonly queuedBytes: number;
  /** Sent at once if nothing is queued; else the block is retained and sent behind the queued data. */
  sendHeaders(block: HeaderBlock, endStream: boolean): void;
  /**
   * Sends what windows and socket allow and copies the rest: `buf` is free when this returns. Whoever sends more than
   * `onSent` has reported back makes the queue grow without bound.
   */
  sendData(buf: Buffer, start: number, end: number, endStream: boolean): void;
  /** Ends the stream; queued data are dropped. With NO_ERROR it waits until an END_STREAM that is queued has gone out. */
  reset(code: number): void;
  /** So many received bytes are consumed: the peer may send as many more. */
  credit(bytes: number): void;
}
