// Recorded hostile inputs: a folder with archives (`*.tar.gz`) of files called SOURCE/SIDE/NAME, where SIDE is `server`
// for what a client once sent and `client` for what a server did. Archives are read in memory, as ustar with GNU or pax
// long names.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { preface } from '../support/h2-peer.ts';
import { withoutPreface } from './play.ts';

export interface CorpusInput {
  readonly name: string;
  readonly bytes: Buffer;
}

const blockBytes = 512;
/** Where a fuzzer cut its stream (h2o). */
const mark = Buffer.from('\n--MARK--\n');

/** `null` where there is no such folder, or no archive in it. */
export function readCorpus(folder: string): readonly CorpusInput[] | null {
  if (!existsSync(folder)) return null;
  const archives = readdirSync(folder).filter((name) => name.endsWith('.tar.gz'));
  const inputs = archives.flatMap((name) => readTar(gunzipSync(readFileSync(join(folder, name)))));
  return inputs.length === 0 ? null : inputs;
}

/** As a client sends it: as it is, and with the preface taken off or put before it. Each in the pieces it was cut into. */
export function asClient({ bytes }: CorpusInput): readonly (readonly Buffer[])[] {
  const bare = withoutPreface(bytes);
  const other = bare.length < bytes.length ? bare : Buffer.concat([preface, bytes]);
  return [cutAtMarks(bytes), cutAtMarks(other)];
}

/** As an endpoint answers a call. */
export function asEndpoint({ bytes }: CorpusInput): readonly Buffer[] {
  return cutAtMarks(withoutPreface(bytes));
}

function cutAtMarks(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = [];
  let from = 0;
  for (let at = bytes.indexOf(mark); at !== -1; at = bytes.indexOf(mark, from)) {
    pieces.push(bytes.subarray(from, at));
    from = at + mark.length;
  }
  pieces.push(bytes.subarray(from));
  return pieces;
}

function readTar(tar: Buffer): CorpusInput[] {
  const inputs: CorpusInput[] = [];
  let longName = '';
  for (let at = 0; at + blockBytes <= tar.length && tar[at] !== 0; ) {
    const header = tar.subarray(at, at + blockBytes);
    const size = Number.parseInt(text(header, 124, 12), 8);
    const bytes = tar.subarray(at + blockBytes, at + blockBytes + size);
    const type = String.fromCharCode(header[156]!);
    if (type === 'L') longName = text(bytes, 0, size);
    else if (type === 'x') longName = /\d+ path=([^\n]*)\n/.exec(bytes.toString('utf8'))?.[1] ?? '';
    else {
      const prefix = text(header, 345, 155);
      const short = prefix === '' ? text(header, 0, 100) : `${prefix}/${text(header, 0, 100)}`;
      if (type === '0' || type === '\0') inputs.push({ name: longName || short, bytes: Buffer.from(bytes) });
      longName = '';
    }
    at += blockBytes * (1 + Math.ceil(size / blockBytes));
  }
  return inputs;
}

function text(bytes: Buffer, at: number, length: number): string {
  const field = bytes.toString('utf8', at, at + length);
  const end = field.indexOf('\0');
  return end === -1 ? field : field.slice(0, end);
}
