// The last good configuration on disk (`--cache-dir`): read once at the start, written behind the control plane.
//
//   idle --changed--> waiting --timer--> writing --done--> idle, or waiting where something changed meanwhile
//
// A file that cannot be read, or is not ours, is said once and never fatal; one that cannot be written is tried again
// with the next change.
import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Log, nodeTimer, type SetTimer } from './environment.ts';
import type { Bootstrap } from './model/bootstrap.ts';
import { loadProtos } from './protos.ts';
import { decodeConfig, encodeConfig, ownerOf, type SavedConfig, type SavedResource } from './saved-config.ts';

export interface ConfigCacheOptions {
  /** A folder of this client alone; made where it is missing. */
  readonly folder: string;
  readonly bootstrap: Bootstrap;
  /** What is in use (`XdsClient.held`); `null` while an update is under way, behind which `changed` is called. */
  readonly held: () => readonly SavedResource[] | null;
  readonly log: Log;
  /** Milliseconds since the epoch. Default `Date.now`. */
  readonly now?: () => number;
  readonly setTimer?: SetTimer;
}

const fileName = 'config.xds';
/** Larger than any mesh; a file beyond it is not read into memory. */
const maxFileBytes = 512 * 1024 * 1024;
/** Changes of so long become one write... */
const settleMs = 1000;
/** ...and writing takes this part of the time at the most, however large the mesh and however busy its control plane. */
const restFactor = 20;
const maxRestMs = 60_000;

export class ConfigCache {
  readonly #options: Required<ConfigCacheOptions>;
  readonly #path: string;
  #state: 'idle' | 'waiting' | 'writing' | 'closed' = 'idle';
  #isDirty = false;
  #cancel: () => void = () => {};
  #writing: Promise<void> = Promise.resolve();
  #restMs = settleMs;
  /** As last said, so that it is not said with each write. */
  #lastSaid = '';

  constructor(options: ConfigCacheOptions) {
    this.#options = { now: Date.now, setTimer: nodeTimer, ...options };
    this.#path = join(options.folder, fileName);
  }

  /** What was kept; `null` where there is nothing, or nothing that can be used. Never rejects. */
  async load(): Promise<SavedConfig | null> {
    const { log, bootstrap } = this.#options;
    const file = this.#path;
    try {
      const { size } = await stat(file);
      if (size > maxFileBytes) throw new Error(`it has ${size} bytes`);
      const saved = decodeConfig(loadProtos(), ownerOf(bootstrap), await readFile(file));
      if (!('problem' in saved)) return saved;
      log('warn', 'the configuration on disk is not used', { file, reason: saved.problem });
    } catch (error) {
      if (codeOf(error) === 'ENOENT') log('info', 'there is no configuration on disk yet', { file });
      else log('warn', 'the configuration on disk is not used', { file, reason: messageOf(error) });
    }
    return null;
  }

  /** What is in use has changed, and is whole. It is written soon. */
  changed(): void {
    this.#isDirty = true;
    if (this.#state === 'idle') this.#wait();
  }

  /** Writes what is still to be written. */
  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#cancel();
    await this.#writing;
    if (this.#isDirty) await this.#write();
  }

  #wait(): void {
    this.#state = 'waiting';
    this.#cancel = this.#options.setTimer(() => {
      this.#state = 'writing';
      this.#writing = this.#write().then(() => this.#rest());
    }, this.#restMs);
  }

  #rest(): void {
    if (this.#state !== 'writing') return;
    this.#state = 'idle';
    if (this.#isDirty) this.#wait();
  }

  async #write(): Promise<void> {
    const { bootstrap, held, now, log, folder } = this.#options;
    const file = this.#path;
    const startedAt = now();
    const resources = held();
    this.#isDirty = false;
    if (resources === null) return;
    try {
      const config = { savedAt: startedAt, resources };
      const { bytes, leftOut } = encodeConfig(loadProtos(), ownerOf(bootstrap), config);
      await writeAtomically(folder, file, bytes);
      log('debug', 'the configuration was written to disk', { file, bytes: bytes.length });
      const keys = 'resources that hold private keys are not written to disk';
      if (leftOut > 0) this.#say('info', keys, { file, count: leftOut });
      else this.#lastSaid = '';
    } catch (error) {
      this.#say('warn', 'the configuration could not be written to disk', { file, reason: messageOf(error) });
    }
    this.#restMs = Math.min(maxRestMs, Math.max(settleMs, (now() - startedAt) * restFactor));
  }

  #say(level: 'info' | 'warn', message: string, fields: Readonly<Record<string, unknown>>): void {
    if (message === this.#lastSaid) return;
    this.#lastSaid = message;
    this.#options.log(level, message, fields);
  }
}

/** Whoever reads finds the old content or the new one, whole, whenever the machine stops. */
async function writeAtomically(folder: string, path: string, bytes: Buffer): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = `${path}.new`;
  const file = await open(draft, 'w', 0o600);
  try {
    await file.writeFile(bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  const directory = await open(folder, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : null;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
