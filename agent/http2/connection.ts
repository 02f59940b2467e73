// One connection from its first byte to its last: flushes, is drained, ends. Chunks are read in `connection-reading.ts`, what
// frames mean is in `connection-input.ts` and `connection-control.ts`, what deadlines mean in `connection-deadlines.ts`; the
// socket is opened in `connection-socket.ts` and closed in `connection-ending.ts`.
import type { Duplex } from 'node:stream';
import type {
  Connection,
  ConnectionEnvironment,
  ConnectionHandler,
  ConnectionIdentity,
  ConnectionState,
  ConnectionStats,
  Oversize,
  StreamHandler,
} from './connection-contract.ts';
import { type ControlEvents, ControlFrames } from './connection-control.ts';
import { ConnectionCore } from './connection-core.ts';
import { expireDeadline } from './connection-deadlines.ts';
import { ConnectionDrain } from './connection-drain.ts';
import { ConnectionEnding } from './connection-ending.ts';
import { noIdentity } from './connection-identity.ts';
import { ConnectionInput } from './connection-input.ts';
import { ConnectionKeepalive } from './connection-keepalive.ts';
import { ConnectionOutput } from './connection-output.ts';
import { Pings } from './connection-pings.ts';
import { ConnectionQueues } from './connection-queues.ts';
import { ConnectionReading } from './connection-reading.ts';
import { ConnectionTimer, Deadline } from './connection-timer.ts';
import { type ConnectionEnd, ErrorCode } from './errors.ts';
import { initialWindowBytes } from './flow-window.ts';
import type { Flushable, Flusher } from './flusher.ts';
import { FrameType, preface } from './frame.ts';
import type { HeaderBlock } from './header-contract.ts';
import type { Http2Limits, Role } from './limits.ts';
import type { ReadBuffer } from './read-buffer.ts';
import { encodeSettings } from './settings.ts';
import { StreamImpl } from './stream.ts';

export class Http2Connection implements Connection, Flushable, ControlEvents {
  readonly role: Role;
  peer: string;
  identity: ConnectionIdentity = noIdentity;
  readonly #core: ConnectionCore;
  readonly #input: ConnectionInput;
  readonly #reading: ConnectionReading;
  readonly #output: ConnectionOutput;
  readonly #timer: ConnectionTimer;
  readonly #flusher: Flusher;
  readonly #handler: ConnectionHandler;
  readonly #limits: Http2Limits;
  readonly #socket: Duplex;
  readonly #pings = new Pings();
  readonly #drain: ConnectionDrain;
  readonly #keepalive: ConnectionKeepalive;
  readonly #queues: ConnectionQueues;
  readonly #ending: ConnectionEnding;
  #isDirty = false;
  #isConnected = false;
  #isClosed = false;

  constructor(
    role: Role,
    socket: Duplex,
    peer: string,
    environment: ConnectionEnvironment,
    handler: ConnectionHandler,
  ) {
    this.role = role;
    this.#socket = socket;
    this.peer = peer;
    this.#flusher = environment.flusher;
    this.#handler = handler;
    this.#limits = environment.limits;
    this.#output = new ConnectionOutput(environment.flusher, () => this.#onDrained());
    const onDirty = (): void => this.#markDirty();
    this.#core = new ConnectionCore({ role, environment, handler, face: this, output: this.#output, onDirty });
    this.#input = new ConnectionInput(this.#core, new ControlFrames(this.#core, this));
    this.#timer = new ConnectionTimer(environment.now, (deadline) => this.#onDeadline(deadline));
    this.#queues = new ConnectionQueues(this.#core, this.#timer);
    this.#drain = new ConnectionDrain(this.#core, this.#timer, this.#pings);
    const onRest = (rest: Buffer): void => this.#read(rest, rest.length, null);
    const reading = new ConnectionReading(this.#core, this.#input, socket, this.#timer, onRest);
    this.#reading = reading;
    this.#keepalive = new ConnectionKeepalive(this.#core, this.#timer, this.#pings, () => reading.bytesIn);
    this.#ending = new ConnectionEnding({
      core: this.#core,
      socket,
      timer: this.#timer,
      queues: this.#queues,
      reading,
    });
  }

  // ---- what others see -----------------------------------------------------------------------------------------

  get state(): ConnectionState {
    return this.#core.state;
  }

  get room(): number {
    return this.#core.room;
  }

  get ending(): ConnectionEnd | null {
    return this.#core.ending;
  }

  get activeStreams(): number {
    return this.#core.activeStreams;
  }

  get stats(): ConnectionStats {
    return this.#reading.stats;
  }

  oversizeOf(request: HeaderBlock): Oversize | null {
    return this.#core.oversizeOf(request);
  }

  keep(bytes: number): void {
    this.#core.keptBytes += bytes;
  }

  get keepsMuch(): boolean {
    return this.#core.pinnedBytes > this.#limits.maxQueuedBytes / 2;
  }

  openStream(handler: StreamHandler): StreamImpl {
    if (this.#core.room < 1) throw new Error(`the connection to ${this.peer} has no room for a stream`);
    const stream = new StreamImpl(0, this, this.#core, this.#core.nowMs);
    stream.handler = handler;
    this.#core.addUnsent(stream);
    return stream;
  }

  drain(graceMs: number): void {
    if (this.#core.state === 'connecting') this.destroy(ErrorCode.NO_ERROR, 'not needed any more');
    if (this.#core.state !== 'closed') this.#drain.begin(graceMs);
  }

  ping(onAck: (rttMs: number) => void): void {
    const core = this.#core;
    if (core.state === 'connecting' || core.state === 'closed') return;
    this.#pings.send(core.write, core.environment.now(), onAck);
    this.#markDirty();
  }

  destroy(code: number, reason: string): void {
    if (this.#isConnected) this.#core.fail(code, reason);
    else this.#core.cut({ connected: false, code, by: 'local', reason });
  }

  // ---- what the socket tells -----------------------------------------------------------------------------------

  /** Client: the connect has begun. */
  onConnecting(timeoutMs: number): void {
    this.#timer.arm(Deadline.connect, timeoutMs);
  }

  /** TCP, and TLS where it is used, is up: what either side sends first is sent. */
  onSocketReady(peer: string, identity: ConnectionIdentity): void {
    const core = this.#core;
    if (core.ending !== null) return;
    this.#enter();
    this.peer = peer;
    this.identity = identity;
    this.#isConnected = true;
    core.state = 'open';
    this.#output.attach(this.#socket);
    const { write } = core;
    if (this.role === 'client') write.raw(preface);
    const settings = encodeSettings(this.#limits, this.role);
    write.control(FrameType.SETTINGS, 0, settings, 0, settings.length);
    const more = this.#limits.connectionWindowBytes - initialWindowBytes;
    if (more > 0) write.windowUpdate(0, more);
    this.#timer.disarm(Deadline.connect);
    this.#timer.arm(Deadline.preface, this.#limits.prefaceTimeoutMs);
    this.#timer.arm(Deadline.settingsAck, this.#limits.settingsAckTimeoutMs);
    this.#drain.watchIdleAndAge();
    this.#keepalive.watch();
    this.#markDirty();
    if (this.role === 'client') this.#guarded(() => this.#handler.onConnected?.(this));
    this.#flusher.leave();
  }

  /** @param source who owns the memory of `buf[0, bytes)`; `null`: Node allocated it for this chunk. */
  onChunk(buf: Buffer, bytes: number, source: ReadBuffer | null): void {
    this.#reading.bytesIn += bytes;
    this.#read(buf, bytes, source);
  }

  /** The peer has closed its side, or the connection broke: what was under way is over. */
  onSocketLost(reason: string): void {
    this.#ending.isLost = true;
    this.#enter();
    const lost: ConnectionEnd = { connected: this.#isConnected, code: ErrorCode.NO_ERROR, by: 'peer', reason };
    this.#core.cut(this.#drain.endOfLost(lost));
    this.#markDirty();
    this.#flusher.leave();
  }

  onSocketEnd(): void {
    this.#enter();
    this.#guarded(() => {
      if (!this.#drain.outlivesPeerEnd()) this.onSocketLost('the peer closed the connection');
    });
    this.#flusher.leave();
  }

  onSocketClose(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.onSocketLost('the connection was lost');
    this.#timer.clear();
    this.#pings.clear();
    this.#enter();
    this.#cutStreams();
    this.#guarded(() => this.#handler.onClosed(this, this.#core.ending!));
    this.#flusher.leave();
  }

  // ---- one turn ------------------------------------------------------------------------------------------------

  #read(buf: Buffer, bytes: number, source: ReadBuffer | null): void {
    if (this.#core.ending !== null) return;
    this.#enter();
    this.#flusher.chunk.begin(buf, source);
    try {
      this.#reading.read(buf, bytes);
    } catch (error) {
      this.#crash(error);
    }
    this.#flusher.chunk.end();
    this.#flusher.leaveChunk(bytes);
  }

  flush(): void {
    this.#isDirty = false;
    try {
      if (this.#core.ending === null) this.#flushOpen();
      if (this.#core.ending !== null) this.#flushEnding();
    } catch (error) {
      this.#crash(error);
    }
  }

  #flushOpen(): void {
    const core = this.#core;
    const output = this.#output;
    let isFlushed: boolean;
    do {
      core.scheduler.run(core);
      isFlushed = output.flush();
      if (isFlushed) core.reportAllSent();
    } while (isFlushed && !output.isWriting && !core.scheduler.isIdle && core.sendWindow > 0);
    if (this.#queues.watchSocket(isFlushed)) this.#reading.update();
    this.#queues.judge();
    if (core.hasNewRoom) {
      core.hasNewRoom = false;
      if (core.room > 0) this.#handler.onRoom(this);
    }
    if (core.isOutOfIds) this.#drain.onOutOfIds();
    if (core.state === 'open' && core.isRotationDue) {
      this.drain(0);
      this.#timer.arm(Deadline.resets, this.#limits.rotationWindowMs);
    }
    const { end } = this.#drain;
    if (end === null) return;
    this.#ending.isOrderly = true;
    core.cut(end);
  }

  #flushEnding(): void {
    this.#cutStreams();
    if (!this.#isConnected) this.#ending.isLost = true;
    this.#ending.flush();
  }

  #cutStreams(): void {
    const { code } = this.#core.ending!;
    while (this.#core.activeStreams > 0) this.#guarded(() => this.#core.cutStreams(code));
    this.#queues.forget();
  }

  #onDrained(): void {
    this.#enter();
    this.#markDirty();
    this.#flusher.leave();
  }

  #enter(): void {
    this.#flusher.enter();
    this.#core.nowMs = this.#core.environment.now();
  }

  #markDirty(): void {
    if (this.#isDirty) return;
    this.#isDirty = true;
    this.#flusher.markDirty(this);
  }

  #crash(error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#core.environment.log('error', 'a connection failed by a fault of this program', {
      peer: this.peer,
      error: text,
    });
    this.#core.fail(ErrorCode.INTERNAL_ERROR, 'internal error');
    this.#markDirty();
  }

  #guarded(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#crash(error);
    }
  }

  // ---- control frames ------------------------------------------------------------------------------------------

  onSettings(): void {
    this.#timer.disarm(Deadline.preface);
  }

  onSettingsAck(): void {
    if (this.#input.settingsAcknowledged) return;
    this.#input.settingsAcknowledged = true;
    this.#timer.disarm(Deadline.settingsAck);
    if (this.#limits.headerTableBytes < 4096) this.#input.decoder.setMaxTableBytes(this.#limits.headerTableBytes);
  }

  onPing(): void {
    this.#keepalive.onPeerPing();
  }

  onPingAck(payload: Buffer, start: number): void {
    this.#pings.onAck(payload, start, this.#core.nowMs);
  }

  onGoAway(lastStreamId: number, code: number, debug: string): void {
    this.#drain.onPeerGoAway(lastStreamId, code, debug);
  }

  // ---- deadlines -----------------------------------------------------------------------------------------------

  #onDeadline(deadline: number): void {
    this.#enter();
    this.#guarded(() =>
      expireDeadline(deadline, {
        core: this.#core,
        timer: this.#timer,
        drain: this.#drain,
        keepalive: this.#keepalive,
        queues: this.#queues,
        ending: this.#ending,
      }),
    );
    this.#flusher.leave();
  }
}
