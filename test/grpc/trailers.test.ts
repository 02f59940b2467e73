import test from 'ava';
import { createStatusMemo, readMessage, readStatus } from '../../agent/grpc/trailers.ts';
import { HeaderShapes } from '../../agent/http2/index.ts';

const shapes = new HeaderShapes();
const memo = createStatusMemo(shapes);
const hole = shapes.edit({ set: [{ name: 'grpc-status' }] });

/** The status of trailers with that text: as a fixed field twice, and as a hole. */
function statusOf(text: string): number[] {
  const block = shapes.block([['grpc-status', text]]);
  return [block, block, block.edit(hole, [Buffer.from(text)])].map((each) => readStatus(each, memo));
}

test('the status is read from its field, whether its shape fixes it or not', (t) => {
  t.deepEqual(statusOf('0'), [0, 0, 0]);
  t.deepEqual(statusOf('14'), [14, 14, 14]);
});

test('trailers without a status have none', (t) => {
  const block = shapes.block([['x-cost', '3']]);
  t.is(readStatus(block, memo), -1);
  t.is(readStatus(block, memo), -1);
});

test('a status that is malformed or that gRPC does not know is UNKNOWN', (t) => {
  for (const text of ['', 'OK', '17', '-1', '0x0', '1e1', '999999999999']) t.deepEqual(statusOf(text), [2, 2, 2], text);
});

test('the message is read as text', (t) => {
  const trailers = shapes.block([
    ['grpc-status', '5'],
    ['grpc-message', 'no %22caf%C3%A9%22'],
  ]);
  t.is(readMessage(trailers), 'no "café"');
  t.is(readMessage(shapes.block([['grpc-status', '5']])), '');
});
