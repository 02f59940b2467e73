// What a hostile client repeats on one connection, by the classes of http2.md section 1.2. Each is bytes only, so that
// the tests (a round or a few thousand) and `npm run attack` (measured) play the same.
import {
  data,
  encodeFields,
  flag,
  frame,
  headers,
  paddedData,
  ping,
  preface,
  request,
  rstStream,
  settings,
  settingsAck,
  uint32,
  windowUpdate,
} from '../support/h2-peer.ts';

export const HOLD = '/test.Attack/Hold';
export const BULK = '/test.Attack/Bulk';
export const UNARY = '/test.Echo/Unary';

/** How the agent answers: a GOAWAY with that code, resets with that code on a connection that lives, or neither. */
export type FloodEnd = { readonly goAway: number } | { readonly reset: number } | 'alive';

export interface Flood {
  /** Class of http2.md section 1.2. */
  readonly id: string;
  readonly title: string;
  /** Sent once, behind the exchange of SETTINGS. */
  readonly begin?: Buffer;
  /** The bytes of round `i`, counted from 0. */
  readonly round: (i: number) => Buffer;
  /** How many rounds it takes to meet the limit, and more. */
  readonly rounds: number;
  readonly end: FloodEnd;
  /** The limit that counts it, by its name in `Http2Limits`; absent where a rule of the protocol ends it at once. */
  readonly limit?: string;
  /** The attacker reads nothing that comes back. */
  readonly isDeaf?: boolean;
}

const INITIAL_WINDOW = 4;
const HEADER_LIST = 6;
const cancel = 8;
const calm = 11;
const id = (i: number): number => 2 * i + 1;
const held = (i: number, flags: number = flag.endStream): Buffer => headers(id(i), request(HOLD), flags);
const many = (count: number, make: (i: number) => Buffer): Buffer =>
  Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));
const block = (streamId: number, ...parts: readonly Buffer[]): Buffer =>
  frame('HEADERS', flag.endHeaders | flag.endStream, streamId, Buffer.concat(parts));
/** Literal with incremental indexing: it becomes entry 62. */
const indexed = (name: string, value: string): Buffer => {
  const bytes = encodeFields([[name, value]]);
  bytes[0] = 0x40;
  return bytes;
};
const entry62 = (times: number): Buffer => Buffer.alloc(times, 0xbe);

export const floods: readonly Flood[] = [
  {
    id: 'A1',
    title: 'rapid reset: calls begun and cancelled at once',
    round: (i) => Buffer.concat([held(i), rstStream(id(i), cancel)]),
    rounds: 3000,
    end: { goAway: calm },
    limit: 'prematureResetSample',
  },
  {
    id: 'A2 window 0',
    title: 'MadeYouReset by WINDOW_UPDATE of 0',
    round: (i) => Buffer.concat([held(i), windowUpdate(id(i), 0)]),
    rounds: 3000,
    end: { goAway: calm },
    limit: 'ownResetBurst',
  },
  {
    id: 'A2 overflow',
    title: 'MadeYouReset by a window beyond 2^31-1',
    round: (i) => Buffer.concat([held(i), windowUpdate(id(i), 0x7fff_ffff)]),
    rounds: 3000,
    end: { goAway: calm },
    limit: 'ownResetBurst',
  },
  {
    id: 'A2 headers',
    title: 'MadeYouReset by HEADERS behind END_STREAM',
    round: (i) => Buffer.concat([held(i), held(i)]),
    rounds: 1,
    end: { goAway: 5 },
  },
  {
    id: 'A2 data',
    title: 'MadeYouReset by DATA behind END_STREAM',
    round: (i) => Buffer.concat([held(i), data(id(i), 'x')]),
    rounds: 1,
    end: { goAway: 5 },
  },
  {
    id: 'A2 priority',
    title: 'MadeYouReset by PRIORITY of 4 bytes',
    round: (i) => Buffer.concat([held(i), frame('PRIORITY', 0, id(i), uint32(0))]),
    rounds: 1,
    end: { goAway: 6 },
  },
  {
    id: 'A2 itself',
    title: 'MadeYouReset by a stream that depends on itself',
    round: (i) =>
      Buffer.concat([held(i), frame('PRIORITY', 0, id(i), Buffer.concat([uint32(id(i)), Buffer.from([16])]))]),
    rounds: 1,
    end: { goAway: 1 },
  },
  {
    id: 'A4',
    title: 'more streams than are allowed, held open',
    round: (i) => held(i),
    rounds: 1100,
    end: { reset: 7 },
    limit: 'maxConcurrentStreams',
  },
  {
    id: 'A6',
    title: 'refused streams without end',
    begin: many(1024, (i) => held(i)),
    round: (i) => held(1024 + i),
    rounds: 3000,
    end: { goAway: calm },
    limit: 'ownResetBurst',
  },
  {
    id: 'B1',
    title: 'CONTINUATION flood',
    begin: frame('HEADERS', 0, 1, encodeFields(request())),
    round: (i) => frame('CONTINUATION', 0, 1, encodeFields([['x-more', String(i)]])),
    rounds: 1000,
    end: { goAway: calm },
    limit: 'maxContinuations',
  },
  {
    id: 'B2',
    title: 'CONTINUATION flood of empty frames',
    begin: frame('HEADERS', 0, 1, encodeFields(request())),
    round: () => frame('CONTINUATION', 0, 1),
    rounds: 1000,
    end: { goAway: calm },
    limit: 'maxContinuations',
  },
  {
    id: 'B3',
    title: 'HPACK bomb: one large entry, referred to again and again',
    begin: block(1, encodeFields(request()), indexed('x-bomb', 'b'.repeat(3900))),
    round: (i) => block(id(i + 1), encodeFields(request()), entry62(16_000)),
    rounds: 50,
    end: { goAway: calm },
    limit: 'maxHeaderListBytes',
  },
  {
    id: 'B4',
    title: 'HTTP/2 Bomb: thousands of references to a tiny field',
    begin: block(1, encodeFields(request()), indexed('a', '')),
    round: (i) => block(id(i + 1), encodeFields(request()), entry62(5000)),
    rounds: 3000,
    end: { goAway: calm },
    limit: 'maxHeaderListBytes',
  },
  {
    id: 'B4 cookies',
    title: 'HTTP/2 Bomb of cookie crumbs',
    begin: block(1, encodeFields(request()), indexed('cookie', '')),
    round: (i) => block(id(i + 1), encodeFields(request()), entry62(200)),
    rounds: 3000,
    end: { goAway: calm },
    limit: 'ownResetBurst',
  },
  {
    id: 'B5',
    title: 'many host fields beside :authority',
    begin: block(1, encodeFields(request()), indexed('host', 'echo.test')),
    round: (i) => block(id(i + 1), encodeFields(request()), entry62(1400)),
    rounds: 3000,
    end: { goAway: calm },
    limit: 'ownResetBurst',
  },
  {
    id: 'B7',
    title: 'fields without a name',
    round: (i) => headers(id(i), [...request(), ['', '']], flag.endStream),
    rounds: 3000,
    end: { goAway: calm },
    limit: 'ownResetBurst',
  },
  {
    id: 'B8 updates',
    title: 'three changes of the table size before a block',
    round: () => block(1, Buffer.from([0x20, 0x3f, 0x01, 0x20]), encodeFields(request())),
    rounds: 1,
    end: { goAway: 9 },
  },
  {
    id: 'B8 size',
    title: 'a table larger than allowed',
    round: () => block(1, Buffer.from([0x3f, 0xe2, 0x1f]), encodeFields(request())),
    rounds: 1,
    end: { goAway: 9 },
  },
  {
    id: 'B8 thrash',
    title: 'every field new to the table, for ever',
    round: (i) => block(id(i), encodeFields(request()), indexed(`x-${i}`, `v${i}`), indexed('x-same', `v${i}`)),
    rounds: 900,
    end: 'alive',
  },
  {
    id: 'B8 encoder',
    title: "our encoder's table set to 4 GiB and to 0 by turns",
    round: (i) =>
      Buffer.concat([settings([1, i % 2 === 0 ? 0xffff_ffff : 0]), headers(id(i), request(UNARY), flag.endStream)]),
    rounds: 2000,
    end: 'alive',
  },
  {
    id: 'B9 integer',
    title: 'an HPACK integer without end',
    round: () => block(1, Buffer.from([0x7f, ...Array<number>(30).fill(0xff), 0x01])),
    rounds: 1,
    end: { goAway: 9 },
  },
  {
    id: 'B9 EOS',
    title: 'EOS in a Huffman string',
    round: () => block(1, Buffer.from([0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x01, 0x61])),
    rounds: 1,
    end: { goAway: 9 },
  },
  {
    id: 'B9 padding',
    title: 'Huffman padding of zeros',
    round: () => block(1, Buffer.from([0x00, 0x81, 0x18, 0x01, 0x61])),
    rounds: 1,
    end: { goAway: 9 },
  },
  {
    id: 'B12',
    title: 'SETTINGS_MAX_FRAME_SIZE of 0',
    round: () => settings([5, 0]),
    rounds: 1,
    end: { goAway: 1 },
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
    begin: held(0),
    round: () => rstStream(1, cancel),
    rounds: 60_000,
    end: { goAway: calm },
    limit: 'controlFrameBurst',
  },
  {
    id: 'C4',
    title: 'empty DATA without end',
    begin: held(0, 0),
    round: () => data(1, ''),
    rounds: 1000,
    end: { goAway: calm },
    limit: 'maxEmptyFrames',
  },
  {
    id: 'C4 padding',
    title: 'DATA of padding only',
    begin: held(0, 0),
    round: () => paddedData(1, '', 100),
    rounds: 1000,
    end: { goAway: calm },
    limit: 'maxEmptyFrames',
  },
  {
    id: 'C5',
    title: 'PRIORITY flood',
    round: (i) => frame('PRIORITY', 0, id(i), Buffer.alloc(5)),
    rounds: 60_000,
    end: { goAway: calm },
    limit: 'controlFrameBurst',
  },
  {
    id: 'C6',
    title: 'a response drawn byte by byte',
    begin: Buffer.concat([settings([INITIAL_WINDOW, 0]), headers(1, request(BULK), flag.endStream)]),
    round: () => windowUpdate(1, 1),
    rounds: 60_000,
    end: { goAway: calm },
    limit: 'controlFrameBurst',
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
    id: 'C9',
    title: 'INITIAL_WINDOW_SIZE up and down over 1,000 stalled streams',
    begin: Buffer.concat([
      settings([INITIAL_WINDOW, 0]),
      many(1000, (i) => headers(id(i), request(BULK), flag.endStream)),
    ]),
    round: (i) => settings([INITIAL_WINDOW, (i % 2) * (i + 1)]),
    rounds: 20_000,
    end: { goAway: calm },
    limit: 'controlFrameBurst',
  },
  {
    id: 'C12',
    title: 'unknown frames (ALTSVC, ORIGIN and PRIORITY_UPDATE among them)',
    round: (i) => frame([0x0a, 0x0c, 0x10, 0xfa][i % 4]!, 0xff, i % 3, Buffer.alloc(16)),
    rounds: 60_000,
    end: { goAway: calm },
    limit: 'controlFrameBurst',
  },
  {
    id: 'C14',
    title: 'frames behind a fatal error',
    round: () => Buffer.concat([settings([5, 0]), many(1000, (i) => held(i)), ping('too late')]),
    rounds: 1,
    end: { goAway: 1 },
  },
  {
    id: 'D1',
    title: 'messages of one byte a frame, to an endpoint that reads none',
    begin: held(0, 0),
    round: () => data(1, 'x'),
    rounds: 60_000,
    end: 'alive',
  },
  {
    id: 'D2',
    title: 'padding: 255 bytes for each byte that counts',
    begin: headers(1, request(UNARY)),
    round: () => paddedData(1, 'x', 255),
    rounds: 4000,
    end: 'alive',
  },
  {
    id: 'D3',
    title: 'DATA on a stream that was reset, through the whole connection window',
    begin: Buffer.concat([held(0, 0), rstStream(1, cancel)]),
    round: () => data(1, Buffer.alloc(16_384)),
    rounds: 1,
    end: { goAway: 5 },
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
    round: (i) => Buffer.concat([headers(id(i), [...request(HOLD), ['content-length', '3']]), data(id(i), 'four')]),
    rounds: 3000,
    end: { goAway: calm },
    limit: 'ownResetBurst',
  },
  {
    id: 'E1',
    title: 'GOAWAY flood',
    begin: held(0),
    round: () => frame('GOAWAY', 0, 0, Buffer.alloc(8)),
    rounds: 60_000,
    end: { goAway: calm },
    limit: 'controlFrameBurst',
  },
  {
    id: 'A3',
    title: 'SETTINGS_MAX_HEADER_LIST_SIZE of 1: the answer comes all the same',
    begin: settings([HEADER_LIST, 1]),
    round: (i) => headers(id(i), request(UNARY), flag.endStream),
    rounds: 200,
    end: 'alive',
  },
];

/** What opens a connection: preface, SETTINGS, and their acknowledgement ahead of time. */
export const opening: Buffer = Buffer.concat([preface, settings(), settingsAck()]);
