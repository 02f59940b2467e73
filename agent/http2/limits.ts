// Every bound of one connection, in one object. The defaults are those of a sidecar: they hold against a hostile peer
// and let ordinary gRPC traffic alone.

export interface Http2Limits {
  /**
   * Server: SETTINGS_MAX_CONCURRENT_STREAMS, and what is enforced; a stream beyond it is refused (REFUSED_STREAM). It
   * counts until the call above has ended, not until its frames have. Client: the most that is used of what the peer
   * allows. Default 1024 for both.
   */
  readonly maxConcurrentStreams: number;
  /** Client: how many streams a peer is taken to allow before its SETTINGS are here. Default 100 (RFC 9113 section 6.5.2). */
  readonly assumedConcurrentStreams: number;
  /** What a peer may send on one stream ahead of what has been consumed: SETTINGS_INITIAL_WINDOW_SIZE. Default 256 KiB. */
  readonly streamWindowBytes: number;
  /**
   * What a peer may send on the connection ahead of its being read. It is returned on receipt, when half of it is used,
   * so that a stalled stream never stops its neighbours. At least 65535 (RFC 9113 section 6.9.2). Default 1 MiB.
   */
  readonly connectionWindowBytes: number;
  /** SETTINGS_MAX_FRAME_SIZE. Default 16384, which is also the least that RFC 9113 section 6.5.2 allows. */
  readonly maxFrameBytes: number;
  /**
   * Decoded size of a header block, 32 for each field included (SETTINGS_MAX_HEADER_LIST_SIZE). A larger block ends its
   * stream with ENHANCE_YOUR_CALM, one of more than four times this size the connection. Default 60 KiB.
   */
  readonly maxHeaderListBytes: number;
  /** Fields in a header block, cookie crumbs included. Default 100. */
  readonly maxHeaderFields: number;
  /**
   * What a header block may say beyond twice its own bytes (Huffman codes save less than half): the dynamic table once,
   * and indexed fields of the static one. Whoever says more names one large field again and again, a few bytes on the
   * way in and 60 KiB on the way out. Such a block ends its stream with ENHANCE_YOUR_CALM. Default 8192.
   */
  readonly maxHeaderExpansionBytes: number;
  /** Client: 1xx responses on one stream; one more resets it. Default 16: gRPC has no use for any. */
  readonly maxInformationalResponses: number;
  /** CONTINUATION frames of one header block, empty ones included. Default 8. */
  readonly maxContinuations: number;
  /** The decoder's dynamic table, SETTINGS_HEADER_TABLE_SIZE. Default 4096. */
  readonly headerTableBytes: number;
  /** Parameters in one SETTINGS frame. Default 32. */
  readonly maxSettingsEntries: number;
  /** DATA frames in a row that carry nothing and end nothing, on one connection. Default 10. */
  readonly maxEmptyFrames: number;
  /**
   * What costs this side more than its sender: PING, SETTINGS, PRIORITY, WINDOW_UPDATE, unknown and empty frames, interim
   * responses, frames on closed streams, and each 128 bytes of a block beyond `maxHeaderExpansionBytes`. A bucket of so
   * many, refilled by `controlFramesPerSecond` and by each HEADERS and DATA frame of real traffic. Default 10000 and 330.
   */
  readonly controlFrameBurst: number;
  readonly controlFramesPerSecond: number;
  /**
   * Streams that the peer resets within a second of opening them and before anything was answered. Default a burst of
   * 1000, and 33 a second. Other resets are a client's right: a deadline, a cancelled call.
   */
  readonly peerResetBurst: number;
  readonly peerResetsPerSecond: number;
  /** When this many streams have closed and half of them were such early resets, the connection ends. 0: off. Default 500. */
  readonly prematureResetSample: number;
  /** Streams that this side had to reset or refuse for the peer's faults. Default a burst of 1000, and 33 a second. */
  readonly ownResetBurst: number;
  readonly ownResetsPerSecond: number;
  /**
   * Client: after so many resets sent within `rotationWindowMs`, no new stream is opened here, before a peer that counts
   * resets closes the connection on others' calls (Netty: 200 in 30 s). What else is given up here is reset as time goes
   * by, or ends with the connection, which closes behind the last call that goes on. 0: off. Default 150 in 30 s; off for servers.
   */
  readonly resetsBeforeRotation: number;
  readonly rotationWindowMs: number;
  /** The last stream id to be used; when it is reached the connection is drained, by either side. Default 75% of 2^31. */
  readonly lastStreamId: number;
  /** DATA goes to the socket's queue up to this; beyond, it stays with its streams. Default 256 KiB. */
  readonly outputBytes: number;
  /** Nothing more is read while so much, mostly answers to control frames, waits for the socket. Default 1 MiB, 5000 frames. */
  readonly maxOutputBytes: number;
  readonly maxOutputFrames: number;
  /**
   * What may be queued on all streams of a connection, and kept of their requests until they are answered, before new
   * streams are refused. When more stays queued for
   * `queueGraceMs`, and the peer takes less than an eighth of this in that time, the streams that have waited longest are
   * reset (ENHANCE_YOUR_CALM toward a client, CANCEL toward an endpoint). Default 10 MiB, and 5 s.
   */
  readonly maxQueuedBytes: number;
  readonly queueGraceMs: number;
  /**
   * What may be queued on the streams whose own window the peer keeps shut, having taken less than a sixteenth of it; the
   * streams that have waited longest are reset at once when it is more. 1,000 calls behind a window of 0 cost a client
   * 128 KB, and would pin 64 KiB each: 69 MB, 540 times as much; with the default of 4 MiB, 33 times.
   */
  readonly maxUnreadBytes: number;
  /** The same of all connections of a data plane, before who holds most is cut likewise. Default 256 MiB. */
  readonly maxPlaneQueuedBytes: number;
  /** A stream with bytes queued sends less than 16 KiB of them in this time: it is reset likewise. Default 5 min, as Envoy's. */
  readonly streamStallTimeoutMs: number;
  /** Frames handled in one turn of the event loop, a server's HEADERS as 16; then others have theirs. Default 1000. */
  readonly maxFramesPerTurn: number;
  /** From accepting to the end of the peer's preface and first SETTINGS; also for a TLS handshake. Default 10 s. */
  readonly prefaceTimeoutMs: number;
  /** From our SETTINGS to their acknowledgement. Default 10 s. */
  readonly settingsAckTimeoutMs: number;
  /** From HEADERS to the last CONTINUATION; also for any other frame that has begun. Default 10 s. */
  readonly headerBlockTimeoutMs: number;
  /** Bytes wait for the socket, and it takes none. Default 60 s. */
  readonly flushStallTimeoutMs: number;
  /** Without a stream for so long, a connection is drained (GOAWAY "max_idle"); Infinity: never. Default 1 h. */
  readonly idleTimeoutMs: number;
  /**
   * When nothing was received for so long, the peer is asked by a PING whether it lives (gRFC A8); Infinity: never.
   * Default Infinity toward upstreams, who may hold pings for abuse, and 2 h toward downstreams.
   */
  readonly keepaliveTimeMs: number;
  /**
   * Nothing at all came behind that PING: the connection is dead. Default 20 s. After a quarter of that, at most 1 s, no
   * new streams are opened on it until something comes.
   */
  readonly keepaliveTimeoutMs: number;
  /** The kernel asks by TCP when nothing was received for so long: the peer's program need not answer. Default 60 s. */
  readonly tcpKeepaliveMs: number;
  /** Ask also while there are no streams. Default false. */
  readonly keepaliveWithoutCalls: boolean;
  /**
   * Server: a PING sooner than this behind the one before, with no HEADERS or DATA sent in between, is a strike; more than
   * `maxPingStrikes` in a row end the connection (ENHANCE_YOUR_CALM, "too_many_pings"; gRFC A8 has 5 min and 2). Default
   * 9 s and 100: meshes ping every 10 to 30 s, some a little early, and tools that measure round trips are let be.
   */
  readonly minPingIntervalMs: number;
  readonly maxPingStrikes: number;
  /**
   * A connection this old, give or take 10 %, is drained (gRFC A9, GOAWAY "max_age"); Infinity: never, the default.
   * The idle timeout varies alike.
   */
  readonly maxConnectionAgeMs: number;
  /** What is left so long behind the first GOAWAY of a connection that was too old is cut; 0: never, the default. */
  readonly maxConnectionAgeGraceMs: number;
  /**
   * Server: a client that has closed its side of TCP, as some do behind a last request, still gets the answers to what it
   * has sent whole, for so long. 0: its calls are cancelled at once, the default: most often it means that it is gone.
   */
  readonly halfClosedGraceMs: number;
  /** Between the two GOAWAYs of a graceful end, when the PING is not answered before. Default 5 s. */
  readonly drainPingTimeoutMs: number;
  /** Between our last byte and the peer's closing. Default 1 s. */
  readonly lingerTimeoutMs: number;
}

export type Role = 'client' | 'server';

/** The limits toward downstreams (`server`) or upstreams (`client`). */
export function defaultLimits(role: Role): Http2Limits {
  return {
    maxConcurrentStreams: 1024,
    assumedConcurrentStreams: 100,
    streamWindowBytes: 262_144,
    connectionWindowBytes: 1_048_576,
    maxFrameBytes: 16_384,
    maxHeaderListBytes: 61_440,
    maxHeaderFields: 100,
    maxHeaderExpansionBytes: 8192,
    maxInformationalResponses: 16,
    maxContinuations: 8,
    headerTableBytes: 4096,
    maxSettingsEntries: 32,
    maxEmptyFrames: 10,
    controlFrameBurst: 10_000,
    controlFramesPerSecond: 330,
    peerResetBurst: 1000,
    peerResetsPerSecond: 33,
    prematureResetSample: 500,
    ownResetBurst: 1000,
    ownResetsPerSecond: 33,
    resetsBeforeRotation: role === 'client' ? 150 : 0,
    rotationWindowMs: 30_000,
    lastStreamId: 0x5fff_ffff,
    outputBytes: 262_144,
    maxOutputBytes: 1_048_576,
    maxOutputFrames: 5000,
    maxQueuedBytes: 10_485_760,
    queueGraceMs: 5000,
    maxUnreadBytes: 4_194_304,
    maxPlaneQueuedBytes: 268_435_456,
    streamStallTimeoutMs: 300_000,
    maxFramesPerTurn: 1000,
    prefaceTimeoutMs: 10_000,
    settingsAckTimeoutMs: 10_000,
    headerBlockTimeoutMs: 10_000,
    flushStallTimeoutMs: 60_000,
    idleTimeoutMs: 3_600_000,
    keepaliveTimeMs: role === 'server' ? 7_200_000 : Number.POSITIVE_INFINITY,
    keepaliveTimeoutMs: 20_000,
    tcpKeepaliveMs: 60_000,
    keepaliveWithoutCalls: false,
    minPingIntervalMs: 9000,
    maxPingStrikes: 100,
    maxConnectionAgeMs: Number.POSITIVE_INFINITY,
    maxConnectionAgeGraceMs: 0,
    halfClosedGraceMs: 0,
    drainPingTimeoutMs: 5000,
    lingerTimeoutMs: 1000,
  };
}

/**
 * Toward clients who are strangers, as the guide of Envoy for edges has it: what one connection may hold is less, and the
 * rest is as inside a mesh, where it is tight already.
 */
export function edgeLimits(limits: Http2Limits): Http2Limits {
  return { ...limits, maxConcurrentStreams: 100, streamWindowBytes: 65_536, connectionWindowBytes: 1_048_576 };
}
