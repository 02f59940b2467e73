// Where `outrigger run` takes its bootstrap from.
import { type Bootstrap, parseBootstrap, type UnsupportedPolicy } from '../../xds/index.ts';
import { type Flag, type FlagValues, UsageError } from './command-line.ts';
import { isBootstrap, readConfigFile } from './validate.ts';

export const UNSUPPORTED_POLICIES = ['reject', 'warn', 'ignore'] as const;

export const UNSUPPORTED_FLAG: Flag = {
  name: 'unsupported',
  value: 'POLICY',
  help: 'what to do with configuration that is not carried out: reject, warn or ignore (warn)',
};

type Environment = Readonly<Record<string, string | undefined>>;

/** A bootstrap, and what of it has no effect (`field path: text` each). */
export interface FoundBootstrap {
  readonly bootstrap: Bootstrap;
  readonly warnings: readonly string[];
}

/** Throws an Error of one sentence where it is not sound, and a `UsageError` where there is none. */
export async function readBootstrap(
  flags: FlagValues,
  env: Environment,
  unsupported: UnsupportedPolicy,
): Promise<FoundBootstrap> {
  const { text, name } = await bootstrapText(flags, env);
  const parsed = parseBootstrap(text);
  if ('problems' in parsed) throw new Error(`${name} is not a sound xDS bootstrap: ${parsed.problems.join('; ')}`);
  const { bootstrap, warnings } = parsed;
  if (unsupported === 'reject' && warnings.length > 0) {
    throw new Error(`${name} asks for what is not supported: ${warnings.join('; ')}`);
  }
  return { bootstrap, warnings: unsupported === 'ignore' ? [] : warnings };
}

/** gRPC's order: the file wins over the inline text (gRFC A27). */
async function bootstrapText(flags: FlagValues, env: Environment): Promise<{ text: string; name: string }> {
  const given = flags.text('config');
  const file = given ?? env['GRPC_XDS_BOOTSTRAP'];
  if (file !== undefined && file !== '') {
    const text = await readConfigFile(file);
    if (given !== undefined && !isBootstrap(text)) {
      throw new Error(`${file} is not an xDS bootstrap: it names no xds_servers`);
    }
    return { text, name: file };
  }
  const inline = env['GRPC_XDS_BOOTSTRAP_CONFIG'];
  if (inline !== undefined && inline !== '') return { text: inline, name: 'GRPC_XDS_BOOTSTRAP_CONFIG' };
  throw new UsageError('run wants an xDS bootstrap: -c FILE, GRPC_XDS_BOOTSTRAP or GRPC_XDS_BOOTSTRAP_CONFIG');
}
