// Remembers which routes a path leads to, for calls whose path is a hole of their shape. Bounded: when it is full it
// starts anew, so that paths without end cost what they would without it.
import type { CompiledRoute } from './compiled-route.ts';
import type { CompiledVirtualHost } from './compiled-virtual-host.ts';
import { splitPath } from './request-path.ts';

const MAX_PATHS = 2_048;
/** Longer paths are looked up each time. */
const MAX_PATH_LENGTH = 256;

export class CandidateCache {
  #byHost = new Map<CompiledVirtualHost, Map<string, readonly CompiledRoute[]>>();
  #count = 0;

  /** @param path `:path` as it came. */
  candidates(host: CompiledVirtualHost, path: string): readonly CompiledRoute[] {
    if (path.length > MAX_PATH_LENGTH) return host.candidates(splitPath(path));
    let paths = this.#byHost.get(host);
    const known = paths?.get(path);
    if (known !== undefined) return known;
    if (this.#count === MAX_PATHS) {
      this.#byHost = new Map();
      this.#count = 0;
      paths = undefined;
    }
    if (paths === undefined) {
      paths = new Map();
      this.#byHost.set(host, paths);
    }
    const found = host.candidates(splitPath(path));
    paths.set(path, found);
    this.#count++;
    return found;
  }
}
