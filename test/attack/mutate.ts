// Recorded streams made wrong, as fast-check chooses: frames lost, doubled, swapped, forged, cut, with bytes turned, and
// the whole cut into other chunks.
import fc from 'fast-check';
import { frame, preface } from '../support/h2-peer.ts';

export interface Mutation {
  readonly deed: 'flip' | 'drop' | 'double' | 'swap' | 'restream' | 'reflag' | 'retype' | 'cut' | 'forge' | 'resize';
  /** Which frame, and what is done with it. */
  readonly at: number;
  readonly value: number;
}

const deeds = ['flip', 'drop', 'double', 'swap', 'restream', 'reflag', 'retype', 'cut', 'forge', 'resize'] as const;
const frameHeaderBytes = 9;

/** One of the recordings, made wrong; in pieces. */
export function wrongStream(recordings: readonly Buffer[]): fc.Arbitrary<readonly Buffer[]> {
  const mutation: fc.Arbitrary<Mutation> = fc.record({
    deed: fc.constantFrom(...deeds),
    at: fc.nat(),
    value: fc.nat(),
  });
  return fc
    .record({
      recording: fc.constantFrom(...recordings),
      mutations: fc.array(mutation, { minLength: 1, maxLength: 6 }),
      cuts: fc.array(fc.nat(), { maxLength: 5 }),
    })
    .map(({ recording, mutations, cuts }) => cutAt(mutate(recording, mutations), cuts));
}

function mutate(recording: Buffer, mutations: readonly Mutation[]): Buffer {
  const begins = recording.subarray(0, preface.length).equals(preface) ? preface.length : 0;
  const frames = splitFrames(recording.subarray(begins));
  for (const { deed, at, value } of mutations) {
    const i = at % Math.max(1, frames.length);
    const target = frames[i];
    if (target === undefined) break;
    switch (deed) {
      case 'flip':
        target[value % target.length]! ^= 1 << (value % 8);
        break;
      case 'drop':
        frames.splice(i, 1);
        break;
      case 'double':
        frames.splice(i, 0, Buffer.from(target));
        break;
      case 'swap':
        frames.splice(i, 2, ...frames.slice(i, i + 2).reverse());
        break;
      case 'restream':
        target.writeUInt32BE(value % 16, 5);
        break;
      case 'reflag':
        target[4] = value & 0xff;
        break;
      case 'retype':
        target[3] = value % 12;
        break;
      case 'cut':
        frames[i] = target.subarray(0, Math.max(frameHeaderBytes, value % target.length));
        break;
      case 'forge':
        frames.splice(i, 0, frame(value % 12, value & 0x2d, value % 8, Buffer.alloc(value % 24, value)));
        break;
      case 'resize':
        target.writeUIntBE(value % 20_000, 0, 3);
        break;
    }
  }
  return Buffer.concat([recording.subarray(0, begins), ...frames]);
}

/** Copies of the frames, the last one as far as it goes. */
function splitFrames(bytes: Buffer): Buffer[] {
  const frames: Buffer[] = [];
  for (let at = 0; at + frameHeaderBytes <= bytes.length; ) {
    const end = at + frameHeaderBytes + bytes.readUIntBE(at, 3);
    frames.push(Buffer.from(bytes.subarray(at, end)));
    at = end;
  }
  return frames;
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return places.slice(1).map((end, i) => bytes.subarray(places[i], end));
}
