// What a file given by -c is, told by its content, and what is wrong with it.
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import {
  type Bootstrap,
  isEnvoyBootstrap,
  parseBootstrap,
  parseEnvoyBootstrap,
  type SocketAddress,
} from '../../xds/index.ts';
import { parsePlainData } from '../config/plain-data.ts';

/** How to reach a control plane, and what of the file has no effect (`field path: text` each). */
export interface FoundBootstrap {
  readonly bootstrap: Bootstrap;
  /** Where the file wants the admin server; `null`: it does not say. */
  readonly admin: SocketAddress | null;
  readonly warnings: readonly string[];
}

export type ConfigFileKind = 'grpc-bootstrap' | 'envoy-bootstrap' | 'other';

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

/** An xDS bootstrap names its servers, an Envoy bootstrap its resources. */
export function configFileKind(text: string): ConfigFileKind {
  if (text.trimStart().startsWith('{') && text.includes('"xds_servers"')) return 'grpc-bootstrap';
  const parsed = parsePlainData(text);
  return 'data' in parsed && isEnvoyBootstrap(parsed.data) ? 'envoy-bootstrap' : 'other';
}

/** Reads either kind of bootstrap. */
export function parseBootstrapText(
  text: string,
  kind: 'grpc-bootstrap' | 'envoy-bootstrap',
  env: Environment,
): FoundBootstrap | { readonly problems: readonly string[] } {
  if (kind === 'grpc-bootstrap') {
    const parsed = parseBootstrap(text);
    return 'problems' in parsed ? parsed : { ...parsed, admin: null };
  }
  const parsed = parsePlainData(text);
  if ('problem' in parsed) return { problems: [parsed.problem] };
  return parseEnvoyBootstrap(parsed.data, { readData, env });
}

function readData(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
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
