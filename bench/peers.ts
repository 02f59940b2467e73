// `npm run peers`: builds the peers of others that tests call through the agents and that benchmarks compare them with,
// where this machine has Go: grpc-go's own interop programs, h2spec, our echo service on grpc-go
// (test/support/go-echo), and a proxy on mwitkow/grpc-proxy (bench/go-grpc-proxy). They land in
// node_modules/.cache/peers, outside the project, and so does C-core (Python's grpcio), where Python is. What is missing
// is told, and that is all.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { GO_ECHO_SOURCES, goEchoDigest, stateOfGoEcho } from '../test/support/go-echo-sources.ts';

const FOLDER = fileURLToPath(new URL('../node_modules/.cache/peers/', import.meta.url));
const HPACK_SOURCES = fileURLToPath(new URL('../test/conformance/go-hpack/', import.meta.url));
const CONTROL_PLANE_SOURCES = fileURLToPath(new URL('../test/interop/go-control-plane/', import.meta.url));
const PROXY_SOURCES = fileURLToPath(new URL('./go-grpc-proxy/', import.meta.url));
const MODULE = 'google.golang.org/grpc';
const VERSION = 'v1.85.0';
// Its last state. The module's own tags end earlier, with fewer cases.
const H2SPEC = 'github.com/summerwind/h2spec/cmd/h2spec@v0.0.0-20200804131034-70ac22940108';

function build(what: string, args: readonly string[], cwd: string): void {
  process.stdout.write(`peers: building ${what}\n`);
  const { status, stderr } = spawnSync('go', args, {
    cwd,
    env: { ...process.env, GOBIN: FOLDER, GOFLAGS: '-mod=mod' },
    encoding: 'utf8',
  });
  if (status !== 0) process.stdout.write(`peers: go ${args[0]} failed, the tests will be skipped:\n${stderr}`);
}

/** Whether a program is missing or older than a file of the folder it is built from. */
function isStale(program: string, sources: string): boolean {
  if (!existsSync(program)) return true;
  const builtMs = statSync(program).mtimeMs;
  return readdirSync(sources).some((name) => statSync(`${sources}${name}`).mtimeMs > builtMs);
}

const GRPCIO = 'grpcio==1.85.3';
/** The schemas of Kubernetes' OpenAPI, and who judges by them. */
const KUBERNETES = 'kubernetes-validate==1.37.0';

/** An environment of its own, so that the machine's Python stays as it is. */
function installPython(): void {
  if (spawnSync('python3', ['--version']).status !== 0) {
    process.stdout.write('peers: no Python on this machine, so C-core and the schemas of Kubernetes are not asked\n');
    return;
  }
  const folder = `${FOLDER}python`;
  const python = `${folder}/bin/python`;
  if (!existsSync(folder) && !didRun('an environment of Python', 'python3', ['-m', 'venv', folder])) {
    // Half an environment would be taken for a whole one.
    rmSync(folder, { recursive: true, force: true });
    return;
  }
  for (const [module, requirement] of [
    ['grpc', GRPCIO],
    ['kubernetes_validate', KUBERNETES],
  ] as const) {
    if (spawnSync(python, ['-c', `import ${module}`]).status === 0) continue;
    didRun(requirement, python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', requirement]);
  }
}

function didRun(what: string, program: string, args: readonly string[]): boolean {
  process.stdout.write(`peers: installing ${what}\n`);
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) process.stdout.write(`peers: ${what} could not be installed, and is not asked:\n${stderr}`);
  return status === 0;
}

mkdirSync(FOLDER, { recursive: true });
installPython();

if (spawnSync('go', ['version']).status !== 0) {
  process.stdout.write(
    'peers: no Go on this machine, so the tests and benchmarks that need grpc-go will say that they were skipped\n',
  );
} else {
  const missing = ['client', 'server', 'http2'].filter((name) => !existsSync(`${FOLDER}${name}`));
  if (missing.length > 0) {
    const packages = missing.map((name) => `${MODULE}/interop/${name}@${VERSION}`);
    build(`grpc-go ${VERSION} interop programs: ${missing.join(', ')}`, ['install', ...packages], FOLDER);
  }
  if (!existsSync(`${FOLDER}h2spec`)) build('h2spec', ['install', H2SPEC], FOLDER);
  if (isStale(`${FOLDER}hpack`, HPACK_SOURCES)) {
    build("a decoder of HPACK, Go's", ['build', '-buildvcs=false', '-o', `${FOLDER}hpack`, '.'], HPACK_SOURCES);
  }
  if (stateOfGoEcho(`${FOLDER}echo`) !== 'good') {
    // The project need not be in version control where it is built, so no stamp of it.
    const digest = ['-ldflags', `-X main.sources=${goEchoDigest()}`];
    const args = ['build', '-buildvcs=false', ...digest, '-o', `${FOLDER}echo`, '.'];
    build('the echo service on grpc-go', args, GO_ECHO_SOURCES);
  }
  if (isStale(`${FOLDER}controlplane`, CONTROL_PLANE_SOURCES)) {
    const args = ['build', '-buildvcs=false', '-o', `${FOLDER}controlplane`, '.'];
    build('a control plane on go-control-plane', args, CONTROL_PLANE_SOURCES);
  }
  if (isStale(`${FOLDER}go-grpc-proxy`, PROXY_SOURCES)) {
    build('a proxy in Go', ['build', '-buildvcs=false', '-o', `${FOLDER}go-grpc-proxy`, '.'], PROXY_SOURCES);
  }
}
