// What is kept of a request costs what its bytes cost, whatever frames it came in (http2.md section 1.2, D1).
import test from 'ava';
import { HeaderShapes, type Stream } from '../../agent/http2/index.ts';
import { type Keeper, KeptRequest } from '../../agent/proxy/kept-request.ts';

/** Takes note of what is sent to it. */
function recorder() {
  const pieces: Buffer[] = [];
  const ends: boolean[] = [];
  const stream = {
    sendData: (buf: Buffer, start: number, end: number, endStream: boolean) => {
      pieces.push(Buffer.from(buf.subarray(start, end)));
      ends.push(endStream);
    },
  };
  return { stream: stream as unknown as Stream, pieces, ends };
}

/** Adds up what it is to keep. */
function ledger(): Keeper & { bytes: number; keepsMuch: boolean } {
  return {
    bytes: 0,
    keepsMuch: false,
    keep(bytes: number) {
      this.bytes += bytes;
    },
  };
}

const head = new HeaderShapes().block([[':method', 'POST']]);

test('a request that came byte by byte is kept, and sent, as one piece', (t) => {
  const kept = new KeptRequest(ledger());
  kept.keepHead(head);
  const body = Buffer.from(Array.from({ length: 10_000 }, (_, i) => i % 251));
  for (let i = 0; i < body.length; i++) kept.keepData(body, i, i + 1, true);
  kept.ended = true;
  for (let time = 0; time < 2; time++) {
    const { stream, pieces, ends } = recorder();
    kept.sendBody(stream);
    t.deepEqual(pieces, [body]);
    t.deepEqual(ends, [true]);
  }
});

test('a request under way that outgrows the limit is forgotten, and one that waits for a connection is not', (t) => {
  const part = Buffer.alloc(40_000, 1);
  const underWay = new KeptRequest(ledger());
  underWay.keepHead(head);
  for (let i = 0; i < 2; i++) underWay.keepData(part, 0, part.length, true);
  t.false(underWay.replayable);
  const waiting = new KeptRequest(ledger());
  waiting.keepHead(head);
  for (let i = 0; i < 2; i++) waiting.keepData(part, 0, part.length, false);
  const { stream, pieces, ends } = recorder();
  waiting.sendBody(stream);
  t.is(Buffer.concat(pieces).length, 80_000);
  t.deepEqual(ends, [false]);
});

test('what is kept is told to the connection, given back once, and a replay is done without when that keeps much', (t) => {
  const keeper = ledger();
  const kept = new KeptRequest(keeper);
  const secret = new HeaderShapes().block([
    [':method', 'POST'],
    ['authorization', 'x'.repeat(100)],
  ]);
  kept.keepHead(secret);
  kept.keepHead(secret);
  t.is(keeper.bytes, 100);
  kept.keepData(Buffer.alloc(1000), 0, 1000, true);
  t.is(keeper.bytes, 1100);
  keeper.keepsMuch = true;
  kept.keepData(Buffer.alloc(1000), 0, 1000, true);
  t.false(kept.replayable);
  t.is(keeper.bytes, 100, 'the head may still be asked for');
  kept.forget();
  kept.forget();
  t.is(keeper.bytes, 0);
  const waiting = new KeptRequest(keeper);
  waiting.keepData(Buffer.alloc(1000), 0, 1000, false);
  waiting.keepTrailers(secret);
  t.is(keeper.bytes, 1100, 'without a connection there is nothing to do without');
});
