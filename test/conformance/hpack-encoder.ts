// What our HPACK encoder writes, decoded by Go's. Each case is a conversation: blocks of several clients, with values that
// repeat and values that never do, encoded for one upstream connection whose peer changes its table size meanwhile.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { HeaderShapes } from '../../agent/http2/index.ts';
import { encodeFields } from '../support/h2-peer.ts';
import { type Judge, PEERS, type Verdict, verdictOf } from './judge.ts';

type FieldList = readonly (readonly [name: string, value: string])[];

const conversations = 24;
const blocksEach = 300;

/** The same numbers for the same seed, each a whole one below its limit. */
function numbersFrom(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

/** A call's request, sometimes with metadata of every sort: new each time, long, empty, binary, secret. */
function requestOf(next: (limit: number) => number): FieldList {
  const fresh = (): string => `${next(2 ** 31).toString(16)}${next(2 ** 31).toString(16)}`;
  const extras: FieldList = [
    ['traceparent', `00-${fresh()}-${fresh()}-01`],
    ['grpc-timeout', `${next(100_000)}m`],
    ['x-tenant', `tenant-${next(4)}`],
    ['x-empty', ''],
    ['x-long', String.fromCharCode(97 + next(26)).repeat(next(3000))],
    ['x-latin', `caf\u00e9 \u00ff${next(8)}`],
    ['authorization', `Bearer ${fresh()}`],
    ['cookie', `a=${next(3)}`],
    ['payload-bin', Buffer.from(fresh()).toString('base64')],
    [`x-name-${next(200)}`, 'value'],
    ['x-many', '1'],
    ['x-many', '2'],
  ];
  return [
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', `/shop.Catalogue/Method${next(12)}`],
    [':authority', `shop-${next(3)}`],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
    ...extras.filter(() => next(3) === 0),
  ];
}

function byName(fields: FieldList): string {
  return JSON.stringify(fields.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
}

function converse(seed: number): void {
  const next = numbersFrom(seed);
  const shapes = new HeaderShapes({ seed });
  const encoder = shapes.createEncoder();
  const clients = Array.from({ length: 3 }, () => shapes.createDecoder());
  const out = Buffer.alloc(65_536);
  const sent: FieldList[] = [];
  let size = 4096;
  let input = '';
  for (let i = 0; i < blocksEach; i++) {
    if (next(40) === 0) {
      size = [0, 64, 300, 4096, 65_536][next(5)]!;
      encoder.setPeerMaxTableBytes(size);
    }
    const fields = requestOf(next);
    const wire = encodeFields(fields);
    const block = clients[next(clients.length)]!.decode(wire, 0, wire.length);
    if (block === null) throw new Error(`block ${i} was not taken as a client wrote it`);
    sent.push(fields);
    input += `${size} ${out.toString('hex', 0, encoder.encode(block, out, 0))}\n`;
  }
  const { status, stdout, stderr } = spawnSync(`${PEERS}hpack`, { input, encoding: 'utf8', maxBuffer: 2 ** 26 });
  if (status !== 0) throw new Error(stderr.trim());
  const lines = stdout.trim().split('\n');
  if (lines.length !== sent.length) throw new Error(`${lines.length} blocks came out of ${sent.length}`);
  sent.forEach((fields, i) => {
    const decoded = (JSON.parse(lines[i]!) as [string, string][]).map(
      ([name, value]) => [fromBase64(name), fromBase64(value)] as const,
    );
    if (byName(decoded) !== byName(fields)) {
      throw new Error(`block ${i} came out as ${byName(decoded)} instead of ${byName(fields)}`);
    }
  });
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('latin1');
}

async function judge(): Promise<readonly Verdict[]> {
  if (!existsSync(`${PEERS}hpack`)) {
    return [{ kind: 'skipped', name: 'all', reason: 'not built (npm run peers, wants Go)' }];
  }
  const verdicts: Verdict[] = [];
  for (let seed = 1; seed <= conversations; seed++) {
    verdicts.push(await verdictOf(`conversation ${seed}`, async () => converse(seed)));
  }
  return verdicts;
}

export const hpackEncoder: Judge = { name: "our HPACK, decoded by Go's", judge };
