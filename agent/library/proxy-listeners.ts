// The listeners of a proxy of the library: bound when asked, given other certificates while they serve, drained, closed.
import { drainWithin } from '../drain.ts';
import type { ConnectionEnvironment, Stream, StreamHandler } from '../http2/index.ts';
import { defaultListenerLimits } from '../listener/connection-cap.ts';
import { ListenerSet } from '../listener/listener-set.ts';
import type { CallContext } from '../proxy/call-parts.ts';
import { createListenerResource, type ListenOptions, type ListenTls } from './listen-options.ts';

export interface ProxyListenersOptions {
  readonly environment: ConnectionEnvironment;
  readonly context: Omit<CallContext, 'name'>;
  readonly accept: (stream: Stream, context: CallContext) => StreamHandler;
}

interface Binding {
  bound(port: number): void;
  failed(reason: string): void;
}

type TcpOptions = Extract<ListenOptions, { readonly port: number }>;

export class ProxyListeners {
  readonly #set: ListenerSet<CallContext>;
  /** Those who wait for a listener to be bound, by its name. */
  readonly #binding = new Map<string, Binding>();
  /** By bound port. */
  readonly #bound = new Map<number, { readonly name: string; readonly options: TcpOptions }>();
  #count = 0;
  /** It accepts nothing new. */
  #isEnding = false;

  constructor({ environment, context, accept }: ProxyListenersOptions) {
    const { log } = environment;
    this.#set = new ListenerSet<CallContext>({
      environment,
      reusePort: false,
      limits: defaultListenerLimits,
      onRefused: (limit, peer) => log('debug', 'connection refused', { limit, peer }),
      // None is removed or moved but by closing all.
      drainMs: 0,
      createContext: ({ name }) => ({ ...context, name }),
      accept,
      onBound: (name, _host, port) => this.#taken(name)?.bound(port),
      onFailed: (name, reason) => this.#taken(name)?.failed(reason),
      onClosed: () => {},
    });
  }

  /** Answers the bound port; rejects with one sentence. */
  async listen(options: ListenOptions): Promise<number> {
    if (this.#isEnding) throw new Error('the proxy is closed');
    const name = `listener-${++this.#count}`;
    const port = await this.#upsert(name, options);
    if (options.path === undefined) this.#bound.set(port, { name, options });
    return port;
  }

  /** @throws Error where nothing listens there in TLS, or the certificate can't be read: then the old one serves on. */
  setTls(port: number, tls: ListenTls): void {
    const bound = this.#bound.get(port);
    if (bound?.options.tls === undefined) throw new Error(`nothing listens on port ${port} in TLS`);
    const { name, options } = bound;
    let refusal: string | null = null;
    this.#binding.set(name, {
      bound: () => {},
      failed: (reason) => {
        refusal = reason;
      },
    });
    this.#set.upsert(createListenerResource(name, { ...options, tls }));
    this.#binding.delete(name);
    if (refusal !== null) throw new Error(refusal);
  }

  /** Answers the number of calls that were cut at the end of the grace. */
  drain(graceMs: number): Promise<number> {
    this.#end();
    return this.#set.drain(drainWithin(graceMs));
  }

  close(): void {
    this.#end();
    this.#set.close();
  }

  #end(): void {
    this.#isEnding = true;
    // A socket that is closed before it was bound says nothing any more.
    for (const { failed } of this.#binding.values()) failed('the proxy is closed');
    this.#binding.clear();
  }

  #upsert(name: string, options: ListenOptions): Promise<number> {
    const resource = createListenerResource(name, options);
    return new Promise((resolve, reject) => {
      this.#binding.set(name, { bound: resolve, failed: (reason) => reject(new Error(reason)) });
      this.#set.upsert(resource);
    });
  }

  #taken(name: string): Binding | undefined {
    const waiting = this.#binding.get(name);
    this.#binding.delete(name);
    return waiting;
  }
}
