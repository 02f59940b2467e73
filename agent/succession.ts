// How one agent follows another on the same host without a refused connection: this one takes over from the one that
// serves, and lets the next one take over from it.
import { setTimeout } from 'node:timers/promises';
import type { AgentView } from './admin/agent-view.ts';
import type { AgentPorts } from './agent-ports.ts';
import { type DescriptorPassing, loadDescriptorPassing } from './native/descriptor-passing.ts';
import type { Log } from './observe/log.ts';
import { Handover } from './takeover/handover.ts';
import { InheritedSockets } from './takeover/inherited-sockets.ts';
import { Predecessor } from './takeover/predecessor.ts';
import type { Workers } from './workers.ts';

export interface SuccessionOptions {
  /** Of the Unix socket at which the agent that serves waits for the next one. */
  readonly path: string;
  readonly version: string;
  readonly concurrency: number;
  readonly view: AgentView;
  readonly workers: Workers;
  readonly ports: AgentPorts;
  readonly log: Log;
  /** A successor serves: calls in flight end here, and then the agent. Resolves when it listens nowhere any more. */
  readonly leave: () => Promise<void>;
}

/** Less than the predecessor waits. */
const SETTLE_MS = 20_000;

export class Succession {
  readonly #options: SuccessionOptions;
  readonly #passing: DescriptorPassing;
  readonly #handover: Handover;
  #predecessor: Predecessor | null = null;
  #state: 'open' | 'closed' = 'open';

  /** @throws Error with one sentence where sockets can't be passed on. */
  constructor(options: SuccessionOptions) {
    this.#options = options;
    const { workers, ports, leave } = options;
    const passing = loadDescriptorPassing();
    if ('reason' in passing) throw new Error(`--takeover can't pass sockets on: ${passing.reason}`);
    this.#passing = passing;
    this.#handover = new Handover({
      ...options,
      passing,
      lend: async () => [...(await workers.lend()), ...ports.lend(passing)],
      goOn: () => workers.goOn(),
      leave: async () => {
        workers.goOn();
        await leave();
      },
    });
  }

  /** Whether there is an agent to take over from. Rejects with one sentence where it is there and refuses. */
  async findPredecessor(): Promise<boolean> {
    const { path, version, log } = this.#options;
    this.#predecessor = await Predecessor.find(path, version, this.#passing);
    if (this.#predecessor === null) return false;
    const { pid } = this.#predecessor;
    log('info', 'taking over once the first configuration is complete', { pid, version: this.#predecessor.version });
    return true;
  }

  /**
   * Takes the place of the predecessor, as soon as there is a configuration to serve, and opens the agent's own ports.
   * Rejects with one sentence where that one stays; nothing is taken from it then.
   */
  async takeOver(): Promise<void> {
    const { view, concurrency, ports, workers, log } = this.#options;
    const predecessor = this.#predecessor!;
    await view.configured;
    if (this.#state === 'closed') return;
    const sockets = await predecessor.take(concurrency);
    await ports.open(sockets);
    const inherited = await workers.inherit(sockets);
    await this.#settle(inherited);
    sockets.close();
    await predecessor.leave();
    log('info', 'took over', { pid: predecessor.pid, listeners: inherited.length });
    await ports.openCsds();
    await this.awaitSuccessor();
  }

  /** From here on another one may take over. */
  async awaitSuccessor(): Promise<void> {
    if (this.#state === 'open') await this.#handover.listen();
  }

  close(): void {
    this.#state = 'closed';
    this.#predecessor?.close();
    this.#handover.close();
  }

  async #settle(inherited: readonly string[]): Promise<void> {
    const late = new AbortController();
    const failures = await Promise.race([this.#options.view.listenersSettled(), setTimeout(SETTLE_MS, null, late)]);
    late.abort();
    if (failures === null) throw new Error("can't take over: not all listeners could be bound in time");
    for (const name of inherited) {
      const failure = failures.get(name);
      // The predecessor does serve it.
      if (failure !== undefined) throw new Error(`can't take over: listener ${name}: ${failure}`);
    }
  }
}

export const NO_SOCKETS = new InheritedSockets([]);
