// Route configurations and requests drawn at random, from few words, so that requests hit routes and routes hide each
// other. Everything follows from a seed.
import { type Json, routesJson } from './envoy-json.ts';

export interface RandomRequest {
  readonly authority: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

/** 0 to 1, like `Math.random`, but the same for the same seed (a linear congruential generator, modulus 2^32). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    // The low bits of such a generator repeat soon.
    return (state >>> 8) / 2 ** 24;
  };
}

/** A cluster to which no drawn route goes. */
export const MARKER = 'marker';

const words = ['shop', 'Shop', 'cart', 'a', 'ab', 'v1'];
const hosts = ['echo', 'echo.mesh', 'shop.mesh', 'a.shop.mesh', 'ECHO', 'mesh'];
const headerNames = ['x-a', 'x-b', 'x-canary'];
const headerValues = ['1', '12', '-5', 'beta', 'Beta', 'alpha-beta', ''];

export class RandomRoutes {
  readonly #random: () => number;
  readonly #clusters: readonly string[];

  constructor(random: () => number, clusters: readonly string[]) {
    this.#random = random;
    this.#clusters = clusters;
  }

  /** `marker`: an authority of this version alone that goes to the cluster `MARKER`, which shows that it is in use. */
  configuration(name: string, marker: string): Json {
    const domains = new Set<string>([marker]);
    const virtualHosts: Json[] = [
      {
        name: 'marker',
        domains: [marker],
        routes: [{ match: { prefix: '/' }, route: { cluster: MARKER } }],
      },
    ];
    for (let host = 0; host < 6; host++) {
      const own = this.#list(1, 3, () => this.#domain()).filter((domain) => {
        const key = domain.toLowerCase();
        return !domains.has(key) && domains.add(key);
      });
      if (own.length > 0)
        virtualHosts.push({ name: `host-${host}`, domains: own, routes: this.#list(1, 8, () => this.#route()) });
    }
    return { ...routesJson(name, []), virtual_hosts: virtualHosts, ignore_port_in_host_matching: this.#chance(0.5) };
  }

  request(): RandomRequest {
    const headers: Record<string, string> = {};
    for (const name of headerNames) if (this.#chance(0.5)) headers[name] = this.#of(headerValues);
    const authority = this.#of(hosts) + (this.#chance(0.3) ? ':8080' : '');
    return { authority, path: this.#path() + this.#query(), headers };
  }

  #domain(): string {
    const host = this.#of(hosts).toLowerCase();
    const kind = this.#random();
    if (kind < 0.5) return host;
    if (kind < 0.6) return `${host}:8080`;
    if (kind < 0.75) return `*.${host}`;
    if (kind < 0.9) return `${host}.*`;
    return '*';
  }

  #route(): Json {
    return { match: this.#match(), route: { cluster: this.#of(this.#clusters), timeout: '0s' } };
  }

  #match(): Json {
    return {
      ...this.#pathMatch(),
      ...(this.#chance(0.2) ? { case_sensitive: false } : {}),
      ...(this.#chance(0.4) ? { headers: this.#list(1, 2, () => this.#headerMatch()) } : {}),
      ...(this.#chance(0.15) ? { query_parameters: this.#list(1, 2, () => this.#queryMatch()) } : {}),
      ...(this.#chance(0.1) ? { grpc: {} } : {}),
    };
  }

  #pathMatch(): Json {
    const kind = this.#random();
    if (kind < 0.15) return { prefix: '/' };
    if (kind < 0.45) return { prefix: this.#path().slice(0, 1 + Math.floor(this.#random() * 10)) };
    if (kind < 0.7) return { path: this.#path() };
    if (kind < 0.85) return { path_separated_prefix: `/${this.#of(words)}` };
    return { safe_regex: { regex: this.#of(['/shop.*', '/[a-z]+/.*', '/(a|ab)/.*', '.*/v1', '/.{4}/cart']) } };
  }

  #headerMatch(): Json {
    const name = this.#of(headerNames);
    const invert = this.#chance(0.25) ? { invert_match: true } : {};
    const kind = this.#random();
    if (kind < 0.15) return { name, ...invert, present_match: this.#chance(0.5) };
    if (kind < 0.3) return { name, ...invert, range_match: { start: '-5', end: this.#of(['1', '12', '13']) } };
    const missing = this.#chance(0.2) ? { treat_missing_header_as_empty: true } : {};
    return { name, ...invert, ...missing, string_match: this.#stringMatch() };
  }

  #queryMatch(): Json {
    const name = this.#of(['q', 'r']);
    return this.#chance(0.3) ? { name, present_match: true } : { name, string_match: this.#stringMatch() };
  }

  #stringMatch(): Json {
    const value = this.#of(headerValues.filter((text) => text !== ''));
    const kind = this.#of(['exact', 'prefix', 'suffix', 'contains', 'safe_regex']);
    if (kind === 'safe_regex') return { safe_regex: { regex: this.#of(['[0-9]+', '.*beta', '-?[0-9]', '']) || '.*' } };
    return { [kind]: value, ...(this.#chance(0.2) ? { ignore_case: true } : {}) };
  }

  #path(): string {
    return this.#list(1, 3, () => `/${this.#of(words)}`).join('');
  }

  #query(): string {
    if (!this.#chance(0.3)) return '';
    return `?${this.#list(1, 2, () => `${this.#of(['q', 'r'])}=${this.#of(headerValues)}`).join('&')}`;
  }

  #chance(part: number): boolean {
    return this.#random() < part;
  }

  #of<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)] as T;
  }

  #list<T>(least: number, most: number, make: () => T): T[] {
    return Array.from({ length: least + Math.floor(this.#random() * (most - least + 1)) }, make);
  }
}
