// What a file given by -c is, told by its content, and what is wrong with it.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import {
  type Bootstrap,
  isEnvoyBootstrap,
  isStaticBootstrap,
  type ParsedStaticBootstrap,
  parseBootstrap,
  parseEnvoyBootstrap,
  parseStaticBootstrap,
  parseStaticResources,
  type SocketAddress,
  type UnsupportedPolicy,
} from '../../xds/index.ts';
import { type ParsedAgentFile, parseAgentFile } from '../config/agent-file/agent-file.ts';
import type { ParsedConfig } from '../config/config-source.ts';
import { parsePlainData } from '../config/plain-data.ts';

/** How to reach a control plane, and what of the file has no effect (`field path: text` each). */
export interface FoundBootstrap {
  readonly bootstrap: Bootstrap;
  /** Where the file wants the admin server; `null`: it does not say. */
  readonly admin: SocketAddress | null;
  readonly warnings: readonly string[];
}

export type ConfigFileKind =
  | 'grpc-bootstrap'
  | 'envoy-bootstrap'
  | 'envoy-static'
  | 'agent-file'
  | 'mesh-file'
  | 'other';

type Environment = Readonly<Record<string, string | undefined>>;

/** The text of a file, or an Error of one sentence that names it. */
export async function readConfigFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw unreadable(file, error);
  }
}

/** The text of a file, `null` where it cannot be read. */
export function readTextOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

/**
 * An xDS bootstrap names its servers, an Envoy bootstrap its resources, agent.yaml its frontends, mesh.yaml its services.
 * Files that people write are known by their keys though they do not parse.
 */
export function configFileKind(text: string): ConfigFileKind {
  if (text.trimStart().startsWith('{') && text.includes('"xds_servers"')) return 'grpc-bootstrap';
  const parsed = parsePlainData(text);
  if ('data' in parsed && isEnvoyBootstrap(parsed.data)) {
    return isStaticBootstrap(parsed.data) ? 'envoy-static' : 'envoy-bootstrap';
  }
  const keys = 'data' in parsed ? keysOf(parsed.data) : keysOfText(text);
  if (keys.includes('frontends') || keys.includes('backends')) return 'agent-file';
  return keys.includes('services') || keys.includes('agents') ? 'mesh-file' : 'other';
}

function keysOf(data: unknown): string[] {
  return typeof data === 'object' && data !== null ? Object.keys(data) : [];
}

function keysOfText(text: string): string[] {
  return [...text.matchAll(/^["']?(\w+)["']?[ \t]*:/gm)].map(([, key = '']) => key);
}

/** Reads agent.yaml and the files that it names. */
export function parseAgentFileText(text: string, file: string): ParsedAgentFile {
  return parseAgentFile(text, { name: file, folder: dirname(file), readFile: (path) => readFileSync(path) });
}

/** What a file says that names listeners and routes itself. */
export function readStaticConfig(text: string, file: string, env: Environment): ParsedConfig {
  const kind = configFileKind(text);
  if (kind === 'agent-file') return parseAgentFileText(text, file);
  if (kind === 'envoy-static') return parseStaticEnvoyText(text, { file, env, unsupported: 'ignore' });
  if (kind === 'envoy-bootstrap') return parseEnvoyText(text, { file, env, unsupported: 'ignore' }).statics;
  throw new Error(`${file} has no routes to ask: it is neither an agent.yaml nor an Envoy bootstrap`);
}

export interface StaticEnvoyOptions {
  readonly file: string;
  readonly env: Environment;
  readonly unsupported: UnsupportedPolicy;
}

/** Reads an Envoy bootstrap that asks no control plane, and the files that it names, from the working directory as Envoy does. */
export function parseStaticEnvoyText(
  text: string,
  { file, env, unsupported }: StaticEnvoyOptions,
): ParsedConfig & Pick<ParsedStaticBootstrap, 'node' | 'admin'> {
  const data = parsePlainData(text);
  const { files, sources } = followedSources(env, unsupported);
  const parsed = parseStaticBootstrap('data' in data ? data.data : {}, sources);
  return { ...parsed, ...placed(file, data, parsed), files };
}

export interface ParsedEnvoyText {
  /** What is said of the control plane and of the agent; `null` where that is not sound. */
  readonly found: FoundBootstrap | null;
  /** What the file says itself; its problems and warnings are those of the whole file. */
  readonly statics: ParsedConfig;
}

/** Reads an Envoy bootstrap that asks a control plane, what is static in it, and the files that this names. */
export function parseEnvoyText(text: string, { file, env, unsupported }: StaticEnvoyOptions): ParsedEnvoyText {
  const data = parsePlainData(text);
  const json = 'data' in data ? data.data : {};
  const dynamic = parseEnvoyBootstrap(json, { readData: (path) => readData(path, readText), env });
  const { files, sources } = followedSources(env, unsupported);
  const isSound = !('problems' in dynamic);
  const statics = parseStaticResources(json, { ...sources, leading: isSound ? dynamic.leading : new Set() });
  const ownWarnings = isSound ? dynamic.warnings : [];
  const both = {
    problems: [
      ...(isSound ? [] : dynamic.problems),
      ...statics.problems,
      ...(unsupported === 'reject' ? ownWarnings : []),
    ],
    warnings: [...(unsupported === 'warn' ? ownWarnings : []), ...statics.warnings],
  };
  const found = isSound ? { bootstrap: dynamic.bootstrap, admin: dynamic.admin, warnings: [] } : null;
  return { found, statics: { resources: statics.resources, ...placed(file, data, both), files } };
}

/** Reads files from the working directory, as Envoy does, and notes which. */
function followedSources(env: Environment, unsupported: UnsupportedPolicy) {
  const files = new Map<string, string | null>();
  const readNamed = (path: string): string => {
    files.set(path, null);
    const found = readFileSync(path, 'utf8');
    files.set(path, found);
    return found;
  };
  const sources = { readData: (path: string) => readData(path, readNamed), readFile: readNamed, env, unsupported };
  return { files, sources };
}

/** Problems and warnings of a file, each under its name; what can't be read at all has one problem. */
function placed(
  file: string,
  data: ReturnType<typeof parsePlainData>,
  { problems, warnings }: { readonly problems: readonly string[]; readonly warnings: readonly string[] },
): { readonly problems: readonly string[]; readonly warnings: readonly string[] } {
  const named = (texts: readonly string[]) => texts.map((entry) => `${file}: ${entry}`);
  return { problems: named('problem' in data ? [data.problem] : problems), warnings: named(warnings) };
}

/** Reads the bootstrap of proxyless gRPC. */
export function parseGrpcBootstrap(text: string): FoundBootstrap | { readonly problems: readonly string[] } {
  const parsed = parseBootstrap(text);
  return 'problems' in parsed ? parsed : { ...parsed, admin: null };
}

function readText(file: string): string {
  return readFileSync(file, 'utf8');
}

function readData(file: string, read: (file: string) => string): unknown {
  let text: string;
  try {
    text = read(file);
  } catch (error) {
    throw unreadable(file, error);
  }
  const parsed = parsePlainData(text);
  if ('data' in parsed) return parsed.data;
  throw new Error(`${file}: ${parsed.problem}`);
}

function unreadable(file: string, error: unknown): Error {
  const code = error instanceof Error && 'code' in error ? error.code : '';
  return new Error(`can't read ${file}: ${code === 'ENOENT' ? 'there is no such file' : String(error)}`);
}
