// Follows one text file through the ways editors save it: writing in place, renaming a new file over it, deleting and
// making it again, and the swapped links of a mounted ConfigMap. Watches the folder, since the file itself is replaced.
import { watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname } from 'node:path';

export interface FileWatchOptions {
  readonly path: string;
  /** What the caller has read of it already; `onChange` hears of anything else, and of the same behind a problem. */
  readonly text: string;
  readonly onChange: (text: string) => void;
  /** The file cannot be read, or no longer watched; one sentence. Said once, until it could be read again. */
  readonly onProblem: (message: string) => void;
  /** How long the folder must have been quiet: a save is often several events. Default 50. */
  readonly quietMs?: number;
}

export interface FileWatch {
  close(): void;
}

/** Throws where the folder does not exist or the system has no watches left. */
export function watchFile({ path, text, onChange, onProblem, quietMs = 50 }: FileWatchOptions): FileWatch {
  let current = text;
  let isMissing = false;
  let isClosed = false;
  let timer: NodeJS.Timeout | undefined;
  /** One after the other: the last to end has to be the last to begin. */
  let reads = Promise.resolve();

  async function read(): Promise<void> {
    try {
      const next = await readFile(path, 'utf8');
      // Whoever was told that it is gone is told that it is back, though it says the same.
      const isBack = isMissing;
      isMissing = false;
      if (isClosed || (next === current && !isBack)) return;
      current = next;
      onChange(next);
    } catch (error) {
      if (isClosed || isMissing) return;
      isMissing = true;
      onProblem(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  function readSoon(): void {
    clearTimeout(timer);
    timer = setTimeout(() => {
      reads = reads.then(read);
    }, quietMs);
  }

  const watcher = watch(dirname(path), (_, name) => {
    // Names with two dots are the links that Kubernetes swaps under a mounted file.
    if (name === null || name === basename(path) || name.startsWith('..')) readSoon();
  });
  watcher.on('error', (error) => onProblem(`${path} is no longer watched: ${error.message}`));
  // What was saved between the caller's reading and the watch would otherwise wait for the next save.
  readSoon();

  return {
    close() {
      isClosed = true;
      clearTimeout(timer);
      watcher.close();
    },
  };
}
