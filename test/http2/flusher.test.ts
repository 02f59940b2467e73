// When what was written is handed to the sockets: at the end of a chunk that came alone, and at the end of the turn where
// chunks come in company.
import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import { Flusher } from '../../agent/http2/flusher.ts';

/** Something that is written to by every chunk, and counts how often it is flushed. */
class Connection {
  flushes = 0;
  isDirty = false;
  readonly flusher: Flusher;

  constructor(flusher: Flusher) {
    this.flusher = flusher;
  }

  flush(): void {
    this.isDirty = false;
    this.flushes++;
  }

  /** A chunk of `bytes` came somewhere, and something was written here for it. */
  takeChunk(bytes: number): void {
    this.flusher.enter();
    if (!this.isDirty) this.flusher.markDirty(this);
    this.isDirty = true;
    this.flusher.leaveChunk(bytes);
  }
}

/** A connection whose flusher has seen several chunks in each turn for a while. */
async function busyConnection(): Promise<Connection> {
  const connection = new Connection(new Flusher());
  for (let turn = 0; turn < 8; turn++) {
    for (let chunk = 0; chunk < 4; chunk++) connection.takeChunk(100);
    await nextTurn();
  }
  connection.flushes = 0;
  return connection;
}

test('chunks that come alone are flushed at once, but for two of eighteen', async (t) => {
  const connection = new Connection(new Flusher());
  let atOnce = 0;
  for (let turn = 1; turn <= 180; turn++) {
    connection.takeChunk(100);
    if (connection.flushes === turn) atOnce++;
    await nextTurn();
    t.is(connection.flushes, turn);
  }
  // But for those with which it looks whether others come.
  t.is(atOnce, 160);
});

test('chunks that come in company are flushed once, at the end of their turn', async (t) => {
  const connection = await busyConnection();
  for (let chunk = 0; chunk < 10; chunk++) connection.takeChunk(100);
  t.is(connection.flushes, 0);
  await nextTurn();
  t.is(connection.flushes, 1);
});

test('peers do not wait for the end of a long turn', async (t) => {
  const connection = await busyConnection();
  for (let chunk = 0; chunk < 100; chunk++) connection.takeChunk(100);
  t.is(connection.flushes, 3);
  await nextTurn();
  t.is(connection.flushes, 4);
});

test('a large chunk waits for no others', async (t) => {
  const connection = await busyConnection();
  connection.takeChunk(100);
  t.is(connection.flushes, 0);
  connection.takeChunk(65_536);
  t.is(connection.flushes, 1);
});

test('once chunks come alone again, they are flushed at once', async (t) => {
  const connection = await busyConnection();
  for (let turn = 0; turn < 8; turn++) {
    connection.takeChunk(100);
    await nextTurn();
  }
  connection.flushes = 0;
  connection.takeChunk(100);
  t.is(connection.flushes, 1);
});

test('what is written outside of chunks does not wait for a turn to end', async (t) => {
  const connection = await busyConnection();
  connection.takeChunk(100);
  connection.flusher.enter();
  connection.flusher.leave();
  t.is(connection.flushes, 1);
});

test('time stands still while a chunk is handled and flushed, and goes on behind it', async (t) => {
  let ms = 0;
  const flusher = new Flusher(() => ++ms);
  const times: number[] = [];
  const noteTime = (): void => void times.push(flusher.now());
  noteTime();
  flusher.enter();
  noteTime();
  flusher.enter();
  noteTime();
  flusher.leave();
  flusher.markDirty({ flush: noteTime });
  flusher.leave();
  noteTime();
  flusher.markDirty({ flush: noteTime });
  await nextTurn();
  noteTime();
  t.deepEqual(times, [1, 2, 2, 2, 3, 4, 5]);
});

test('parties that answer each other without end leave turns to others', async (t) => {
  const flusher = new Flusher();
  let flushes = 0;
  const restless = {
    flush: (): void => {
      if (++flushes < 15_000) flusher.markDirty(restless);
    },
  };
  flusher.enter();
  flusher.markDirty(restless);
  flusher.leave();
  t.is(flushes, 10_000);
  await nextTurn();
  t.is(flushes, 15_000);
});
