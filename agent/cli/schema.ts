// `outrigger schema`: the JSON Schema of agent.yaml, for editors.
import { readFile } from 'node:fs/promises';
import type { Command } from './command-line.ts';

export const schemaCommand: Command = {
  name: 'schema',
  summary: 'the JSON Schema of agent.yaml, by which editors complete and check it',
  details: [
    'Write it beside the file (outrigger schema > agent.schema.json), and let the first line of agent.yaml be',
    '# yaml-language-server: $schema=./agent.schema.json',
  ],
  flags: [],
  run: async () => {
    process.stdout.write(
      await readFile(new URL('../config/agent-file/agent-file.schema.json', import.meta.url), 'utf8'),
    );
    return 0;
  },
};
