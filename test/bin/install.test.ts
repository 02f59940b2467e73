// bin/install.js in a small project of its own, with a program named npm that keeps a record of its calls.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';

const lockfile = JSON.stringify({
  packages: { '': {}, 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.0', optional: true } },
});
const olderInstallation = JSON.stringify({ packages: { 'node_modules/a': { version: '0.9.0' } } });
const sameInstallation = JSON.stringify({ packages: { 'node_modules/a': { version: '1.0.0' } } });

/** What the program does that stands in for npm: it records its arguments and installs. */
const recordAndInstall = `echo "$1" >> calls
mkdir -p node_modules/.bin
ln -sf '${process.execPath}' node_modules/.bin/node
printf '%s' '${sameInstallation}' > node_modules/.package-lock.json`;

async function projectWith(t: ExecutionContext, npm: string, installed?: string): Promise<string> {
  const place = await mkdtemp(join(tmpdir(), 'outrigger-install-'));
  t.teardown(() => rm(place, { recursive: true, force: true }));
  await mkdir(join(place, 'bin'));
  await mkdir(join(place, 'path'));
  await copyFile(fileURLToPath(new URL('../../bin/install.js', import.meta.url)), join(place, 'bin', 'install.js'));
  await writeFile(join(place, 'package.json'), '{"type":"module"}');
  await writeFile(join(place, 'package-lock.json'), lockfile);
  await writeFile(join(place, 'path', 'npm'), `#!/bin/sh\n${npm}\n`);
  await chmod(join(place, 'path', 'npm'), 0o755);
  if (installed !== undefined) {
    await mkdir(join(place, 'node_modules', '.bin'), { recursive: true });
    await symlink(process.execPath, join(place, 'node_modules', '.bin', 'node'));
    await writeFile(join(place, 'node_modules', '.package-lock.json'), installed);
  }
  return place;
}

async function install(place: string) {
  const env = { ...process.env, PATH: `${join(place, 'path')}:${process.env['PATH']}` };
  const child = spawn(process.execPath, [join(place, 'bin', 'install.js')], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')]);
  return { stdout, stderr, code };
}

const callsOfNpm = (place: string) => readFile(join(place, 'calls'), 'utf8').catch(() => '');

test('nothing is run and nothing is said where the installation agrees with the lockfile', async (t) => {
  const place = await projectWith(t, recordAndInstall, sameInstallation);
  t.deepEqual(await install(place), { stdout: '', stderr: '', code: 0 });
  t.is(await callsOfNpm(place), '');
});

test('a missing installation takes one npm ci and one line', async (t) => {
  const place = await projectWith(t, `echo chatter; ${recordAndInstall}`);
  const said = await install(place);
  t.deepEqual(said, { stdout: '', stderr: 'outrigger: installing dependencies (once)…\n', code: 0 });
  t.is(await callsOfNpm(place), 'ci\n');
});

test('an installation of other versions is replaced', async (t) => {
  const place = await projectWith(t, recordAndInstall, olderInstallation);
  t.is((await install(place)).code, 0);
  t.is(await callsOfNpm(place), 'ci\n');
});

test('two that start together install once', async (t) => {
  const place = await projectWith(t, recordAndInstall);
  const both = await Promise.all([install(place), install(place)]);
  t.deepEqual(
    both.map(({ code }) => code),
    [0, 0],
  );
  t.is(await callsOfNpm(place), 'ci\n');
});

test('the lock of a process that is gone does not stop the next one', async (t) => {
  const place = await projectWith(t, recordAndInstall);
  const gone = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
  await once(gone, 'exit');
  await mkdir(join(place, '.install.lock'));
  await writeFile(join(place, '.install.lock', 'pid'), String(gone.pid));
  t.is((await install(place)).code, 0);
  t.is(await callsOfNpm(place), 'ci\n');
});

test('where npm fails, what it said is shown', async (t) => {
  const place = await projectWith(t, 'echo "npm error the registry is away" >&2; exit 3');
  const { stderr, code } = await install(place);
  t.is(code, 1);
  t.regex(stderr, /npm error the registry is away\n/);
  t.regex(stderr, /outrigger: installing dependencies \(once\) failed: npm ended with 3\n$/);
});
