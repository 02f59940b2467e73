// A control plane without a network: it holds what there is of each type, sends it to a client that asks, and sends it
// again when a test changes it. Everything happens in the test's own turn, so that hundreds of orders are quick.
import type {
  AnyMessage,
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '../../xds/protos.ts';
import type { StreamEvents, Transport, TransportStream } from '../../xds/transport.ts';
import { typeUrls } from './messages.ts';

export type Snapshot = Readonly<Record<keyof typeof typeUrls, Readonly<Record<string, AnyMessage>>>>;

const typesByUrl: ReadonlyMap<string, keyof typeof typeUrls> = new Map(
  Object.entries(typeUrls).map(([type, url]) => [url, type as keyof typeof typeUrls]),
);

export class SnapshotTransport implements Transport {
  readonly target = 'snapshot';
  #snapshot: Snapshot;
  #events: StreamEvents<DiscoveryResponse> | null = null;
  #deltaEvents: StreamEvents<DeltaDiscoveryResponse> | null = null;
  /** What a delta client was sent, by type URL and name. */
  readonly #sent = new Map<string, Map<string, AnyMessage>>();
  readonly #wanted = new Map<string, readonly string[]>();
  #version = 0;
  readonly requests: DiscoveryRequest[] = [];

  readonly #isByName: boolean;

  /** `isByName`: listeners and clusters are asked for by name too. */
  constructor(snapshot: Snapshot, isByName = false) {
    this.#snapshot = snapshot;
    this.#isByName = isByName;
  }

  openSotw(events: StreamEvents<DiscoveryResponse>): TransportStream<DiscoveryRequest> {
    this.#events = events;
    queueMicrotask(() => events.onOpen());
    return {
      send: (request) => {
        this.requests.push(request);
        const { type_url: typeUrl = '', resource_names: names = [], response_nonce: nonce } = request;
        const before = this.#wanted.get(typeUrl);
        this.#wanted.set(typeUrl, names);
        const hasNewName = names.some((name) => !before?.includes(name));
        if (nonce === '' || hasNewName) queueMicrotask(() => this.#push(typeUrl));
      },
      close: () => {
        this.#events = null;
      },
    };
  }

  openDelta(events: StreamEvents<DeltaDiscoveryResponse>): TransportStream<DeltaDiscoveryRequest> {
    this.#deltaEvents = events;
    queueMicrotask(() => events.onOpen());
    return {
      send: (request) => {
        const { type_url: typeUrl = '', response_nonce: nonce = '' } = request;
        if (nonce !== '') return;
        const added = request.resource_names_subscribe ?? [];
        const dropped = new Set(request.resource_names_unsubscribe);
        const names = (this.#wanted.get(typeUrl) ?? []).filter((name) => !dropped.has(name));
        this.#wanted.set(typeUrl, [...names, ...added]);
        for (const name of [...added, ...dropped]) this.#sent.get(typeUrl)?.delete(name);
        queueMicrotask(() => this.#push(typeUrl));
      },
      close: () => {
        this.#deltaEvents = null;
      },
    };
  }

  /** What there is of a type from now on; a client that asked for it is told. */
  set(type: keyof typeof typeUrls, resources: Readonly<Record<string, AnyMessage>>): void {
    this.#snapshot = { ...this.#snapshot, [type]: resources };
    this.#push(typeUrls[type]);
  }

  #push(typeUrl: string): void {
    const names = this.#wanted.get(typeUrl);
    const type = typesByUrl.get(typeUrl);
    if (names === undefined || type === undefined) return;
    const isWildcard = !this.#isByName && (type === 'listener' || type === 'cluster');
    const resources = Object.entries(this.#snapshot[type])
      .filter(([name]) => isWildcard || names.includes(name))
      .map(([, resource]) => resource);
    const version = String(++this.#version);
    this.#events?.onResponse({ type_url: typeUrl, version_info: version, nonce: version, resources });
    if (this.#deltaEvents !== null) this.#pushDelta(typeUrl, this.#snapshot[type], isWildcard, names);
  }

  /** What is gone is said so, as go-control-plane does in delta for all types. */
  #pushDelta(
    typeUrl: string,
    all: Readonly<Record<string, AnyMessage>>,
    isWildcard: boolean,
    names: readonly string[],
  ): void {
    const sent = this.#sent.get(typeUrl) ?? new Map<string, AnyMessage>();
    this.#sent.set(typeUrl, sent);
    const news = Object.entries(all).filter(
      ([name, resource]) => (isWildcard || names.includes(name)) && sent.get(name) !== resource,
    );
    for (const [name, resource] of news) sent.set(name, resource);
    const removed = [...sent.keys()].filter((name) => !(name in all));
    for (const name of removed) sent.delete(name);
    this.#deltaEvents?.onResponse({
      type_url: typeUrl,
      nonce: String(this.#version),
      resources: news.map(([name, resource]) => ({ name, version: '', resource })),
      removed_resources: removed,
    });
  }
}
