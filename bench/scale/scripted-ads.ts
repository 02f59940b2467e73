// A control plane that has encoded everything beforehand, so that what is measured is the agent: it answers each
// subscription at once, in delta or in the state of the world, and tells when each type was acknowledged.
import { Server, ServerCredentials, type ServerDuplexStream } from '@grpc/grpc-js';
import {
  type AnyMessage,
  type DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  type DiscoveryRequest,
  type DiscoveryResponse,
  loadProtos,
} from '../../xds/protos.ts';

export type XdsMode = 'delta' | 'sotw';

/** By type URL, then by name. */
export type Resources = ReadonlyMap<string, ReadonlyMap<string, AnyMessage>>;

export interface ScriptedAds {
  readonly port: number;
  /** From now on there are these; a connected agent is sent what `changed` names, or in SotW all of the types it names. */
  push(resources: Resources, changed: ReadonlyMap<string, readonly string[]>): void;
  /** Resolves when everything sent so far has been acknowledged; rejects when something is refused. */
  acknowledged(): Promise<void>;
  stop(): void;
}

interface Stream {
  send(type: string, names: readonly string[]): void;
  /** By type; delta: what it has asked for, by name or by `*`. */
  readonly wanted: Map<string, Set<string>>;
}

/** Types that a client gets whole, named or not. */
const wildcards = /\.(?:Cluster|Listener)$/;

export async function startScriptedAds(): Promise<ScriptedAds> {
  const protos = loadProtos();
  let resources: Resources = new Map();
  let stream: Stream | null = null;
  let nonce = 0;
  const unanswered = new Set<string>();
  let waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];

  const settle = (refusal: string | null): void => {
    if (refusal === null && unanswered.size > 0) return;
    for (const { resolve, reject } of waiting) refusal === null ? resolve() : reject(new Error(refusal));
    waiting = [];
  };
  const onAnswer = (responseNonce: string | undefined, detail: string | null): void => {
    unanswered.delete(responseNonce ?? '');
    settle(detail);
  };
  const nextNonce = (): string => {
    unanswered.add(String(++nonce));
    return String(nonce);
  };
  const ofType = (type: string): ReadonlyMap<string, AnyMessage> => resources.get(type) ?? new Map();

  const onDelta = (call: ServerDuplexStream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>): void => {
    const wanted = new Map<string, Set<string>>();
    const send = (type: string, names: readonly string[]): void => {
      const sent = names.flatMap((name) => {
        const resource = ofType(type).get(name);
        return resource === undefined ? [] : [{ name, version: String(nonce + 1), resource }];
      });
      if (sent.length > 0) call.write({ type_url: type, nonce: nextNonce(), resources: sent });
    };
    stream = { send, wanted };
    call.on('data', (request: DeltaDiscoveryRequest) => {
      const type = request.type_url ?? '';
      if (request.response_nonce) onAnswer(request.response_nonce, request.error_detail?.message ?? null);
      const isFirst = !wanted.has(type);
      const names = request.resource_names_subscribe ?? [];
      const kept = wanted.get(type) ?? new Set<string>();
      for (const name of names) kept.add(name);
      wanted.set(type, kept);
      if (isFirst && wildcards.test(type)) send(type, [...ofType(type).keys()]);
      else if (names.length > 0) send(type, names);
    });
    call.on('error', () => {});
  };
  const onSotw = (call: ServerDuplexStream<DiscoveryRequest, DiscoveryResponse>): void => {
    const wanted = new Map<string, Set<string>>();
    const send = (type: string): void => {
      const names = wildcards.test(type) ? [...ofType(type).keys()] : [...(wanted.get(type) ?? [])];
      const sent = names.flatMap((name) => ofType(type).get(name) ?? []);
      call.write({ type_url: type, version_info: String(nonce + 1), nonce: nextNonce(), resources: sent });
    };
    stream = { send, wanted };
    call.on('data', (request: DiscoveryRequest) => {
      const type = request.type_url ?? '';
      if (request.response_nonce) onAnswer(request.response_nonce, request.error_detail?.message ?? null);
      const names = new Set(request.resource_names);
      const known = wanted.get(type);
      wanted.set(type, names);
      if (known === undefined || [...names].some((name) => !known.has(name))) send(type);
    });
    call.on('error', () => {});
  };

  const server = new Server({ 'grpc.max_send_message_length': -1, 'grpc.max_receive_message_length': -1 });
  server.addService(protos.adsService, { StreamAggregatedResources: onSotw, DeltaAggregatedResources: onDelta });
  const port = await new Promise<number>((resolve, reject) => {
    const bound = (error: Error | null, number: number): void => (error === null ? resolve(number) : reject(error));
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), bound);
  });
  return {
    port,
    push: (next, changed) => {
      resources = next;
      for (const [type, names] of changed) {
        if (stream?.wanted.has(type)) stream.send(type, names);
      }
    },
    acknowledged: () =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        settle(null);
      }),
    stop: () => server.forceShutdown(),
  };
}
