// Kubernetes files as `inject`, `uninject` and `preflight` take them: a file, a folder with all that is below it, or
// standard input.
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { type Flag, type FlagValues, UsageError } from './command-line.ts';

export const FILE_FLAG: Flag = {
  name: 'filename',
  short: 'f',
  value: 'FILE',
  help: 'YAML or JSON: a file, a folder (with all folders in it), or - for standard input',
};

export interface Manifest {
  /** As the user would name it; `-` for standard input. */
  readonly name: string;
  readonly text: string;
}

/** In the order of their names. Throws a `UsageError` where none is named, and an Error of one sentence. */
export async function readManifests(flags: FlagValues, command: string): Promise<readonly Manifest[]> {
  const name = flags.text('filename');
  if (name === undefined || name === '') throw new UsageError(`${command} wants a file: -f FILE`);
  if (name === '-') return [{ name, text: await text(process.stdin) }];
  try {
    const names = (await stat(name)).isDirectory() ? await manifestsBelow(name) : [name];
    if (names.length === 0) throw new Error('no .yaml, .yml or .json file is in it');
    return await Promise.all(names.map(async (one) => ({ name: one, text: await readFile(one, 'utf8') })));
  } catch (error) {
    throw new Error(`${name} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function manifestsBelow(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && /\.(?:ya?ml|json)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** Several files as one stream of YAML documents. */
export function joinManifests(texts: readonly string[]): string {
  return texts
    .map((one, i) => {
      const isLast = i === texts.length - 1;
      return one.endsWith('\n') || isLast ? one : `${one}\n`;
    })
    .join('---\n');
}
