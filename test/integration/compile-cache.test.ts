// What was compiled once is not compiled again: neither by the agent that comes after one that was killed, nor by its
// data plane's thread. In a checkout that spares the memory of what strips types, twice.
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import { startAgentProcess } from '../support/agent-process.ts';
import { plainMesh } from '../support/resources.ts';

const ENTRY = fileURLToPath(new URL('../../bin/outrigger.js', import.meta.url));

test('an agent that was killed leaves its compiled code to the next one, for both kinds of threads', async (t) => {
  t.timeout(60_000, 'a start on a busy machine');
  const folder = await mkdtemp(join(tmpdir(), 'outrigger-compiled-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const env = { ...process.env, TMPDIR: folder, NODE_COMPILE_CACHE: undefined };
  const controlPlane = createXdsServer({ log: () => {} });
  const xdsPort = await controlPlane.listen({ host: '127.0.0.1', port: 0 });
  t.teardown(() => controlPlane.close());
  controlPlane.setSnapshot('client', plainMesh('echo', 'outbound', [1]));
  const first = await startAgentProcess({ xdsPort, node: 'client', env });
  // The thread flushes what it has compiled before it takes its configuration.
  await first.listenerPort('echo');
  first.kill('SIGKILL');
  await first.exited;

  const bootstrap = { xds_servers: [{ server_uri: '127.0.0.1:1', channel_creds: [{ type: 'insecure' }] }], node: {} };
  const second = spawn(process.execPath, [ENTRY, 'run', '--admin-port', '0'], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: {
      ...env,
      GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap),
      NODE_DEBUG_NATIVE: 'COMPILE_CACHE',
    },
  });
  t.teardown(() => second.kill('SIGKILL'));
  const accepted = new Set<string>();
  for await (const line of createInterface({ input: second.stderr })) {
    const [, file] = /code cache for ESM file:\S+\/(agent\/\S+) was accepted/.exec(line) ?? [];
    if (file !== undefined) accepted.add(file);
    if (accepted.has('agent/data-plane.ts') && accepted.has('agent/agent.ts')) break;
  }
  t.true(accepted.has('agent/data-plane.ts'));
  t.true(accepted.has('agent/agent.ts'));
});
