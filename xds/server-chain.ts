// The servers of a bootstrap, in order of preference (gRFC A71). The first is asked; the next one only while all before
// it can't be reached and something is wanted that nobody has sent. Whoever is preferred and answers again takes over, and
// those behind it are left.
import { ModeChoice } from './ads-mode.ts';
import { AdsStream, type AdsStreamHandler, type Verdict } from './ads-stream.ts';
import type { AdsWire, AdsWireEvents, ReceivedUpdate, Wanted } from './ads-wire.ts';
import { openDeltaWire } from './delta-wire.ts';
import type { Log, SetTimer } from './environment.ts';
import type { AdsModePolicy, ServerConfig } from './model/bootstrap.ts';
import type { ResourceType } from './model/resource.ts';
import type { NodeMessage, Protos } from './protos.ts';
import { type DataErrorPolicy, dataErrorPolicy } from './server-features.ts';
import { openSotwWire, type SotwWireOptions } from './sotw-wire.ts';
import type { Transport } from './transport.ts';

export interface ServerChainOptions extends Pick<SotwWireOptions, 'wildcard' | 'partialVersion'> {
  /** At least one. */
  readonly servers: readonly ServerConfig[];
  readonly transport: (server: ServerConfig) => Transport;
  /** `null`: what each server's own entry says, else `auto`. */
  readonly mode: AdsModePolicy | null;
  readonly node: NodeMessage;
  readonly protos: Protos;
  readonly log: Log;
  readonly now: () => number;
  readonly random: () => number;
  readonly setTimer: SetTimer;
  readonly handler: ServerChainHandler;
}

export interface ServerChainHandler extends AdsStreamHandler {
  /** Versions of what is in use, by name, where they are the present server's; what is sent to a new stream of it. */
  heldVersions(type: ResourceType): Record<string, string>;
  /** What is in use has no version that the next server or mode would know. */
  forgetVersions(): void;
  /** Whether something is wanted that nobody has sent, which is what makes another server worth asking. */
  lacksData(): boolean;
}

interface Link {
  readonly target: string;
  readonly stream: AdsStream;
  /** The last attempt gave nothing. */
  isDown: boolean;
}

export class ServerChain {
  readonly #options: ServerChainOptions;
  readonly #wanted = new Map<ResourceType, Wanted>();
  /** Those that are in use or tried, most preferred first. */
  readonly #links: Link[] = [];
  /** Whose responses are in use. */
  #present = 0;
  #isStarted = false;

  constructor(options: ServerChainOptions) {
    this.#options = options;
    this.#links.push(this.#createLink(0));
  }

  /** The server whose responses are in use, or that is asked first. */
  get target(): string {
    return (this.#links[this.#present] ?? this.#links[0]!).target;
  }

  /** None can be reached, and there is no other to try. */
  get isExhausted(): boolean {
    return this.#links.length === this.#options.servers.length && this.#links.every(({ isDown }) => isDown);
  }

  /** Of that server. */
  get policy(): DataErrorPolicy {
    return dataErrorPolicy(this.#options.servers[this.#present] ?? this.#options.servers[0]!);
  }

  start(): void {
    this.#isStarted = true;
    for (const { stream } of this.#links) stream.start();
  }

  stop(): void {
    this.#isStarted = false;
    for (const { stream } of this.#links) stream.stop();
  }

  subscribe(type: ResourceType, wanted: Wanted): void {
    this.#wanted.set(type, wanted);
    for (const { stream } of this.#links) stream.subscribe(type, wanted);
    this.#fallBackIfNeeded();
  }

  #createLink(index: number): Link {
    const { servers, transport: createTransport, handler, log, now, random, setTimer } = this.#options;
    const server = servers[index]!;
    const transport = createTransport(server);
    const mode = new ModeChoice(this.#options.mode ?? server.mode ?? 'auto');
    const link: Link = {
      target: transport.target,
      isDown: false,
      stream: new AdsStream({
        openWire: this.#wireOpener(index, transport, mode),
        mode,
        handler: {
          onRequested: (type) => handler.onRequested(type),
          onUpdate: (update) => this.#onUpdate(index, update),
          onBroken: (failure) => this.#onBroken(index, failure),
        },
        server: transport.target,
        log,
        now,
        random,
        setTimer,
      }),
    };
    for (const [type, wanted] of this.#wanted) link.stream.subscribe(type, wanted);
    return link;
  }

  #wireOpener(index: number, transport: Transport, mode: ModeChoice): (events: AdsWireEvents) => AdsWire {
    const { handler, node, protos, log, wildcard, partialVersion } = this.#options;
    const versions = new Map<ResourceType, string>();
    let spoken = mode.present;
    return (events) => {
      // Versions of one mode mean nothing in the other.
      if (spoken !== mode.present) {
        versions.clear();
        if (index === this.#present) handler.forgetVersions();
      }
      spoken = mode.present;
      if (spoken === 'sotw') {
        return openSotwWire({ transport, events, node, protos, log, versions, wildcard, partialVersion });
      }
      // Those of one server mean nothing to another (xds.md case 63).
      const held = (type: ResourceType) => (index === this.#present ? handler.heldVersions(type) : {});
      return openDeltaWire({ transport, events, node, log, held, wildcard });
    };
  }

  #onUpdate(index: number, update: ReceivedUpdate): Verdict {
    this.#links[index]!.isDown = false;
    if (index !== this.#present) {
      this.#options.handler.forgetVersions();
      this.#options.log('info', 'configuration comes from another xDS server now', {
        server: this.#links[index]!.target,
        before: this.target,
      });
      this.#present = index;
    }
    for (const { stream } of this.#links.splice(index + 1)) stream.stop();
    return this.#options.handler.onUpdate(update);
  }

  #onBroken(index: number, failure: string | null): void {
    const link = this.#links[index];
    if (link !== undefined) link.isDown = failure !== null;
    // A server that is only tried has nothing that breaks.
    if (index === this.#present) this.#options.handler.onBroken(failure);
    this.#fallBackIfNeeded();
  }

  #fallBackIfNeeded(): void {
    const { servers, handler, log } = this.#options;
    const next = this.#links.length;
    const isStranded = this.#links.every(({ isDown }) => isDown);
    if (!this.#isStarted || !isStranded || next >= servers.length || !handler.lacksData()) return;
    const link = this.#createLink(next);
    this.#links.push(link);
    log('warn', 'no xDS server before it can be reached, trying the next one', { server: link.target });
    link.stream.start();
  }
}
