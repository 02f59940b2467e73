import test from 'ava';
import { grpcMessage } from '../../bench/load/payload.ts';

for (const bytes of [100, 1024, 1_048_576]) {
  test(`a message of ${bytes} bytes is one field of sound protobuf behind a gRPC prefix`, (t) => {
    const message = grpcMessage(bytes, 0x61);
    t.is(message.length, bytes + 5);
    t.is(message[0], 0);
    t.is(message.readUInt32BE(1), bytes);
    t.is(message[5], 0x0a);
    let length = 0;
    let at = 6;
    for (let shift = 0; ; shift += 7) {
      const byte = message[at++]!;
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    t.is(at + length, message.length);
    t.is(message[at], 0x61);
  });
}
