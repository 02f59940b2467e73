// Which of the two ways to speak ADS a server is spoken to in. `auto` finds out, and remembers.
import type { AdsMode, AdsModePolicy } from './model/bootstrap.ts';
import type { StreamStatus } from './transport.ts';

const unimplemented = 12;

export class ModeChoice {
  readonly #isAuto: boolean;
  #present: AdsMode;
  /** The other mode was refused just before. */
  #isSecondTry = false;

  constructor(policy: AdsModePolicy) {
    this.#isAuto = policy === 'auto';
    this.#present = policy === 'auto' ? 'delta' : policy;
  }

  /** For the next stream. */
  get present(): AdsMode {
    return this.#present;
  }

  /** A stream gave a response. */
  noteResponse(): void {
    this.#isSecondTry = false;
  }

  /**
   * A stream ended without a response. `true`: the next one is of the other mode, and there is no reason to wait.
   * Where both modes were refused in a row it is of the other mode too, but after the usual wait.
   */
  noteEnd(status: StreamStatus): boolean {
    if (!this.#isAuto || !isNotImplemented(status)) return false;
    this.#present = this.#present === 'delta' ? 'sotw' : 'delta';
    this.#isSecondTry = !this.#isSecondTry;
    return this.#isSecondTry;
  }
}

/** Gloo and Consul say it in words, under another code (xds.md section 0.1). */
function isNotImplemented({ code, details }: StreamStatus): boolean {
  return code === unimplemented || /not implemented/i.test(details);
}
