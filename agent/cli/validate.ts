// `outrigger validate`: every problem of a file at once.
import { readFile } from 'node:fs/promises';
import { parseBootstrap } from '../../xds/index.ts';
import { parseMeshConfig } from '../config/mesh-config.ts';
import { type Command, UsageError } from './command-line.ts';

export const validateCommand: Command = {
  name: 'validate',
  summary: 'check a mesh.yaml or an xDS bootstrap, and name every problem',
  details: ['Exit code 0 when the file is sound, 1 when it is not.'],
  flags: [{ name: 'config', short: 'c', value: 'FILE', help: 'the file' }],
  run: async (flags) => {
    const file = flags.text('config');
    if (file === undefined) throw new UsageError('validate wants a file: -c FILE');
    const problems = fileProblems(await readConfigFile(file), file);
    for (const problem of problems) process.stdout.write(`${problem}\n`);
    if (problems.length === 0) process.stdout.write(`${file}: sound\n`);
    return problems.length === 0 ? 0 : 1;
  },
};

/** The text of a file, or an Error of one sentence that names it. */
export async function readConfigFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : '';
    throw new Error(`can't read ${file}: ${code === 'ENOENT' ? 'there is no such file' : String(error)}`);
  }
}

/** An xDS bootstrap is JSON that names its servers; anything else is taken for a mesh.yaml. */
export function isBootstrap(text: string): boolean {
  return text.trimStart().startsWith('{') && text.includes('"xds_servers"');
}

function fileProblems(text: string, file: string): string[] {
  if (isBootstrap(text)) {
    const parsed = parseBootstrap(text);
    return 'problems' in parsed ? parsed.problems.map((problem) => `${file}: ${problem}`) : [];
  }
  const parsed = parseMeshConfig(text);
  if (!('problems' in parsed)) return [];
  return parsed.problems.map(({ line, column, message }) => `${file}:${line}:${column}: ${message}`);
}
