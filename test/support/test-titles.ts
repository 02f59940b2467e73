// The titles of the tests in a folder, read from their sources: what the tables of cases are made from.
import { readdirSync, readFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);

export interface TitledTest {
  /** From the root of the project. */
  readonly file: string;
  /** As it is written, so a template stands there with its `${}`. */
  readonly title: string;
}

/** Those that `folder` and the folders in it write out, whatever quotes they stand in. */
export function testsIn(folder: string): TitledTest[] {
  const names = readdirSync(new URL(folder, root), { recursive: true, encoding: 'utf8' });
  const files = names.filter((name) => name.endsWith('.test.ts')).map((name) => `${folder}/${name}`);
  return files.flatMap((file) => titles(readFileSync(new URL(file, root), 'utf8')).map((title) => ({ file, title })));
}

function titles(source: string): string[] {
  const calls = source.matchAll(
    /\btest(?:\.\w+)*\(\s*(?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)"|`((?:[^`\\]|\\.)*)`)/g,
  );
  return [...calls].map(([, single, double, template]) => single ?? double ?? template ?? '');
}
