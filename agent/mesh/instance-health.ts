// Which instances of a mesh answer, as the control plane of a cluster would know it: each program's port is tried twice
// a second, and what changes is told. Without this nobody would learn that an endpoint is gone, since callers see the
// agent before it, which is well.
import type { MeshInstance } from '../config/mesh.ts';
import { accepts } from './readiness.ts';

export interface InstanceHealthOptions {
  /** Those to try, asked for each time: the mesh may change. */
  readonly instances: () => readonly MeshInstance[];
  /** Names of those that do not answer, whenever these have become others. */
  readonly onChange: (down: ReadonlySet<string>) => void;
  /** Default 500. */
  readonly intervalMs?: number;
}

export class InstanceHealth {
  readonly #options: InstanceHealthOptions;
  readonly #timer: NodeJS.Timeout;
  #down = '';
  #isTrying = false;

  constructor(options: InstanceHealthOptions) {
    this.#options = options;
    this.#timer = setInterval(() => void this.tryAll(), options.intervalMs ?? 500);
  }

  /** Tries them now; nothing while a round is still under way. */
  async tryAll(): Promise<void> {
    if (this.#isTrying) return;
    this.#isTrying = true;
    const answers = await Promise.all(
      this.#options.instances().map(async ({ name, app }) => ((await accepts(app)) ? [] : [name])),
    );
    this.#isTrying = false;
    const down = answers.flat();
    if (down.join() === this.#down) return;
    this.#down = down.join();
    this.#options.onChange(new Set(down));
  }

  close(): void {
    clearInterval(this.#timer);
  }
}
