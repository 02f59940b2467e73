// Where `outrigger run` takes its configuration from: a bootstrap, or a file that says everything.
import { existsSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import type { UnsupportedPolicy } from '../../xds/index.ts';
import type { ParsedConfig } from '../config/config-source.ts';
import type { ConfigFile } from '../config/followed-config.ts';
import { PRESET_NAMES, type PresetName, presetBootstrap, presetOutboundPort } from '../config/presets/preset.ts';
import { type Flag, type FlagValues, UsageError } from './command-line.ts';
import {
  type ConfigFileKind,
  configFileKind,
  type FoundBootstrap,
  parseAgentFileText,
  parseEnvoyText,
  parseGrpcBootstrap,
  parseStaticEnvoyText,
  readConfigFile,
  readTextOrNull,
} from './config-file.ts';

export const CONTROL_PLANE_FLAG: Flag = {
  name: 'control-plane',
  value: 'PRESET',
  help: `a bootstrap from the environment: ${PRESET_NAMES.join(', ')}`,
};

export const OUTBOUND_PORT_FLAG: Flag = {
  name: 'outbound-port',
  value: 'N',
  help: 'take calls here and ask the control plane, as proxyless gRPC does, for what each authority names (istio-grpc: 15001)',
};

export const UNSUPPORTED_POLICIES = ['reject', 'warn', 'ignore'] as const;

export const UNSUPPORTED_FLAG: Flag = {
  name: 'unsupported',
  value: 'POLICY',
  help: 'what to do with configuration that is not carried out: reject, warn or ignore (warn)',
};

type Environment = Readonly<Record<string, string | undefined>>;

export interface FoundConfig extends FoundBootstrap {
  /** What takes the place of a control plane; `null`: the bootstrap names one. */
  readonly file: ConfigFile | null;
  /** The environment, and what the file says where that says nothing. */
  readonly env: Environment;
}

/** Throws an Error that names every problem where it is not sound, and a `UsageError` where there is none. */
export async function readConfig(
  flags: FlagValues,
  env: Environment,
  unsupported: UnsupportedPolicy,
): Promise<FoundConfig> {
  const preset = presetOf(flags);
  if (preset !== null) return { ...fromPreset(preset, env), file: null, env };
  const found = await bootstrapText(flags, env);
  if (found.kind === 'agent-file' || found.kind === 'envoy-static') refuseControlPlaneFlags(flags, found.name);
  if (found.kind === 'agent-file') return fromAgentFile(found, env);
  if (found.kind === 'envoy-static') return fromStaticEnvoy(found, env, unsupported);
  if (found.kind === 'envoy-bootstrap') return fromEnvoy(found, env, unsupported);
  return { ...fromBootstrap(found, unsupported), file: null, env };
}

/** A flag that has no effect is better refused than missed. */
function refuseControlPlaneFlags(flags: FlagValues, file: string): void {
  for (const name of ['outbound-port', 'xds-mode', 'cache-dir', 'csds-port']) {
    if (flags.text(name) === undefined) continue;
    throw new UsageError(`--${name} is for a control plane, and ${file} names none: it says everything itself`);
  }
}

function fromAgentFile({ text, name }: BootstrapText, env: Environment): FoundConfig {
  const first = parseAgentFileText(text, name);
  if (first.problems.length > 0) throw new Error(`${name} is not sound:\n${first.problems.join('\n')}`);
  const parse = (later: string): ParsedConfig => {
    const parsed = parseAgentFileText(later, name);
    if (isDeepStrictEqual(parsed.settings, first.settings)) return parsed;
    const told = `${name}: node, admin and telemetry count when the agent starts, not when the file is saved`;
    return { ...parsed, warnings: [...parsed.warnings, told] };
  };
  const { node, admin, env: defaults } = first.settings;
  const noLocality = { region: '', zone: '', subZone: '' };
  return {
    bootstrap: { servers: [], node: { ...node, locality: noLocality, metadata: {} } },
    admin,
    warnings: [],
    file: { path: name, text, parsed: first, parse },
    env: { ...defaults, ...env },
  };
}

function fromStaticEnvoy({ text, name }: BootstrapText, env: Environment, unsupported: UnsupportedPolicy): FoundConfig {
  const parse = (later: string) => parseStaticEnvoyText(later, { file: name, env, unsupported });
  const parsed = parse(text);
  if (parsed.problems.length > 0) throw new Error(`${name} is not sound:\n${parsed.problems.join('\n')}`);
  const bootstrap = { servers: [], node: parsed.node };
  return { bootstrap, admin: parsed.admin, warnings: [], file: { path: name, text, parsed, parse }, env };
}

/** The file is followed for what it says itself; how to reach the control plane counts when the agent starts. */
function fromEnvoy({ text, name }: BootstrapText, env: Environment, unsupported: UnsupportedPolicy): FoundConfig {
  const read = (later: string) => parseEnvoyText(later, { file: name, env, unsupported });
  const { found, statics } = read(text);
  if (found === null || statics.problems.length > 0) {
    throw new Error(`${name} is not a sound Envoy bootstrap:\n${statics.problems.join('\n')}`);
  }
  const parse = (later: string): ParsedConfig => {
    const parsed = read(later);
    if (parsed.found === null || isDeepStrictEqual(parsed.found, found)) return parsed.statics;
    const told = `${name}: node, admin and the control plane count when the agent starts, not when the file is saved`;
    return { ...parsed.statics, warnings: [...parsed.statics.warnings, told] };
  };
  return { ...found, file: { path: name, text, parsed: statics, parse }, env };
}

function fromBootstrap({ text, name, kind }: BootstrapText, unsupported: UnsupportedPolicy): FoundBootstrap {
  if (kind === 'mesh-file') throw new Error(`${name} is a mesh.yaml, which outrigger control-plane serves`);
  if (kind !== 'grpc-bootstrap') {
    const known = 'no frontends (agent.yaml), no xds_servers, and no resources of an Envoy bootstrap';
    throw new Error(`${name} is not what the agent takes: it names ${known}`);
  }
  const parsed = parseGrpcBootstrap(text);
  if ('problems' in parsed) throw new Error(`${name} is not a sound xDS bootstrap: ${parsed.problems.join('; ')}`);
  return judgeWarnings(parsed, name, unsupported);
}

/** Where calls come in whose authority names their listener; `null`: listeners come from the control plane. */
export function outboundPortOf(flags: FlagValues): number | null {
  if (flags.text(OUTBOUND_PORT_FLAG.name) !== undefined) {
    return flags.number(OUTBOUND_PORT_FLAG.name, { min: 0, max: 65_535, fallback: 0 });
  }
  const preset = presetOf(flags);
  return preset === null ? null : presetOutboundPort(preset);
}

function presetOf(flags: FlagValues): PresetName | null {
  if (flags.text('control-plane') === undefined) return null;
  if (flags.text('config') !== undefined) throw new UsageError('--control-plane and -c exclude each other');
  return flags.oneOf('control-plane', PRESET_NAMES, 'generic');
}

function fromPreset(name: PresetName, env: Environment): FoundBootstrap {
  const parsed = presetBootstrap(name, { env, readFile: readTextOrNull, exists: existsSync });
  if ('bootstrap' in parsed) return { ...parsed, admin: null };
  throw new Error(
    `--control-plane ${name} does not find what it needs in the environment: ${parsed.problems.join('; ')}`,
  );
}

function judgeWarnings(found: FoundBootstrap, name: string, unsupported: UnsupportedPolicy): FoundBootstrap {
  if (unsupported === 'reject' && found.warnings.length > 0) {
    throw new Error(`${name} asks for what is not supported: ${found.warnings.join('; ')}`);
  }
  return { ...found, warnings: unsupported === 'ignore' ? [] : found.warnings };
}

interface BootstrapText {
  readonly text: string;
  readonly name: string;
  readonly kind: ConfigFileKind;
}

/** gRPC's order: the file wins over the inline text (gRFC A27). */
async function bootstrapText(flags: FlagValues, env: Environment): Promise<BootstrapText> {
  const given = flags.text('config');
  if (given !== undefined && given !== '') {
    const text = await readConfigFile(given);
    return { text, name: given, kind: configFileKind(text) };
  }
  const file = env['GRPC_XDS_BOOTSTRAP'];
  if (file !== undefined && file !== '') {
    return { text: await readConfigFile(file), name: file, kind: 'grpc-bootstrap' };
  }
  const inline = env['GRPC_XDS_BOOTSTRAP_CONFIG'];
  if (inline !== undefined && inline !== '') {
    return { text: inline, name: 'GRPC_XDS_BOOTSTRAP_CONFIG', kind: 'grpc-bootstrap' };
  }
  throw new UsageError(
    'run wants an agent.yaml or a bootstrap: -c FILE, --control-plane PRESET, GRPC_XDS_BOOTSTRAP or GRPC_XDS_BOOTSTRAP_CONFIG',
  );
}
