// What a hostile endpoint repeats on one connection, by the classes of http2.md section 1.2. A call of the agent's is
// under way on stream 1; others may come on 3, 5 and so on.
import {
  data,
  encodeFields,
  type Fields,
  flag,
  frame,
  goAway,
  headers,
  paddedData,
  ping,
  rstStream,
  settings,
  windowUpdate,
} from '../support/h2-peer.ts';
import type { Flood } from './flood.ts';

const HEADER_TABLE = 1;
const MAX_FRAME = 5;
const protocolError = 1;
const cancel = 8;
const compressionError = 9;
const calm = 11;
const ok: Fields = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];
const head = headers(1, ok);
const block = (streamId: number, flags: number, ...parts: readonly Buffer[]): Buffer =>
  frame('HEADERS', flag.endHeaders | flags, streamId, Buffer.concat(parts));
/** Literal with incremental indexing: it becomes entry 62. */
const indexed = (name: string, value: string): Buffer => {
  const bytes = encodeFields([[name, value]]);
  bytes[0] = 0x40;
  return bytes;
};
const entry62 = (times: number): Buffer => Buffer.alloc(times, 0xbe);
const malformed = (id: string, title: string, fields: Fields): Flood => ({
  id,
  title,
  round: () => headers(1, fields),
  rounds: 1,
  end: { reset: protocolError },
});

export const endpointFloods: readonly Flood[] = [
  {
    id: 'B1',
    title: 'CONTINUATION flood',
    begin: frame('HEADERS', 0, 1, encodeFields(ok)),
    round: (i) => frame('CONTINUATION', 0, 1, encodeFields([['x-more', String(i)]])),
    rounds: 1000,
    end: { goAway: calm },
    limit: 'maxContinuations',
  },
  {
    id: 'B2',
    title: 'CONTINUATION flood of empty frames',
    begin: frame('HEADERS', 0, 1, encodeFields(ok)),
    round: () => frame('CONTINUATION', 0, 1),
    rounds: 1000,
    end: { goAway: calm },
    limit: 'maxContinuations',
  },
  {
    id: 'B3',
    title: 'HPACK bomb: one large entry, referred to again and again',
    begin: block(1, 0, encodeFields(ok), indexed('x-bomb', 'b'.repeat(3900))),
    round: () => block(1, flag.endStream, entry62(16_000)),
    rounds: 50,
    end: { goAway: calm },
    limit: 'maxHeaderListBytes',
  },
  {
    id: 'B4',
    title: 'HTTP/2 Bomb: thousands of references to a tiny field',
    begin: block(1, 0, encodeFields(ok), indexed('a', '')),
    round: () => block(1, flag.endStream, entry62(5000)),
    rounds: 60_000,
    end: { goAway: calm },
    limit: 'controlFrameBurst',
  },
  {
    id: 'B8 encoder',
    title: "our encoder's table set to 4 GiB and to 0 by turns",
    round: (i) => settings([HEADER_TABLE, i % 2 === 0 ? 0xffff_ffff : 0]),
    rounds: 60_000,
    end: { goAway: calm },
    limit: 'controlFrameBurst',
  },
  {
    id: 'B9',
    title: 'an HPACK integer without end',
    round: () => block(1, 0, Buffer.from([0x7f, ...Array<number>(30).fill(0xff), 0x01])),
    rounds: 1,
    end: { goAway: compressionError },
  },
  {
    id: 'B11',
    title: 'trailers larger than allowed',
    begin: head,
    round: () => block(1, flag.endStream, indexed('x-bomb', 'b'.repeat(3900)), entry62(20)),
    rounds: 1,
    end: { reset: calm },
    limit: 'maxHeaderListBytes',
  },
  {
    id: 'B12',
    title: 'SETTINGS_MAX_FRAME_SIZE of 0 (CVE-2026-33814)',
    round: () => settings([MAX_FRAME, 0]),
    rounds: 1,
    end: { goAway: protocolError },
  },
  {
    id: 'C1',
    title: 'PING flood whose answers nobody reads',
    round: () => ping('12345678'),
    rounds: 60_000,
    end: { goAway: calm },
    limit: 'controlFrameBurst',
    isDeaf: true,
  },
  {
    id: 'C2',
    title: 'SETTINGS flood',
    round: () => settings(),
    rounds: 60_000,
    end: { goAway: calm },
    limit: 'controlFrameBurst',
  },
  {
    id: 'C3',
    title: 'RST_STREAM flood on one stream',
    round: () => rstStream(1, cancel),
    rounds: 60_000,
    end: { goAway: calm },
    limit: 'controlFrameBurst',
  },
  {
    id: 'C4',
    title: 'empty DATA without end',
    begin: head,
    round: () => data(1, ''),
    rounds: 1000,
    end: { goAway: calm },
    limit: 'maxEmptyFrames',
  },
  {
    id: 'C8',
    title: 'SETTINGS of 2400 entries',
    round: () => settings(...Array.from({ length: 2400 }, (): [number, number] => [0x99, 1])),
    rounds: 1,
    end: { goAway: calm },
    limit: 'maxSettingsEntries',
  },
  {
    id: 'C11',
    title: 'ALTSVC, ORIGIN and PRIORITY_UPDATE without end',
    round: (i) => frame([0x0a, 0x0c, 0x10][i % 3]!, 0, i % 2, Buffer.alloc(64, i)),
    rounds: 60_000,
    end: { goAway: calm },
    limit: 'controlFrameBurst',
  },
  {
    id: 'C14',
    title: 'GOAWAY, MAX_CONCURRENT_STREAMS of 0 and a fatal error in one read (CVE-2021-32780)',
    round: () => Buffer.concat([goAway(0, 0), settings([3, 0]), settings([MAX_FRAME, 0]), ping('too late'), head]),
    rounds: 1,
    end: { goAway: protocolError },
  },
  {
    id: 'D1',
    title: 'messages of one byte a frame',
    begin: head,
    round: () => data(1, 'x'),
    rounds: 60_000,
    end: 'alive',
  },
  {
    id: 'D2',
    title: 'padding: 255 bytes for each byte that counts',
    begin: head,
    round: () => paddedData(1, 'x', 255),
    rounds: 1000,
    end: 'alive',
  },
  {
    id: 'D4',
    title: "the connection's window beyond 2^31-1",
    round: () => windowUpdate(0, 0x7fff_ffff),
    rounds: 1,
    end: { goAway: 3 },
  },
  {
    id: 'D6',
    title: 'content-length that lies',
    begin: headers(1, [...ok, ['content-length', '3']]),
    round: () => data(1, 'four'),
    rounds: 1,
    end: { reset: protocolError },
  },
  {
    id: 'D6 bare',
    title: 'content in a response that has none',
    begin: headers(1, [[':status', '204']]),
    round: () => data(1, 'x'),
    rounds: 1,
    end: { reset: protocolError },
  },
  {
    id: 'D7 DATA',
    title: 'DATA before the response',
    round: () => data(1, 'x'),
    rounds: 1,
    end: { reset: protocolError },
  },
  {
    id: 'D7 heads',
    title: 'a second head',
    begin: head,
    round: () => head,
    rounds: 1,
    end: { reset: protocolError },
  },
  {
    id: 'D7 interim',
    title: 'interim responses without end',
    round: () => block(1, 0, encodeFields([[':status', '100']])),
    rounds: 60_000,
    end: { goAway: calm },
    limit: 'controlFrameBurst',
  },
  {
    id: 'D8',
    title: 'DATA without end behind the end of the stream',
    begin: Buffer.concat([head, headers(1, [['grpc-status', '0']], flag.endStream)]),
    round: () => data(1, 'x'),
    rounds: 60_000,
    end: { goAway: calm },
    limit: 'controlFrameBurst',
  },
  {
    id: 'E1',
    title: 'GOAWAY flood',
    round: () => goAway(0x7fff_ffff, 0),
    rounds: 60_000,
    end: { goAway: calm },
    limit: 'controlFrameBurst',
  },
  {
    id: 'E1 rising',
    title: 'GOAWAY whose last stream rises',
    round: (i) => goAway(2 * i + 1, 0),
    rounds: 2,
    end: { goAway: protocolError },
  },
  malformed('F1', 'a line break in a value', [...ok, ['x-split', 'a\r\nb: c']]),
  malformed('F2', 'a field of HTTP/1.1 connections', [...ok, ['connection', 'close']]),
  malformed('F6', 'a response without :status', [['content-type', 'application/grpc']]),
];
