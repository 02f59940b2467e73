// Calls at a rate of their own (open loop), on all clients in turn.
import { SoakCall, type SoakClient } from './client.ts';
import type { Ledger } from './ledger.ts';
import { drawPlan, type Plan } from './plan.ts';
import type { Random } from './random.ts';
import { pass, within } from './time.ts';
import { inTurn } from './world.ts';

const tickMs = 5;
/** A client that has as many calls under way makes no more until some have ended. */
const maxInFlight = 2000;
const calibrationInFlight = 64;

export class Load {
  started = 0;
  /** Calls that were due and not made: no connection had room, or too many were under way. */
  skipped = 0;
  inFlight = 0;
  readonly #clients: readonly SoakClient[];
  readonly #ledger: Ledger;
  readonly #random: Random;
  #next = 0;
  #due = 0;
  #lastTickMs = 0;
  #timer: NodeJS.Timeout | null = null;
  #onIdle: (() => void) | null = null;
  /** While the capacity is measured: the end of a call begins the next. */
  #isClosedLoop = false;

  constructor(clients: readonly SoakClient[], ledger: Ledger, random: Random) {
    this.#clients = clients;
    this.#ledger = ledger;
    this.#random = random;
  }

  /** Calls a second that clients, agent and endpoints of this machine carry together, with little to wait for. */
  async capacity(forMs: number): Promise<number> {
    this.#isClosedLoop = true;
    const before = this.started;
    const startedMs = performance.now();
    inTurn(() => {
      for (let i = 0; i < calibrationInFlight; i++) this.#begin();
    });
    await pass(forMs);
    this.#isClosedLoop = false;
    const perSecond = ((this.started - before) / (performance.now() - startedMs)) * 1000;
    await this.idle(30_000);
    return perSecond;
  }

  start(callsPerSecond: number): void {
    this.#lastTickMs = performance.now();
    this.#timer = setInterval(() => inTurn(() => this.#tick(callsPerSecond)), tickMs);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Resolves when no call is under way, or after so long; answers how many still are. */
  async idle(withinMs: number): Promise<number> {
    if (this.inFlight === 0) return 0;
    const idle = new Promise<void>((resolve) => {
      this.#onIdle = resolve;
    });
    await within(idle, withinMs, undefined);
    return this.inFlight;
  }

  #tick(callsPerSecond: number): void {
    const now = performance.now();
    this.#due += ((now - this.#lastTickMs) / 1000) * callsPerSecond;
    this.#lastTickMs = now;
    while (this.#due >= 1) {
      this.#due--;
      this.#begin();
    }
  }

  #begin(): void {
    const client = this.#clients[this.#next++ % this.#clients.length]!;
    const connection = this.inFlight < maxInFlight ? client.take() : null;
    if (connection === null) {
      this.skipped++;
      return;
    }
    const plan: Plan = drawPlan(this.#random);
    this.inFlight++;
    const id = ++this.started;
    const call = new SoakCall(client, id, plan, (ended) => {
      this.inFlight--;
      this.#ledger.end(ended);
      if (this.#isClosedLoop) this.#begin();
      else if (this.inFlight === 0) this.#onIdle?.();
    });
    call.start(connection, this.#random.next());
  }
}
