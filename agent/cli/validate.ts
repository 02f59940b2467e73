// `outrigger validate`: every problem of a file at once.
import type { UnsupportedPolicy } from '../../xds/index.ts';
import { parseMeshConfig } from '../config/mesh-config.ts';
import { formatProblem } from '../config/yaml-reader.ts';
import { UNSUPPORTED_FLAG, UNSUPPORTED_POLICIES } from './bootstrap-source.ts';
import { type Command, UsageError } from './command-line.ts';
import {
  configFileKind,
  parseAgentFileText,
  parseEnvoyText,
  parseGrpcBootstrap,
  parseStaticEnvoyText,
  readConfigFile,
} from './config-file.ts';

export const validateCommand: Command = {
  name: 'validate',
  summary: 'check an agent.yaml, a mesh.yaml or a bootstrap, and name every problem',
  details: ['What the file is, its content tells. Exit code 0 when it is sound, 1 when it is not.'],
  flags: [{ name: 'config', short: 'c', value: 'FILE', help: 'the file' }, UNSUPPORTED_FLAG],
  run: async (flags) => {
    const file = flags.text('config');
    if (file === undefined) throw new UsageError('validate wants a file: -c FILE');
    const unsupported = flags.oneOf('unsupported', UNSUPPORTED_POLICIES, 'warn');
    const { problems, warnings } = judge(await readConfigFile(file), file, unsupported);
    for (const problem of problems) process.stdout.write(`${problem}\n`);
    for (const warning of warnings) process.stdout.write(`${warning} (no effect)\n`);
    if (problems.length === 0) process.stdout.write(`${file}: sound\n`);
    return problems.length === 0 ? 0 : 1;
  },
};

interface Judgement {
  readonly problems: readonly string[];
  readonly warnings: readonly string[];
}

function judge(text: string, file: string, unsupported: UnsupportedPolicy): Judgement {
  const kind = configFileKind(text);
  if (kind === 'agent-file') return parseAgentFileText(text, file);
  if (kind === 'envoy-bootstrap') return parseEnvoyText(text, { file, env: process.env, unsupported }).statics;
  if (kind === 'envoy-static') return parseStaticEnvoyText(text, { file, env: process.env, unsupported });
  if (kind === 'mesh-file' || kind === 'other') {
    const parsed = parseMeshConfig(text);
    if (!('problems' in parsed)) return { problems: [], warnings: [] };
    return { problems: parsed.problems.map((problem) => formatProblem(file, problem)), warnings: [] };
  }
  const parsed = parseGrpcBootstrap(text);
  const named = (texts: readonly string[]) => texts.map((entry) => `${file}: ${entry}`);
  if ('problems' in parsed) return { problems: named(parsed.problems), warnings: [] };
  switch (unsupported) {
    case 'reject':
      return { problems: named(parsed.warnings), warnings: [] };
    case 'warn':
      return { problems: [], warnings: named(parsed.warnings) };
    case 'ignore':
      return { problems: [], warnings: [] };
  }
}
