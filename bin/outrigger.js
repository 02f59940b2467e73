#!/usr/bin/env node
// The one command of the package, in plain JavaScript so that any Node can at least read it.
// In a checkout it runs agent/main.ts as it stands, moving to the Node pinned in node_modules where the one that
// started it cannot strip types; in the published package it runs dist/agent/main.js. It knows no commands itself.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module from 'node:module';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import v8 from 'node:v8';

// Before anything else, since compiled code is cached by flags (all of it measured: docs/performance.md). A Node after
// these may not know one, and would say so.
if (Number.parseInt(process.versions.node, 10) <= 26) {
  // V8 would make arrays and records that live as long as a call in the old generation, and what has ended and hangs on
  // them would not be collected young: up to two fifths of the CPU of a call.
  v8.setFlagsFromString('--no-allocation-site-pretenuring');
  // The control thread's young generation stays as small as it begins; the data plane's begins as large as it may become.
  v8.setFlagsFromString('--semi-space-growth-factor=1');
  v8.setFlagsFromString('--min-semi-space-size=4');
}

// Half of the time of a start goes into compiling what the last start compiled too.
module.enableCompileCache?.();

const neededVersion = [22, 20];
const self = fileURLToPath(import.meta.url);
const sources = new URL('../agent/main.ts', import.meta.url);
const emitted = new URL('../dist/agent/main.js', import.meta.url);
const pinnedNode = fileURLToPath(new URL('../node_modules/.bin/node', import.meta.url));

// Node refuses to strip types below node_modules, so an installed copy never counts as a checkout.
const inCheckout = existsSync(sources) && !self.includes(`${sep}node_modules${sep}`);

if (!inCheckout) {
  if (isNewEnough()) await import(emitted.href);
  else failFor(`outrigger needs Node ${neededVersion.join('.')} or newer; this is ${process.versions.node}.`);
} else if (isNewEnough()) {
  if (!existsSync(new URL('../node_modules', import.meta.url))) await installDependencies();
  await import(sources.href);
} else {
  if (!existsSync(pinnedNode)) await installDependencies();
  runOnPinnedNode();
}

function isNewEnough() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  return major > neededVersion[0] || (major === neededVersion[0] && minor >= neededVersion[1]);
}

async function installDependencies() {
  const { ensureInstalled } = await import('./install.js');
  if (!(await ensureInstalled())) process.exit(1);
}

function runOnPinnedNode() {
  // The channel carries no messages: its end tells the child that this process was killed and nobody is left to tell it.
  const child = spawn(pinnedNode, [self, ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  child.on('error', (error) => failFor(`outrigger: could not start ${pinnedNode}: ${error.message}`));

  // A terminal sends Ctrl-C and its own hang-up to the child as well; passing them on would make two of one, and a
  // second signal means "end at once".
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (signal === 'SIGTERM' || !atTerminal) child.kill(signal);
    });
  }

  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    // End the way the child ended, so that whoever waits for this process sees the same signal.
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

function failFor(reason) {
  console.error(reason);
  process.exit(1);
}
