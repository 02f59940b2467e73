// A connection within this process: two ends, of which each reads what the other writes, with back-pressure. Unlike
// Node's own pair it copies what is written: a writer may use its memory again once the write has completed, which here
// is when the other end has asked for more.
import { Duplex } from 'node:stream';

export function createInProcessPair(): [Duplex, Duplex] {
  const a = new InProcessEnd();
  const b = new InProcessEnd();
  a.join(b);
  b.join(a);
  return [a, b];
}

type Done = (error?: Error | null) => void;

class InProcessEnd extends Duplex {
  #other: InProcessEnd | null = null;
  /** Of a write of the other end that waits for us to read. */
  #onRead: Done | null = null;

  join(other: InProcessEnd): void {
    this.#other = other;
  }

  override _read(): void {
    const done = this.#onRead;
    this.#onRead = null;
    done?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    const other = this.#other;
    if (other === null || other.destroyed) done(new Error('the other end is closed'));
    else if (other.push(Buffer.from(chunk))) done();
    else other.#onRead = done;
  }

  override _final(done: Done): void {
    this.#other?.push(null);
    done();
  }

  override _destroy(error: Error | null, done: Done): void {
    const other = this.#other;
    this.#other = null;
    // What waits for us to read will wait in vain.
    const waiting = this.#onRead;
    this.#onRead = null;
    waiting?.(new Error('the other end is closed'));
    if (other !== null) process.nextTick(() => other.destroy());
    done(error);
  }
}
