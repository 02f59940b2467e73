// Reads the project's own source files and their import lines, for the tests of the architecture.
// It works on lines of text, not on a syntax tree: the formatter keeps imports in a form that lines can be read from.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';

export type Import = {
  /** Counted from 1. */
  readonly line: number;
  readonly specifier: string;
  /** The file meant by a relative specifier, as a path from the project's root. */
  readonly target: string | undefined;
};

export type SourceFile = {
  /** From the project's root, with forward slashes. */
  readonly path: string;
  readonly lines: readonly string[];
  readonly imports: readonly Import[];
};

const root = fileURLToPath(new URL('../../', import.meta.url));
const generated = new Set(['node_modules', 'dist', 'coverage', 'fixtures']);

// `import … from '…'` and `export … from '…'`, or the last line of one that spans several; then `import '…'`;
// then `import('…')`, which is also how a type is named without an import line.
const importForms = [
  /^\s*(?:import|export)\b[^'"]*\bfrom\s+['"]([^'"]+)['"]/,
  /^\s*\}\s*from\s+['"]([^'"]+)['"]/,
  /^\s*import\s+['"]([^'"]+)['"]/,
  /\bimport\(\s*['"]([^'"]+)['"]/,
];

/** All paths below the given folders, folders included (these end in a slash). */
export function listPaths(folders: readonly string[]): string[] {
  const found: string[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      if (generated.has(entry.name) || entry.isSymbolicLink()) continue;
      const path = `${folder}/${entry.name}`;
      found.push(entry.isDirectory() ? `${path}/` : path);
      if (entry.isDirectory()) visit(path);
    }
  };
  for (const folder of folders) if (existsSync(join(root, folder))) visit(folder);
  return found.sort();
}

/** The source files below the given folders; a folder that does not exist yet holds none. */
export function readSourceFiles(folders: readonly string[]): SourceFile[] {
  const paths = listPaths(folders).filter((path) => /\.(?:ts|tsx|js|mjs)$/.test(path));
  return paths.map((path) => parseSourceFile(path, readFileSync(join(root, path), 'utf8')));
}

export function parseSourceFile(path: string, text: string): SourceFile {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const imports = lines.flatMap((line, index) => {
    if (/^\s*(?:\/\/|\/\*|\*)/.test(line)) return [];
    const specifier = importForms.map((form) => form.exec(line)?.[1]).find((match) => match !== undefined);
    if (specifier === undefined) return [];
    const isRelative = specifier.startsWith('.');
    const target = isRelative ? posix.join(posix.dirname(path), specifier) : undefined;
    return [{ line: index + 1, specifier, target }];
  });
  return { path, lines, imports };
}

/** The first import cycle found, as the paths along it, or undefined where there is none. */
export function findCycle(files: readonly SourceFile[]): string[] | undefined {
  const targets = new Map(files.map((file) => [file.path, file.imports.map((line) => line.target)]));
  const finished = new Set<string>();
  const follow = (path: string, trail: readonly string[]): string[] | undefined => {
    const start = trail.indexOf(path);
    if (start !== -1) return [...trail.slice(start), path];
    if (finished.has(path)) return undefined;
    for (const target of targets.get(path) ?? []) {
      const cycle = target === undefined ? undefined : follow(target, [...trail, path]);
      if (cycle !== undefined) return cycle;
    }
    finished.add(path);
    return undefined;
  };
  for (const file of files) {
    const cycle = follow(file.path, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
