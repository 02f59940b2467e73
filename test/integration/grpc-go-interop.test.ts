// grpc-go's own interop client -> client agent -> server agent -> grpc-go's own interop server (http2.md section 3.4).
// The programs are Go modules: `npm run peers` builds them where Go is; without them these tests say so and pass.
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { grpcGoQuickCases } from '../conformance/interop-cases.ts';
import { startTwoAgents, type TwoAgents } from '../support/two-agents.ts';

const PEERS = fileURLToPath(new URL('../../node_modules/.cache/peers/', import.meta.url));

const present = existsSync(`${PEERS}client`) && existsSync(`${PEERS}server`);
let mesh: TwoAgents | null = null;
let stopServer: () => void = () => {};

test.before(async (t) => {
  if (!present) {
    t.log('skipped: grpc-go interop programs are not built (npm run peers, wants Go)');
    return;
  }
  const port = await new Promise<number>((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port: free } = probe.address() as net.AddressInfo;
      probe.close(() => resolve(free));
    });
  });
  const server = spawn(`${PEERS}server`, [`--port=${port}`], { stdio: ['ignore', 'ignore', 'pipe'] });
  stopServer = () => server.kill('SIGKILL');
  mesh = await startTwoAgents([port], { domain: '*' });
});

test.after.always(async () => {
  await mesh?.stop();
  stopServer();
});

for (const name of grpcGoQuickCases) {
  test.serial(`grpc-go interop case ${name} passes through both agents`, async (t) => {
    if (mesh === null) {
      t.log('skipped: grpc-go interop programs are not built (npm run peers, wants Go)');
      t.pass();
      return;
    }
    const args = ['--server_host=127.0.0.1', `--server_port=${mesh.port}`, `--test_case=${name}`];
    await t.notThrowsAsync(promisify(execFile)(`${PEERS}client`, args, { timeout: 9000 }));
  });
}
