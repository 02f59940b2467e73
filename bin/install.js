// Installs what is missing and builds the admin page where it is out of date; silent when there is nothing to do.
// It runs before `npm start` and `npm test`, so on whatever Node the machine has: plain JavaScript, no dependencies.
// What npm says is shown only when npm fails.

import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const binFolder = join(root, 'node_modules', '.bin');
const lockFolder = join(root, '.install.lock');

/** Brings node_modules and the admin page up to date; false, with the reason already printed, where that failed. */
export async function ensureInstalled() {
  if (isInstalled() && isPageBuilt()) return true;
  return await alone(async () => {
    // Asked again under the lock: whoever held it may have done the work.
    if (!isInstalled() && !(await install())) return false;
    return isPageBuilt() || (await buildPage());
  });
}

/** Builds the page from `admin-ui/` into `admin-ui/dist/` with the pinned Node. */
async function buildPage() {
  const vite = join(root, 'node_modules', 'vite', 'bin', 'vite.js');
  return await quietly(
    'building the admin page',
    join(binFolder, 'node'),
    [vite, 'build', 'admin-ui', '--logLevel', 'warn'],
    process.env,
  );
}

async function install() {
  // npm must not run on the Node below node_modules: `npm ci` starts by deleting it.
  const path = (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => !folder.startsWith(join(root, 'node_modules')));
  // The scripts must run, for the pinned Node arrives by one; dev dependencies hold that Node, whatever NODE_ENV says.
  const flags = ['--include=dev', '--ignore-scripts=false', '--loglevel=error', '--no-audit', '--no-fund'];
  return await quietly('installing dependencies (once)', 'npm', ['ci', ...flags], {
    ...process.env,
    PATH: path.join(delimiter),
  });
}

/** npm writes the hidden lockfile last, so one that agrees with ours means a complete installation. */
function isInstalled() {
  const hidden = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(hidden) || !existsSync(join(binFolder, 'node'))) return false;
  const installed = JSON.parse(readFileSync(hidden, 'utf8')).packages;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  return Object.entries(wanted).every(([folder, entry]) => {
    const present = installed[folder];
    // The entry named '' is this project; an optional package may be meant for another platform.
    if (folder === '' || (present === undefined && (entry.optional || entry.devOptional))) return true;
    return present?.version === entry.version && present?.integrity === entry.integrity;
  });
}

function isPageBuilt() {
  const page = join(root, 'admin-ui');
  const built = join(page, 'dist', 'index.html');
  if (!existsSync(join(page, 'index.html'))) return true;
  return existsSync(built) && statSync(built).mtimeMs >= newestChange(page);
}

function newestChange(folder) {
  let newest = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'dist' || entry.name === 'node_modules') continue;
    const path = join(folder, entry.name);
    newest = Math.max(newest, entry.isDirectory() ? newestChange(path) : statSync(path).mtimeMs);
  }
  return newest;
}

/** Runs one command, saying in a line what it is for and showing its output only where it failed. */
async function quietly(purpose, command, args, env) {
  console.error(`outrigger: ${purpose}…`);
  const child = spawn(command, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = [];
  child.stdout.on('data', (chunk) => output.push(chunk));
  child.stderr.on('data', (chunk) => output.push(chunk));
  const problem = await new Promise((resolve) => {
    child.on('error', (error) => resolve(error.message));
    child.on('close', (code, signal) => resolve(code === 0 ? undefined : `${command} ended with ${signal ?? code}`));
  });
  if (problem === undefined) return true;
  process.stderr.write(Buffer.concat(output));
  console.error(`outrigger: ${purpose} failed: ${problem}`);
  return false;
}

/** Runs `work` while no other process does; the lock is a folder, since making one is atomic everywhere. */
async function alone(work) {
  while (!(await takeLock())) await wait(200);
  try {
    return await work();
  } finally {
    await rm(lockFolder, { recursive: true, force: true });
  }
}

async function takeLock() {
  const owner = join(lockFolder, 'pid');
  try {
    await mkdir(lockFolder);
    await writeFile(owner, String(process.pid));
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
  }
  if (isAbandoned(owner)) await rm(lockFolder, { recursive: true, force: true });
  return false;
}

/** A lock is left behind where its owner is gone, or where it has not been named within five seconds. */
function isAbandoned(owner) {
  const held = statSync(lockFolder, { throwIfNoEntry: false });
  const pid = existsSync(owner) ? Number(readFileSync(owner, 'utf8')) : 0;
  if (held === undefined) return false;
  if (pid === 0) return Date.now() - held.mtimeMs > 5000;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    // EPERM says that there is such a process, of another user.
    return error.code === 'ESRCH';
  }
}

if (process.argv[1] && realpathSync(process.argv[1]) === fileURLToPath(import.meta.url)) {
  process.exitCode = (await ensureInstalled()) ? 0 : 1;
}
