// A file is saved in each of the ways that editors and Kubernetes do it, on a real folder, and every save is heard of.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, watch, writeFileSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { watchFile } from '../../agent/config/file-watch.ts';

/** A watched file `mesh.yaml` that says "one"; `next` waits for what is heard of it. */
function watched(t: ExecutionContext): { folder: string; path: string; next: () => Promise<string> } {
  const folder = mkdtempSync(join(tmpdir(), 'file-watch-'));
  const path = join(folder, 'mesh.yaml');
  writeFileSync(path, 'one');
  return { folder, path, next: follow(t, folder, path, 'one') };
}

function follow(t: ExecutionContext, folder: string, path: string, text: string): () => Promise<string> {
  const heard: string[] = [];
  let wake: () => void = () => {};
  function hear(what: string): void {
    heard.push(what);
    wake();
  }
  const watch = watchFile({
    path,
    text,
    onChange: hear,
    onProblem: (message) => hear(`problem: ${message}`),
    quietMs: 5,
  });
  t.teardown(() => {
    watch.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return async () => {
    while (heard.length === 0) await new Promise<void>((resolve) => (wake = resolve));
    return heard.shift() ?? '';
  };
}

test('writing in place is heard of', async (t) => {
  const { path, next } = watched(t);
  writeFileSync(path, 'two');
  t.is(await next(), 'two');
  writeFileSync(path, 'three');
  t.is(await next(), 'three');
});

test('renaming a new file over it is heard of, each time', async (t) => {
  const { folder, path, next } = watched(t);
  for (const text of ['two', 'three']) {
    writeFileSync(join(folder, '.mesh.yaml.swp'), text);
    renameSync(join(folder, '.mesh.yaml.swp'), path);
    t.is(await next(), text);
  }
});

test('a file that goes away is a problem, said once, and followed again when it is back', async (t) => {
  const { folder, path, next } = watched(t);
  unlinkSync(path);
  t.regex(await next(), /^problem: .*mesh\.yaml cannot be read: ENOENT/);
  writeFileSync(join(folder, 'mesh.yaml'), 'two');
  t.is(await next(), 'two');
});

test('the swapped link of a mounted ConfigMap is heard of', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'file-watch-'));
  for (const text of ['one', 'two']) writeFileSync(join(folder, text), text);
  symlinkSync('one', join(folder, '..data'));
  symlinkSync('..data', join(folder, 'mesh.yaml'));
  const next = follow(t, folder, join(folder, 'mesh.yaml'), 'one');
  symlinkSync('two', join(folder, '..new'));
  renameSync(join(folder, '..new'), join(folder, '..data'));
  t.is(await next(), 'two');
});

test('what was saved before the watch began, but after it was read, is heard of', async (t) => {
  const { folder, path } = watched(t);
  const next = follow(t, folder, path, 'what it said before');
  t.is(await next(), 'one');
});

test('a save that changes nothing is not heard of', async (t) => {
  const { path, next } = watched(t);
  writeFileSync(path, 'one');
  writeFileSync(path, 'one');
  writeFileSync(path, 'two');
  t.is(await next(), 'two');
});

test('a save is heard last though an earlier one is still being read', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'file-watch-'));
  const path = join(folder, 'mesh.yaml');
  if (spawnSync('mkfifo', [path]).status !== 0) {
    rmSync(folder, { recursive: true });
    t.log('skipped: this machine has no mkfifo');
    t.pass();
    return;
  }
  const next = follow(t, folder, path, 'one');
  // Opens once it is being read.
  const slow = await open(path, 'w');
  writeFileSync(join(folder, 'new'), 'new');
  const saved = new Promise((resolve) => {
    const watcher = watch(folder, resolve);
    t.teardown(() => watcher.close());
  });
  renameSync(join(folder, 'new'), path);
  await saved;
  // Long enough for a second read to overtake the first, if it may.
  for (const began = performance.now(); performance.now() - began < 100; ) await readFile(path);
  await slow.write('old');
  await slow.close();
  t.is(await next(), 'old');
  t.is(await next(), 'new');
});
