// Pods of our own making: a network namespace, with another one for the world outside.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';

const PROGRAM = fileURLToPath(new URL('../../bin/outrigger.js', import.meta.url));
const SPEAKERS = fileURLToPath(new URL('speakers.ts', import.meta.url));

const PROJECT = fileURLToPath(new URL('../../', import.meta.url));
/** Another user may not be let into the folders that the project lies in, so it is put elsewhere, in this pod only. */
const ELSEWHERE = '/mnt/project/';
const AS_USER = [
  'set -e; mount -t tmpfs none /mnt; mkdir /mnt/project; mount --bind "$0" /mnt/project; cd /mnt/project',
  'user=$1; shift; exec setpriv --reuid "$user" --regid "$user" --clear-groups "$@"',
].join('; ');

function asSeenByOthers(word: string): string {
  return word.startsWith(PROJECT) ? ELSEWHERE + word.slice(PROJECT.length) : word;
}

function run(program: string, ...args: readonly string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 20_000 });
  return { status, out: stdout ?? '', err: stderr ?? '' };
}

/** `null`, or why there can be no namespaces here. */
export function whyNoNamespaces(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'this is not root on Linux';
  const name = `outrigger-try-${process.pid}`;
  if (run('ip', 'netns', 'add', name).status !== 0) return 'ip netns does not work here';
  const rule = '-t nat -A OUTPUT -p tcp -m owner --uid-owner 1 -m multiport --dports 1,2 -j REDIRECT --to-ports 3';
  const missing = [
    ['ip', 'link', 'add', 'veth0', 'type', 'veth', 'peer', 'name', 'veth1'],
    ['iptables', ...rule.split(' ')],
    ['ip6tables', ...rule.split(' ')],
    ['setpriv', '--reuid', '1', '--regid', '1', '--clear-groups', 'true'],
  ].find((command) => run('ip', 'netns', 'exec', name, ...command).status !== 0);
  run('ip', 'netns', 'del', name);
  return missing === undefined ? null : `this does not work here: ${missing.join(' ')}`;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Default: root. */
  readonly uid?: number;
}

export interface Namespace {
  exec(...args: readonly string[]): { status: number | null; out: string; err: string };
  outrigger(...args: readonly string[]): { status: number | null; out: string; err: string };
  /** The word that a connection of this user hears. */
  ask(host: string, port: number, uid: number): string;
  listen(...words: readonly string[]): Promise<void>;
  /** A program of Node that goes on until the test's end; resolves when it has printed a line with this text. */
  start(text: string, script: string, args: readonly string[], options?: StartOptions): Promise<void>;
  /** Without what changes by itself. */
  rules(program?: 'iptables-save' | 'ip6tables-save'): string;
}

function createNamespace(t: ExecutionContext, name: string): Namespace {
  const full = `outrigger-${name}-${process.pid}`;
  const children: ChildProcess[] = [];
  run('ip', 'netns', 'add', full);
  t.teardown(async () => {
    for (const child of children) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
    run('ip', 'netns', 'del', full);
  });
  const exec = (...args: readonly string[]) => run('ip', 'netns', 'exec', full, ...args);
  exec('ip', 'link', 'set', 'lo', 'up');
  const self: Namespace = {
    exec,
    outrigger: (...args) => exec(process.execPath, PROGRAM, ...args),
    ask: (host, port, uid) => exec(process.execPath, SPEAKERS, 'ask', host, `${port}`, `${uid}`).out,
    listen: (...words) => self.start('ready', SPEAKERS, ['listen', ...words]),
    start: async (text, script, args, { env = {}, uid = 0 } = {}) => {
      const command = [process.execPath, script, ...args];
      const words = uid === 0 ? command : ['sh', '-c', AS_USER, PROJECT, `${uid}`, ...command.map(asSeenByOthers)];
      const child = spawn('ip', ['netns', 'exec', full, ...words], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, ...env },
      });
      children.push(child);
      let said = '';
      await new Promise<void>((resolve, reject) => {
        const hear = (chunk: Buffer): void => {
          said += chunk;
          if (said.includes(text)) resolve();
        };
        child.stdout.on('data', hear);
        child.stderr.on('data', hear);
        child.once('exit', () => reject(new Error(`${script} ${args.join(' ')} ended: ${said}`)));
      });
    },
    rules: (program = 'iptables-save') =>
      exec(program, '-t', 'nat')
        .out.replaceAll(/^#.*\n/gm, '')
        .replaceAll(/\[\d+:\d+\]/g, '[]'),
  };
  return self;
}

/** A pod and the world, 10.99.0.1 and 10.99.0.2 (fd99::1, fd99::2), the world being the way to everything. */
export function createPod(t: ExecutionContext): { readonly pod: Namespace; readonly world: Namespace } {
  const [pod, world] = [createNamespace(t, 'pod'), createNamespace(t, 'world')];
  const worldName = `outrigger-world-${process.pid}`;
  pod.exec('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', worldName);
  for (const [space, number] of [
    [pod, 1],
    [world, 2],
  ] as const) {
    space.exec('ip', 'addr', 'add', `10.99.0.${number}/24`, 'dev', 'eth0');
    space.exec('ip', '-6', 'addr', 'add', `fd99::${number}/64`, 'dev', 'eth0', 'nodad');
    space.exec('ip', 'link', 'set', 'eth0', 'up');
  }
  pod.exec('ip', 'route', 'add', 'default', 'via', '10.99.0.2');
  pod.exec('ip', '-6', 'route', 'add', 'default', 'via', 'fd99::2');
  return { pod, world };
}
