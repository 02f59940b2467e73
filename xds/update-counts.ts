// How many resources each server has sent that were good or bad, and how often it failed (gRFC A78).
import type { ServerCounts } from './client-status.ts';
import type { ResourceType } from './model/resource.ts';

type Updates = { -readonly [Type in ResourceType]: { valid: number; invalid: number } };

export class UpdateCounts {
  readonly #servers = new Map<string, { failures: number; readonly updates: Updates }>();

  updated(
    server: string,
    type: ResourceType,
    { validCount, invalidCount }: { readonly validCount: number; readonly invalidCount: number },
  ): void {
    const counts = this.#of(server).updates[type];
    counts.valid += validCount;
    counts.invalid += invalidCount;
  }

  failed(server: string): void {
    this.#of(server).failures += 1;
  }

  /** That server is among them, also where there is nothing to count yet. */
  byServer(server: string): ReadonlyMap<string, ServerCounts> {
    this.#of(server);
    return this.#servers;
  }

  #of(server: string) {
    let counts = this.#servers.get(server);
    if (counts === undefined) {
      const none = () => ({ valid: 0, invalid: 0 });
      const updates = { listener: none(), route: none(), cluster: none(), endpoints: none(), secret: none() };
      counts = { failures: 0, updates };
      this.#servers.set(server, counts);
    }
    return counts;
  }
}
