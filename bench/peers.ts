// `npm run peers`: builds the peers of others that tests call through the agents, where this machine has Go. They land in
// node_modules/.cache/peers, outside the project. Without Go it says so and is done.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('../node_modules/.cache/peers/', import.meta.url));
const MODULE = 'google.golang.org/grpc';
const VERSION = 'v1.85.0';

if (spawnSync('go', ['version']).status !== 0) {
  process.stdout.write(
    'peers: no Go on this machine, so the tests that need grpc-go will say that they were skipped\n',
  );
} else if (!existsSync(`${FOLDER}client`) || !existsSync(`${FOLDER}server`)) {
  mkdirSync(FOLDER, { recursive: true });
  process.stdout.write(`peers: building grpc-go ${VERSION} interop client and server\n`);
  const packages = ['client', 'server'].map((name) => `${MODULE}/interop/${name}@${VERSION}`);
  const { status, stderr } = spawnSync('go', ['install', ...packages], {
    env: { ...process.env, GOBIN: FOLDER, GOFLAGS: '-mod=mod' },
    encoding: 'utf8',
  });
  if (status !== 0) process.stdout.write(`peers: go install failed, the tests will be skipped:\n${stderr}`);
}
