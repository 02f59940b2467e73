// What is remembered of streams that have closed: enough to tell a frame that was on its way from one that breaks the
// rules, in fixed memory.
import type { ClosedBy } from './stream-state.ts';

const remembered = 256;
const causes: readonly ClosedBy[] = ['end', 'own-reset', 'peer-reset', 'unknown'];

export class ClosedStreams {
  /** `4 * id + index of the cause`, the oldest overwritten first; `null` until a stream has closed. */
  #ring: Float64Array | null = null;
  #next = 0;

  add(streamId: number, closedBy: ClosedBy): void {
    const cause = closedBy === 'end' ? 0 : closedBy === 'own-reset' ? 1 : 2;
    this.#ring ??= new Float64Array(remembered);
    this.#ring[this.#next] = 4 * streamId + cause;
    this.#next = (this.#next + 1) % remembered;
  }

  /** How that stream closed; a search, for the rare frame that comes late. */
  closedBy(streamId: number): ClosedBy {
    const ring = this.#ring;
    if (ring === null) return 'unknown';
    for (let i = 1; i <= remembered; i++) {
      const entry = ring[(this.#next - i + remembered) % remembered]!;
      if (Math.floor(entry / 4) === streamId && entry !== 0) return causes[entry % 4]!;
    }
    return 'unknown';
  }
}
