// A gRPC server that misbehaves as the negative HTTP/2 cases of gRPC's interop description want it to, and watches what
// its client does about it. It knows one answer: that to a large unary call of the interop test service.
import {
  data,
  flag,
  goAway,
  H2Peer,
  headers,
  type ReceivedFrame,
  rstStream,
  settings,
  settingsAck,
  frame as toFrame,
  windowUpdate,
} from '../support/h2-peer.ts';

export type NegativeCase =
  | 'goaway'
  | 'rst_after_header'
  | 'rst_during_data'
  | 'rst_after_data'
  | 'ping'
  | 'max_streams';

export interface NegativeServer {
  readonly port: number;
  /** What the client should have done and did not, once the case is over. */
  problems(): readonly string[];
  stop(): void;
}

const responseBytes = 314_159;
const maxConcurrentStreams = 0x3;
const initialWindowSize = 0x4;
const noError = 0x0;
const refusedStream = 0x7;
/** The client wants UNKNOWN of `rst_during_data`, which grpc-go makes of a code that it does not know. Without any agent
 * between, it makes INTERNAL of a NO_ERROR in the middle of a message, as of one in the other cases. */
const unassigned = 0xff;

/** A SimpleResponse whose payload's body is zeros, behind the five bytes of a gRPC message. */
const response: Buffer = (() => {
  const body = lengthDelimited(0x12, Buffer.alloc(responseBytes));
  const message = lengthDelimited(0x0a, body);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
})();

function lengthDelimited(tag: number, bytes: Buffer): Buffer {
  const head = [tag];
  let rest = bytes.length;
  for (; rest >= 128; rest >>>= 7) head.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...head, rest]), bytes]);
}

class NegativeConnection {
  readonly #peer: H2Peer;
  readonly #name: NegativeCase;
  readonly problems: string[] = [];
  answered = 0;
  #open = 0;
  #pings = 0;
  #acknowledged = 0;
  #connectionCredit = 65_535;
  #streamCredit = 65_535;
  #isSettled = false;

  constructor(peer: H2Peer, name: NegativeCase) {
    this.#peer = peer;
    this.#name = name;
    const limits = name === 'max_streams' ? ([[maxConcurrentStreams, 1]] as const) : [];
    peer.send(settings([initialWindowSize, 2 ** 24], ...limits), windowUpdate(0, 2 ** 28));
    this.#watch('SETTINGS', (frame) => this.#onSettings(frame));
    this.#watch('PING', (frame) => {
      if (frame.isAck) this.#acknowledged++;
      else peer.send(toFrame('PING', flag.ack, 0, frame.payload));
    });
    this.#watch('HEADERS', (frame) => void this.#serve(frame.streamId).catch(() => {}));
  }

  /** Pings that the client has not answered. */
  get unanswered(): number {
    return this.#pings - this.#acknowledged;
  }

  destroy(): void {
    this.#peer.socket.destroy();
  }

  /** Hands over each frame of that type as it comes, until the connection ends. */
  #watch(type: 'SETTINGS' | 'PING' | 'HEADERS', take: (frame: ReceivedFrame) => void): void {
    this.#peer.expect(type).then(
      (frame) => {
        take(frame);
        this.#watch(type, take);
      },
      () => {},
    );
  }

  #onSettings(frame: ReceivedFrame): void {
    if (frame.isAck) {
      this.#isSettled = true;
      return;
    }
    for (let at = 0; at < frame.payload.length; at += 6) {
      if (frame.payload.readUInt16BE(at) === initialWindowSize) this.#streamCredit = frame.payload.readUInt32BE(at + 2);
    }
    this.#peer.send(settingsAck());
  }

  async #serve(streamId: number): Promise<void> {
    if (this.#name === 'max_streams' && this.#open > 0) {
      // What was sent before the limit could be known is refused, not held against the client (RFC 9113, section 6.5.3).
      if (this.#isSettled) this.problems.push(`stream ${streamId} was opened beyond MAX_CONCURRENT_STREAMS`);
      this.#peer.send(rstStream(streamId, refusedStream));
      return;
    }
    this.#open++;
    await this.#peer.expect('DATA', streamId, (frame) => frame.endStream);
    this.#ping();
    this.#peer.send(
      headers(streamId, [
        [':status', '200'],
        ['content-type', 'application/grpc'],
      ]),
    );
    this.#ping();
    if (this.#name === 'rst_after_header') return this.#reset(streamId);
    await this.#sendBody(streamId, this.#name === 'rst_during_data' ? response.subarray(0, 100_000) : response);
    this.#ping();
    if (this.#name === 'rst_during_data' || this.#name === 'rst_after_data') return this.#reset(streamId);
    this.#open--;
    this.#peer.send(headers(streamId, [['grpc-status', '0']], flag.endStream));
    this.answered++;
    if (this.#name === 'goaway') this.#peer.send(goAway(streamId, 0));
  }

  #ping(): void {
    if (this.#name !== 'ping') return;
    this.#pings++;
    this.#peer.send(toFrame('PING', 0, 0, Buffer.alloc(8, this.#pings)));
  }

  #reset(streamId: number): void {
    this.#open--;
    this.#peer.send(rstStream(streamId, this.#name === 'rst_during_data' ? unassigned : noError));
  }

  /** Within both windows. One response at a time is under way on a connection. */
  async #sendBody(streamId: number, body: Buffer): Promise<void> {
    let streamCredit = this.#streamCredit;
    for (let at = 0; at < body.length; ) {
      const size = Math.min(16_384, body.length - at, streamCredit, this.#connectionCredit);
      if (size > 0) {
        this.#peer.send(data(streamId, body.subarray(at, at + size)));
        at += size;
        streamCredit -= size;
        this.#connectionCredit -= size;
        continue;
      }
      const update = await this.#peer.expect(
        'WINDOW_UPDATE',
        undefined,
        (frame) => frame.streamId === 0 || frame.streamId === streamId,
      );
      if (update.streamId === 0) this.#connectionCredit += update.payload.readUInt32BE(0);
      else streamCredit += update.payload.readUInt32BE(0);
    }
  }
}

export async function startNegativeServer(name: NegativeCase): Promise<NegativeServer> {
  const connections: NegativeConnection[] = [];
  const { port, next, close } = await H2Peer.listen();
  const acceptNext = (): void => {
    void next().then((peer) => {
      connections.push(new NegativeConnection(peer, name));
      acceptNext();
    });
  };
  acceptNext();
  return {
    port,
    problems: () => {
      const problems = connections.flatMap((connection) => connection.problems);
      const unanswered = connections.reduce((sum, connection) => sum + connection.unanswered, 0);
      if (unanswered > 0) problems.push(`${unanswered} pings were not answered`);
      if (name === 'goaway' && connections.some(({ answered }) => answered > 1)) {
        problems.push('a call came on a connection that had said GOAWAY');
      }
      return problems;
    },
    stop: () => {
      close();
      for (const connection of connections) connection.destroy();
    },
  };
}
