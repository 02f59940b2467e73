// The processes of a local mesh: started in order and waited for, watched while they run, ended together.
import type { PlannedPart } from './mesh-parts.ts';
import { Part } from './part.ts';
import { formatPartLine } from './part-output.ts';
import { untilAccepting, untilReady } from './readiness.ts';

/** What is not ready after this long will hardly be. */
const startMs = 30_000;

export class MeshProcesses {
  readonly #print: (line: string) => void;
  readonly #colours: boolean;
  readonly #running: { readonly part: Part; readonly kind: PlannedPart['kind'] }[] = [];
  /** What parts say of themselves while they start, held back as long as all goes well. */
  #held: string[] | null = null;
  #fail: (reason: Error) => void = () => {};

  constructor(print: (line: string) => void, colours: boolean) {
    this.#print = print;
    this.#colours = colours;
  }

  /** Resolves when all can be used; rejects, with one that has ended or never got ready named, and leaves the rest. */
  async start(plan: readonly PlannedPart[]): Promise<void> {
    this.#held = [];
    const stop = new AbortController();
    const waiting = new Set<string>();
    this.#fail = (reason) => stop.abort(reason);
    const timer = setTimeout(() => {
      stop.abort(new Error(`not ready after ${startMs / 1_000} s: ${[...waiting].join(', ')}`));
    }, startMs);
    try {
      const servers = plan.filter(({ kind }) => kind !== 'client');
      for (const planned of servers) {
        waiting.add(planned.name);
        this.#spawn(planned);
      }
      await Promise.all(
        servers.map(async ({ name, readiness }) => {
          if (readiness.kind === 'admin') await untilReady(readiness.address, stop.signal);
          if (readiness.kind === 'port') await untilAccepting(readiness.address, stop.signal);
          waiting.delete(name);
        }),
      );
      for (const planned of plan) if (planned.kind === 'client') this.#spawn(planned);
    } catch (error) {
      for (const line of this.#held) this.#print(line);
      throw stop.signal.aborted ? stop.signal.reason : error;
    } finally {
      clearTimeout(timer);
      this.#held = null;
      this.#fail = () => {};
    }
  }

  list(): { name: string; kind: PlannedPart['kind']; pid: number | null }[] {
    return this.#running.map(({ part, kind }) => ({ name: part.name, kind, pid: part.pid }));
  }

  /** Those that only call end first, so that nothing is called that has gone. */
  async end(): Promise<void> {
    const clients = this.#running.filter(({ kind }) => kind === 'client');
    await Promise.all(clients.map(({ part }) => part.end()));
    await Promise.all(this.#running.map(({ part }) => part.end()));
  }

  #spawn({ name, kind, command, folder, env }: PlannedPart): void {
    const part: Part = new Part({
      name,
      command,
      folder,
      env,
      onLine: (line, from) => {
        const text = formatPartLine(name, line, this.#colours);
        if (this.#held !== null && from === 'stdout') this.#held.push(text);
        else this.#print(text);
      },
      onDeath: (reason) => {
        this.#print(`${name} has ended: ${reason}. It is not started again.`);
        this.#fail(new Error(`${name} has ended: ${reason}`));
        if (kind === 'instance') this.#print(`To start it again yourself: ${command.join(' ')}`);
      },
    });
    this.#running.push({ part, kind });
  }
}
