// Calls that servers of the caller's have handed over (`registerOn`), as a drain counts them.

export class HandledCalls {
  #underWay = 0;
  #onNone: () => void = () => {};

  began(): void {
    this.#underWay++;
  }

  ended(): void {
    this.#underWay--;
    if (this.#underWay === 0) this.#onNone();
  }

  /** Resolves when none is under way, or after `graceMs`; answers how many then are. */
  async drain(graceMs: number): Promise<number> {
    if (this.#underWay === 0) return 0;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#onNone = resolve;
      timer = setTimeout(resolve, graceMs);
    });
    clearTimeout(timer);
    return this.#underWay;
  }
}
