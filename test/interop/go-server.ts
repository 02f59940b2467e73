// Starts and steers the control plane on go-control-plane (test/interop/go-control-plane), which `npm run peers` builds.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { PEERS } from '../conformance/judge.ts';
import type { JsonSnapshot } from './envoy-json.ts';

const PROGRAM = `${PEERS}controlplane`;

export interface GoServerOptions {
  /** 0 takes any free one. */
  readonly port?: number;
  /** Default `snapshot`. */
  readonly cache?: 'snapshot' | 'linear';
  /** Of the snapshot cache: answer only a request for all that there is. Default `true`. */
  readonly ads?: boolean;
  /** A time to live of endpoints, with heartbeats, in Go's words: `3s`. */
  readonly ttl?: string;
  /** How long each request waits before it is looked at: `300ms`. */
  readonly delay?: string;
  /** It gets the processor when nobody else wants it, as if it ran on another machine. */
  readonly yields?: boolean;
}

export interface GoRequest {
  readonly mode: 'sotw' | 'delta';
  readonly type: string;
  readonly version: string;
  readonly nonce: string;
  /** Empty: no NACK. */
  readonly error: string;
}

export interface GoServer {
  readonly port: number;
  /** What clients have said so far. */
  readonly requests: readonly GoRequest[];
  /** Resolves when the cache holds it; rejects where it does not take it. */
  set(snapshot: JsonSnapshot): Promise<void>;
  /** Reads it, so that `commit` costs the server the least. */
  stage(snapshot: JsonSnapshot): Promise<void>;
  /** The same, of what is different. */
  stageChange(change: Partial<JsonSnapshot> & Pick<JsonSnapshot, 'version'>): Promise<void>;
  /** What was staged counts from now on. */
  commit(): Promise<void>;
  /** The first request, past or to come, that matches. */
  request(matches: (request: GoRequest) => boolean): Promise<GoRequest>;
  stop(): Promise<void>;
}

type Event =
  | { readonly event: 'listening'; readonly port: number }
  | { readonly event: 'set'; readonly version: string }
  | { readonly event: 'refused'; readonly reason: string }
  | { readonly event: 'open'; readonly mode: string }
  | ({ readonly event: 'request' } & GoRequest);

/** Why it can't be asked, or `null` where it can. */
export const goServerMissing: string | null = existsSync(PROGRAM)
  ? null
  : 'the control plane on go-control-plane is not built (npm run peers, wants Go)';

export async function startGoServer(options: GoServerOptions = {}): Promise<GoServer> {
  const { port = 0, cache = 'snapshot', ads = true, ttl = '0s', delay = '0s', yields = false } = options;
  const args = ['-addr', `127.0.0.1:${port}`, '-cache', cache, `-ads=${ads}`, '-ttl', ttl, '-delay', delay];
  const command = yields ? ['nice', '-n', '19', PROGRAM] : [PROGRAM];
  const child = spawn(command[0]!, [...command.slice(1), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const requests: GoRequest[] = [];
  let onRequest: { matches: (request: GoRequest) => boolean; resolve: (request: GoRequest) => void }[] = [];
  const orders: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const { promise: listening, resolve: listens, reject: fails } = Promise.withResolvers<number>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line) as Event;
    if (event.event === 'listening') listens(event.port);
    else if (event.event === 'set') orders.shift()?.resolve();
    else if (event.event === 'refused') orders.shift()?.reject(new Error(event.reason));
    else if (event.event === 'request') {
      requests.push(event);
      onRequest = onRequest.filter(({ matches, resolve }) => {
        if (!matches(event)) return true;
        resolve(event);
        return false;
      });
    }
  });
  const order = (what: object): Promise<void> =>
    new Promise((resolve, reject) => {
      orders.push({ resolve, reject });
      child.stdin.write(`${JSON.stringify(what)}\n`);
    });
  void exited.then(() => fails(new Error('the control plane ended before it was listening')));
  return {
    port: await listening,
    requests,
    set: (snapshot) => order(snapshot),
    stage: (snapshot) => order({ ...snapshot, stage: true }),
    stageChange: (change) => order({ ...change, stage: true, patch: true }),
    commit: () => order({ commit: true }),
    request: (matches) => {
      const past = requests.find(matches);
      if (past !== undefined) return Promise.resolve(past);
      return new Promise((resolve) => {
        onRequest.push({ matches, resolve });
      });
    },
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
}
