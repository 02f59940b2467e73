// Keeps one ADS stream to a server open, whatever happens to it, and says what is wanted on each new one.
//
//   stopped --start--> connecting --onOpen--> open --end that is no failure--> connecting (at once)
//                        ^   |                 |
//                        |   +-----------------+--failure--> waiting (backoff)
//                        +------------------------timer---------+
//
// An end is no failure after a response (gRFC A57), nor after 15 s: a server that has nothing new may stay silent until
// it retires the stream.
// Knows nothing of what resources mean: ControlPlaneClient judges each response, and is told what became of the stream.
import type { ModeChoice } from './ads-mode.ts';
import type { AdsWire, AdsWireEvents, ReceivedUpdate, Wanted } from './ads-wire.ts';
import { backoffMs, nackDelayMs } from './backoff.ts';
import type { Log, SetTimer } from './environment.ts';
import type { ResourceType } from './model/resource.ts';
import type { StreamStatus } from './transport.ts';

export interface AdsStreamOptions {
  /** Opens a stream; called once for each attempt. */
  readonly openWire: (events: AdsWireEvents) => AdsWire;
  readonly mode: ModeChoice;
  readonly handler: AdsStreamHandler;
  readonly server: string;
  readonly log: Log;
  readonly now: () => number;
  readonly random: () => number;
  readonly setTimer: SetTimer;
}

export interface AdsStreamHandler {
  /** What was asked for of this type is on its way on a connected stream. */
  onRequested(type: ResourceType): void;
  /** Applies what is valid and says what is not. */
  onUpdate(update: ReceivedUpdate): Verdict;
  /** The stream is gone, and with it what was asked for. `failure`: it gave no response at all. */
  onBroken(failure: string | null): void;
}

/** `detail`: each problem of a response; `null`: there is none. */
export interface Verdict {
  readonly detail: string | null;
  readonly isPartlyValid: boolean;
  /** The response is one that was rejected before. */
  readonly isRepeated: boolean;
}

type StreamState =
  | { readonly kind: 'stopped' }
  | { readonly kind: 'waiting'; readonly cancel: () => void }
  | {
      readonly kind: 'connecting' | 'open';
      readonly wire: AdsWire;
      /** Of this stream; tells late events of an older one apart. */
      readonly id: number;
    };

const resourceExhausted = 8;
/** A stream that was open for so long was not refused. */
const acceptedMs = 15_000;
/** A stream that ends sooner after its opening gave nothing lasting... */
const shortLifeMs = 1000;
/** ...and after so many of them in a row the next attempt waits, so that no server makes us connect in a tight loop. */
const maxShortLives = 3;

export class AdsStream {
  readonly #options: AdsStreamOptions;
  /** Lives across streams. */
  readonly #wanted = new Map<ResourceType, Wanted>();
  /** Consecutive rejections of the same response, by type; lives across streams. */
  readonly #repeats = new Map<ResourceType, number>();
  /** NACKs that wait; cancelled when the stream breaks. */
  readonly #delayedNacks = new Map<ResourceType, () => void>();

  #state: StreamState = { kind: 'stopped' };
  #streamCount = 0;
  /** Attempts in a row without a response. */
  #attempt = 0;
  #shortLives = 0;
  // Reset with each stream.
  #hasResponse = false;
  #openedAt = 0;

  constructor(options: AdsStreamOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#state.kind === 'stopped') this.#connect();
  }

  /** Ends the stream; nothing is called afterwards. */
  stop(): void {
    const state = this.#state;
    this.#state = { kind: 'stopped' };
    this.#cancelNacks();
    if (state.kind === 'waiting') state.cancel();
    else if (state.kind !== 'stopped') state.wire.close();
  }

  /** What is wanted of a type from now on, on this stream and on later ones. */
  subscribe(type: ResourceType, wanted: Wanted): void {
    this.#wanted.set(type, wanted);
    const state = this.#state;
    if (state.kind !== 'open' && state.kind !== 'connecting') return;
    const isSent = state.wire.subscribe(type, wanted);
    if (isSent && state.kind === 'open') this.#options.handler.onRequested(type);
  }

  #connect(): void {
    const id = ++this.#streamCount;
    this.#hasResponse = false;
    this.#openedAt = this.#options.now();
    const isCurrent = () => (this.#state.kind === 'open' || this.#state.kind === 'connecting') && this.#state.id === id;
    const wire = this.#options.openWire({
      onOpen: () => {
        if (isCurrent() && this.#state.kind === 'connecting') this.#onOpen(wire, id);
      },
      onUpdate: (update) => {
        if (isCurrent()) this.#onUpdate(wire, id, update);
      },
      onEnd: (status) => {
        if (isCurrent()) this.#onEnd(status);
      },
    });
    this.#state = { kind: 'connecting', wire, id };
    for (const [type, wanted] of this.#wanted) wire.subscribe(type, wanted);
  }

  #onOpen(wire: AdsWire, id: number): void {
    this.#state = { kind: 'open', wire, id };
    this.#options.log('info', 'connected to the xDS server', { server: this.#options.server });
    for (const type of this.#wanted.keys()) this.#options.handler.onRequested(type);
  }

  #onUpdate(wire: AdsWire, id: number, update: ReceivedUpdate): void {
    // A response says that the connection is up, whether or not the transport has said so yet.
    if (this.#state.kind === 'connecting') this.#onOpen(wire, id);
    this.#hasResponse = true;
    this.#options.mode.noteResponse();
    this.#attempt = 0;
    // A NACK that still waits would name an old nonce (xds.md case 9).
    this.#cancelNack(update.type);
    const verdict = this.#options.handler.onUpdate(update);
    // The handler may have stopped the client.
    if (this.#state.kind === 'stopped') return;
    if (verdict.detail === null) {
      this.#repeats.delete(update.type);
      wire.acknowledge(update);
      return;
    }
    this.#reject(wire, update, verdict.detail, verdict);
  }

  /** A server that answers a NACK with the same response at once would make a loop without end (xds.md section 0.7). */
  #reject(wire: AdsWire, update: ReceivedUpdate, detail: string, { isRepeated, isPartlyValid }: Verdict): void {
    const { type } = update;
    if (!isRepeated) {
      this.#repeats.set(type, 0);
      wire.reject(update, detail, isPartlyValid);
      return;
    }
    const repeats = this.#repeats.get(type) ?? 0;
    this.#repeats.set(type, repeats + 1);
    const cancel = this.#options.setTimer(
      () => {
        this.#delayedNacks.delete(type);
        wire.reject(update, detail, isPartlyValid);
      },
      nackDelayMs(repeats, this.#options.random()),
    );
    this.#delayedNacks.set(type, cancel);
  }

  #onEnd(status: StreamStatus): void {
    this.#cancelNacks();
    const { code, details } = status;
    const { server, log, now, random, setTimer, handler, mode } = this.#options;
    const refused = mode.present;
    if (!this.#hasResponse && mode.noteEnd(status)) {
      log('info', 'the xDS server does not speak this mode, trying the other one', { server, refused, code, details });
      this.#reconnect();
      return;
    }
    const livedMs = now() - this.#openedAt;
    const isTooLarge = code === resourceExhausted;
    this.#shortLives = livedMs < shortLifeMs ? this.#shortLives + 1 : 0;
    const isGood = this.#hasResponse || (this.#state.kind === 'open' && livedMs >= acceptedMs);
    const failure = isGood ? null : `${server}: ${details === '' ? `status ${code}` : details}`;
    if (isGood && !isTooLarge && this.#shortLives < maxShortLives) {
      log('info', 'the xDS stream was closed by the server, opening a new one', { server, code, details });
      this.#reconnect();
      return;
    }
    const waitMs = backoffMs(this.#attempt, random());
    this.#attempt += 1;
    log(isTooLarge ? 'error' : 'warn', 'the xDS stream failed', { server, code, details, retryInMs: waitMs });
    const cancel = setTimer(() => this.#connect(), waitMs);
    this.#state = { kind: 'waiting', cancel };
    handler.onBroken(failure);
  }

  /** At once; the handler may stop the stream instead. */
  #reconnect(): void {
    this.#state = { kind: 'waiting', cancel: () => {} };
    this.#options.handler.onBroken(null);
    if (this.#state.kind === 'waiting') this.#connect();
  }

  #cancelNack(type: ResourceType): void {
    this.#delayedNacks.get(type)?.();
    this.#delayedNacks.delete(type);
  }

  #cancelNacks(): void {
    for (const type of [...this.#delayedNacks.keys()]) this.#cancelNack(type);
  }
}
