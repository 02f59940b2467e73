// Calls without a pause, each counted by who answered it and each failure kept.
import { EchoClient } from '../support/echo-service.ts';

export interface Load {
  /** Calls answered so far, by the endpoint that answered. */
  readonly answered: ReadonlyMap<string, number>;
  readonly failures: readonly string[];
  /** Resolves when `count` more calls have been answered, by that endpoint or by any. Rejects after 30 s. */
  more(count: number, endpoint?: string): Promise<void>;
  /** Ends it; throws where a call failed. */
  stop(): Promise<number>;
}

const PATIENCE_MS = 30_000;

export function startLoad(port: number, authority: string, callers = 8): Load {
  const client = new EchoClient(port, authority);
  const answered = new Map<string, number>();
  const failures: string[] = [];
  const waiting = new Set<() => void>();
  let running = true;
  const count = (endpoint?: string): number =>
    endpoint === undefined ? [...answered.values()].reduce((sum, n) => sum + n, 0) : (answered.get(endpoint) ?? 0);
  const caller = async (): Promise<void> => {
    while (running) {
      try {
        const { headers } = await client.unary(Buffer.from('x'));
        const endpoint = String(headers.get('x-endpoint')[0]);
        answered.set(endpoint, count(endpoint) + 1);
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
      for (const look of waiting) look();
    }
  };
  const done = Promise.all(Array.from({ length: callers }, caller));
  return {
    answered,
    failures,
    more: (wanted, endpoint) => {
      const goal = count(endpoint) + wanted;
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const look = (): void => {
        if (count(endpoint) >= goal) resolve();
      };
      waiting.add(look);
      const timer = setTimeout(() => {
        const seen = JSON.stringify(Object.fromEntries(answered));
        reject(new Error(`waited ${PATIENCE_MS} ms for ${endpoint ?? 'any endpoint'}; ${seen}; ${failures.at(-1)}`));
      }, PATIENCE_MS);
      return promise.finally(() => {
        clearTimeout(timer);
        waiting.delete(look);
      });
    },
    stop: async () => {
      running = false;
      await done;
      client.close();
      const total = count() + failures.length;
      if (failures.length > 0) throw new Error(`${failures.length} of ${total} calls failed: ${failures[0]}`);
      return total;
    },
  };
}

/** Resolves when 500 calls in a row went elsewhere. Rejects after 30 s. */
export async function silence(load: Load, endpoint: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const before = load.answered.get(endpoint);
    await load.more(500);
    if (load.answered.get(endpoint) === before) return;
    if (Date.now() > deadline) throw new Error(`${endpoint} is called still after ${PATIENCE_MS} ms`);
  }
}
