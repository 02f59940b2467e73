// bin/outrigger.js in copies of the two places it runs in: a checkout with sources, and the published package below a
// node_modules. A Node that is too old is this Node with an older version number, told by a preloaded line.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';

const bin = fileURLToPath(new URL('../../bin/', import.meta.url));
const oldVersion = "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })";
const asOldNode = ['--import', `data:text/javascript,${encodeURIComponent(oldVersion)}`];

const printArguments = "console.log('%s on %s', process.argv.slice(2).join(' '), process.versions.node.split('.')[0]);";

/** A folder with bin/ in it and the given files, gone after the test. */
async function placeWith(t: ExecutionContext, below: string, files: Record<string, string>): Promise<string> {
  const temporary = await mkdtemp(join(tmpdir(), 'outrigger-bin-'));
  t.teardown(() => rm(temporary, { recursive: true, force: true }));
  const place = join(temporary, below);
  await cp(bin, join(place, 'bin'), { recursive: true });
  for (const [path, content] of Object.entries({ 'package.json': '{"type":"module"}', ...files })) {
    await mkdir(dirname(join(place, path)), { recursive: true });
    await writeFile(join(place, path), content);
  }
  return place;
}

async function pinThisNode(place: string): Promise<void> {
  await mkdir(join(place, 'node_modules', '.bin'), { recursive: true });
  await symlink(process.execPath, join(place, 'node_modules', '.bin', 'node'));
}

function start(place: string, nodeFlags: readonly string[], args: readonly string[]): ChildProcess {
  return spawn(process.execPath, [...nodeFlags, join(place, 'bin', 'outrigger.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function run(place: string, nodeFlags: readonly string[], args: readonly string[]) {
  const child = start(place, nodeFlags, args);
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout!),
    text(child.stderr!),
    once(child, 'exit'),
  ]);
  return { stdout, stderr, code, signal };
}

const thisMajor = process.versions.node.split('.')[0];

test('a checkout runs on its sources, types and all', async (t) => {
  const main = `const greeting: string = 'from the sources:';\nconsole.log(greeting);\n${printArguments}`;
  const place = await placeWith(t, 'checkout', { 'agent/main.ts': main });
  await pinThisNode(place);
  const { stdout, code } = await run(place, [], ['run', '-c', 'agent.yaml']);
  t.is(stdout, `from the sources:\nrun -c agent.yaml on ${thisMajor}\n`);
  t.is(code, 0);
});

test('a checkout moves to the pinned Node where the one that started it is too old', async (t) => {
  const place = await placeWith(t, 'checkout', { 'agent/main.ts': `${printArguments}\nprocess.exitCode = 64;` });
  await pinThisNode(place);
  const { stdout, code } = await run(place, asOldNode, ['validate', '-c', 'a b.yaml']);
  t.is(stdout, `validate -c a b.yaml on ${thisMajor}\n`);
  t.is(code, 64, 'the exit code comes through');
});

test('a signal reaches the process on the pinned Node, and its exit code comes back', async (t) => {
  const main = `process.on('SIGTERM', () => { console.log('drained'); process.exit(7); });
setInterval(() => {}, 1000);
console.log('ready');`;
  const place = await placeWith(t, 'checkout', { 'agent/main.ts': main });
  await pinThisNode(place);
  const child = start(place, asOldNode, ['run']);
  t.teardown(() => child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const [ready] = await once(child.stdout!, 'data');
  t.is(String(ready), 'ready\n');
  child.kill('SIGTERM');
  t.is(await text(child.stdout!), 'drained\n');
  t.deepEqual(await exited, [7, null]);
});

test('death by a signal on the pinned Node looks the same from outside', async (t) => {
  const place = await placeWith(t, 'checkout', { 'agent/main.ts': "process.kill(process.pid, 'SIGTERM');" });
  await pinThisNode(place);
  const { signal } = await run(place, asOldNode, ['run']);
  t.is(signal, 'SIGTERM');
});

test('the published package runs on dist/, even where sources lie beside it', async (t) => {
  const place = await placeWith(t, 'node_modules/outrigger', {
    'agent/main.ts': "console.log('from the sources');",
    'dist/agent/main.js': `console.log('from dist:');\n${printArguments}`,
  });
  const { stdout, code } = await run(place, [], ['status']);
  t.is(stdout, `from dist:\nstatus on ${thisMajor}\n`);
  t.is(code, 0);
});

test('the published package says in one sentence that Node is too old', async (t) => {
  const place = await placeWith(t, 'node_modules/outrigger', { 'dist/agent/main.js': printArguments });
  const { stdout, stderr, code } = await run(place, asOldNode, ['run']);
  t.is(stderr, 'outrigger needs Node 22.20 or newer; this is 20.20.2.\n');
  t.is(stdout, '');
  t.is(code, 1);
});
