// Balancing in levels: a picker picks an endpoint, or lets one of several pickers do it in turn.
import { RoundRobin } from './round-robin.ts';
import type { Accept, Schedule } from './schedule.ts';
import { WeightedRoundRobin } from './weighted-round-robin.ts';

export type Usable = (endpoint: number) => boolean;

export interface Picker {
  /** An endpoint's index in the flat list, or -1 when none below here is usable. */
  pick(usable: Usable, hash: bigint): number;
}

export interface Weighted<T> {
  readonly member: T;
  readonly weight: number;
}

/** Picks among endpoints (by their index in the flat list) by weight. Weights of 1 or more; at least one endpoint. */
export function pickEndpoint(endpoints: readonly Weighted<number>[], random: () => number): Picker {
  return new EndpointPicker(
    endpoints.map(({ member }) => member),
    scheduleOf(endpoints, random),
  );
}

/** Lets pickers take turns by weight; one that has nothing usable passes its turn on. Members of weight 0 are left out. */
export function takeTurns(pickers: readonly Weighted<Picker>[], random: () => number): Picker {
  const members = pickers.filter(({ weight }) => weight > 0);
  if (members.length === 1) return members[0]!.member;
  return new TurnPicker(
    members.map(({ member }) => member),
    scheduleOf(members, random),
  );
}

function scheduleOf(members: readonly Weighted<unknown>[], random: () => number): Schedule {
  const weights = members.map(({ weight }) => weight);
  const start = random();
  return weights.every((weight) => weight === weights[0])
    ? new RoundRobin(weights.length, start)
    : new WeightedRoundRobin(weights, start);
}

class EndpointPicker implements Picker {
  readonly #indices: Int32Array;
  readonly #schedule: Schedule;
  #usable: Usable = never;
  readonly #accept: Accept = (member) => this.#usable(this.#indices[member]!);

  constructor(indices: readonly number[], schedule: Schedule) {
    this.#indices = Int32Array.from(indices);
    this.#schedule = schedule;
  }

  pick(usable: Usable): number {
    this.#usable = usable;
    const member = this.#schedule.next(this.#accept);
    return member === -1 ? -1 : this.#indices[member]!;
  }
}

class TurnPicker implements Picker {
  readonly #pickers: readonly Picker[];
  readonly #schedule: Schedule;
  #usable: Usable = never;
  #hash = 0n;
  #picked = -1;
  readonly #accept: Accept = (member) => {
    this.#picked = this.#pickers[member]!.pick(this.#usable, this.#hash);
    return this.#picked !== -1;
  };

  constructor(pickers: readonly Picker[], schedule: Schedule) {
    this.#pickers = pickers;
    this.#schedule = schedule;
  }

  pick(usable: Usable, hash: bigint): number {
    this.#usable = usable;
    this.#hash = hash;
    return this.#schedule.next(this.#accept) === -1 ? -1 : this.#picked;
  }
}

function never(): boolean {
  return false;
}
