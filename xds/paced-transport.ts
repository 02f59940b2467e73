// A transport whose large responses are decoded a bit at a time before they are handed on, so that ten thousand clusters
// do not keep the thread from its admin port, its timers and its other streams. Responses stay in order, and so does the
// end of the stream; while one is being decoded no further one is read.
import type { AnyMessage, DeltaDiscoveryResponse, DiscoveryResponse } from './protos.ts';
import type { StreamEvents, StreamStatus, Transport, TransportStream } from './transport.ts';

/** Of protobuf, about five milliseconds' work. A response that is no larger is handed on at once. */
const sliceBytes = 32 * 1024;

export interface PacedTransportOptions {
  readonly transport: Transport;
  /** Decodes a resource, and keeps the result for whoever is handed the response. */
  readonly decodeAhead: (resource: AnyMessage) => void;
  /** Calls back when other things have had their turn. Default `setImmediate`. */
  readonly yieldTurn?: (callback: () => void) => void;
}

export function createPacedTransport({ transport, decodeAhead, yieldTurn }: PacedTransportOptions): Transport {
  const pace = <Response>(events: StreamEvents<Response>, resourcesOf: (response: Response) => AnyMessage[]) =>
    new PacedEvents(events, resourcesOf, decodeAhead, yieldTurn ?? setImmediate);
  return {
    target: transport.target,
    openSotw: (events) => {
      const paced = pace(events, ({ resources = [] }: DiscoveryResponse) => [...resources]);
      return paced.own(transport.openSotw(paced));
    },
    openDelta: (events) => {
      const paced = pace(events, ({ resources = [] }: DeltaDiscoveryResponse) =>
        resources.flatMap(({ resource }) => resource ?? []),
      );
      return paced.own(transport.openDelta(paced));
    },
  };
}

type Item<Response> =
  | { readonly kind: 'response'; readonly response: Response; readonly resources: readonly AnyMessage[]; next: number }
  | { readonly kind: 'end'; readonly status: StreamStatus };

class PacedEvents<Response> implements StreamEvents<Response> {
  readonly #events: StreamEvents<Response>;
  readonly #resourcesOf: (response: Response) => AnyMessage[];
  readonly #decodeAhead: (resource: AnyMessage) => void;
  readonly #yieldTurn: (callback: () => void) => void;
  /** The first is being decoded. */
  readonly #waiting: Item<Response>[] = [];
  #stream: Pick<TransportStream<unknown>, 'pause' | 'resume'> | null = null;
  #isClosed = false;

  constructor(
    events: StreamEvents<Response>,
    resourcesOf: (response: Response) => AnyMessage[],
    decodeAhead: (resource: AnyMessage) => void,
    yieldTurn: (callback: () => void) => void,
  ) {
    this.#events = events;
    this.#resourcesOf = resourcesOf;
    this.#decodeAhead = decodeAhead;
    this.#yieldTurn = yieldTurn;
  }

  /** What the caller is given in place of that stream. */
  own<Request>(stream: TransportStream<Request>): TransportStream<Request> {
    this.#stream = stream;
    return {
      send: (request) => stream.send(request),
      close: () => {
        this.#isClosed = true;
        this.#waiting.length = 0;
        stream.close();
      },
    };
  }

  onOpen(): void {
    this.#events.onOpen();
  }

  onResponse(response: Response): void {
    const resources = this.#resourcesOf(response);
    const isIdle = this.#waiting.length === 0;
    if (isIdle && resources.reduce((sum, { value }) => sum + value.length, 0) <= sliceBytes) {
      this.#events.onResponse(response);
      return;
    }
    this.#waiting.push({ kind: 'response', response, resources, next: 0 });
    if (!isIdle) return;
    this.#stream?.pause?.();
    this.#work();
  }

  onEnd(status: StreamStatus): void {
    if (this.#waiting.length === 0) this.#events.onEnd(status);
    else this.#waiting.push({ kind: 'end', status });
  }

  #work(): void {
    const [item] = this.#waiting;
    if (item === undefined) return;
    if (item.kind === 'end') {
      this.#waiting.length = 0;
      this.#events.onEnd(item.status);
      return;
    }
    const { resources } = item;
    for (let bytes = 0; item.next < resources.length && bytes < sliceBytes; item.next++) {
      const resource = resources[item.next]!;
      bytes += resource.value.length;
      this.#decodeAhead(resource);
    }
    if (item.next === resources.length) {
      this.#waiting.shift();
      this.#events.onResponse(item.response);
      if (this.#waiting.length === 0 && !this.#isClosed) this.#stream?.resume?.();
    }
    if (this.#waiting.length > 0) this.#yieldTurn(() => this.#work());
  }
}
