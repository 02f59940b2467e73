// Pods of our own making: a network namespace, with another one for the world outside.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
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
  /** Run as root, with what is to run as its last arguments. */
  readonly launcher?: readonly string[];
}

export interface Program {
  /** The first line, past or to come, that the condition holds for. Rejects where the program ends without it. */
  line(isIt: (line: string) => boolean): Promise<string>;
  /** All it has printed. */
  readonly lines: readonly string[];
  write(line: string): void;
  /** That signal, then its exit code. */
  end(signal: NodeJS.Signals): Promise<number | null>;
}

export interface Namespace {
  /** What runs a program in here. */
  readonly prefix: readonly string[];
  /** A program that goes on until the test's end. */
  run(command: readonly string[], options?: StartOptions): Program;
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
  const programs: Program[] = [];
  run('ip', 'netns', 'add', full);
  t.teardown(async () => {
    await Promise.all(programs.map((program) => program.end('SIGKILL')));
    run('ip', 'netns', 'del', full);
  });
  const prefix = ['ip', 'netns', 'exec', full];
  const exec = (...args: readonly string[]) => run('ip', ...prefix.slice(1), ...args);
  exec('ip', 'link', 'set', 'lo', 'up');
  const self: Namespace = {
    prefix,
    exec,
    outrigger: (...args) => exec(process.execPath, PROGRAM, ...args),
    ask: (host, port, uid) => exec(process.execPath, SPEAKERS, 'ask', host, `${port}`, `${uid}`).out,
    listen: (...words) => self.start('ready', SPEAKERS, ['listen', ...words]),
    run: (command, { env = {}, uid = 0, launcher = [] } = {}) => {
      const words = uid === 0 ? command : ['sh', '-c', AS_USER, PROJECT, `${uid}`, ...command.map(asSeenByOthers)];
      const program = startProgram([...prefix, ...launcher, ...words], env);
      programs.push(program);
      return program;
    },
    start: async (text, script, args, options) => {
      await self.run([process.execPath, script, ...args], options).line((line) => line.includes(text));
    },
    rules: (program = 'iptables-save') =>
      exec(program, '-t', 'nat')
        .out.replaceAll(/^#.*\n/gm, '')
        .replaceAll(/\[\d+:\d+\]/g, '[]'),
  };
  return self;
}

function startProgram([command, ...args]: readonly string[], env: Readonly<Record<string, string>>): Program {
  const child = spawn(command!, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  const exited = once(child, 'close').then(([code]) => code as number | null);
  // What has ended takes no input; whoever waits for a line of it hears so.
  child.stdin.on('error', () => {});
  const lines: string[] = [];
  const hearers = new Set<(line: string) => void>();
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line);
      for (const hear of hearers) hear(line);
    });
  }
  return {
    lines,
    line: (isIt) => {
      const past = lines.find(isIt);
      if (past !== undefined) return Promise.resolve(past);
      return new Promise((resolve, reject) => {
        const hear = (line: string): void => {
          if (!isIt(line)) return;
          hearers.delete(hear);
          resolve(line);
        };
        hearers.add(hear);
        void exited.then(() => reject(new Error(`${args.join(' ')} ended: ${lines.slice(-5).join('\n')}`)));
      });
    },
    write: (line) => void child.stdin.write(`${line}\n`),
    end: (signal) => {
      child.kill(signal);
      return exited;
    },
  };
}

/** A pod and the world, 10.99.0.1 and 10.99.0.2 (fd99::1, fd99::2), the world being the way to everything. */
export function createPod(t: ExecutionContext): { readonly pod: Namespace; readonly world: Namespace } {
  const [pod, world] = [createNamespace(t, 'pod'), createNamespace(t, 'world')];
  const worldName = `outrigger-world-${process.pid}`;
  pod.exec('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', worldName);
  address(pod, 'eth0', 1);
  address(world, 'eth0', 2);
  routeToWorld(pod);
  return { pod, world };
}

/** The world and pods around it, 10.99.0.2, and 10.99.0.11 and so on (fd99:: likewise), the world being the way to everything. */
export function createPods(
  t: ExecutionContext,
  names: readonly string[],
): { readonly world: Namespace; readonly pods: readonly Namespace[] } {
  const world = createNamespace(t, 'world');
  world.exec('ip', 'link', 'add', 'bridge', 'type', 'bridge');
  address(world, 'bridge', 2);
  const pods = names.map((name, i) => {
    const pod = createNamespace(t, name);
    const veth = `veth${i}`;
    pod.exec('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', veth, 'netns', world.prefix.at(-1)!);
    world.exec('ip', 'link', 'set', veth, 'up', 'master', 'bridge');
    address(pod, 'eth0', 11 + i);
    routeToWorld(pod);
    return pod;
  });
  return { world, pods };
}

function address(space: Namespace, device: string, number: number): void {
  space.exec('ip', 'addr', 'add', `10.99.0.${number}/24`, 'dev', device);
  space.exec('ip', '-6', 'addr', 'add', `fd99::${number}/64`, 'dev', device, 'nodad');
  space.exec('ip', 'link', 'set', device, 'up');
}

function routeToWorld(pod: Namespace): void {
  pod.exec('ip', 'route', 'add', 'default', 'via', '10.99.0.2');
  pod.exec('ip', '-6', 'route', 'add', 'default', 'via', 'fd99::2');
}
