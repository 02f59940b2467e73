// Connections that have read more than one turn of the event loop lets them handle: one of them goes on in each turn, the
// one that has waited longest, and all others of the data plane are looked at in between. So whoever begins calls by the
// thousand on ten connections delays a neighbour by a turn of one of them, not of all.

/** What goes on in a turn of its own. */
export interface TurnTaker {
  /** Never throws. May wait again. */
  takeTurn(): void;
}

export class TurnQueue {
  /** Taken from the front, which is at `#first`. */
  #waiting: TurnTaker[] = [];
  #first = 0;
  #isDue = false;
  readonly #runNext = (): void => this.#run();

  /** `taker` is not waiting yet. */
  wait(taker: TurnTaker): void {
    this.#waiting.push(taker);
    this.#schedule();
  }

  #run(): void {
    this.#isDue = false;
    const taker = this.#waiting[this.#first++]!;
    if (this.#first === this.#waiting.length) {
      this.#waiting = [];
      this.#first = 0;
    } else {
      if (2 * this.#first > this.#waiting.length) {
        this.#waiting = this.#waiting.slice(this.#first);
        this.#first = 0;
      }
      this.#schedule();
    }
    taker.takeTurn();
  }

  #schedule(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(this.#runNext);
  }
}
