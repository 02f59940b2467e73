// The rules in a pod of our own making: a network namespace, with another one for the world outside. Skipped, saying so,
// where the machine allows none.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';

const PROGRAM = fileURLToPath(new URL('../../bin/outrigger.js', import.meta.url));
const SPEAKERS = fileURLToPath(new URL('speakers.ts', import.meta.url));

function run(program: string, ...args: readonly string[]): { status: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return { status, out: stdout ?? '', err: stderr ?? '' };
}

/** `null`, or why there can be no namespaces here. */
function whyNot(): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'this is not root on Linux';
  const name = `outrigger-try-${process.pid}`;
  if (run('ip', 'netns', 'add', name).status !== 0) return 'ip netns does not work here';
  const saved = run('ip', 'netns', 'exec', name, 'iptables-save', '-t', 'nat');
  run('ip', 'netns', 'del', name);
  return saved.status === 0 ? null : 'iptables does not work here';
}

interface Namespace {
  exec(...args: readonly string[]): { status: number | null; out: string; err: string };
  outrigger(...args: readonly string[]): { status: number | null; out: string; err: string };
  /** The word that a connection of this user hears. */
  ask(host: string, port: number, uid: number): string;
  listen(...words: readonly string[]): Promise<void>;
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
  return {
    exec,
    outrigger: (...args) => exec(process.execPath, PROGRAM, ...args),
    ask: (host, port, uid) => exec(process.execPath, SPEAKERS, 'ask', host, `${port}`, `${uid}`).out,
    listen: async (...words) => {
      const args = ['netns', 'exec', full, process.execPath, SPEAKERS, 'listen', ...words];
      const child = spawn('ip', args, { stdio: ['ignore', 'pipe', 'inherit'] });
      children.push(child);
      await once(child.stdout!, 'data');
    },
    rules: (program = 'iptables-save') =>
      exec(program, '-t', 'nat')
        .out.replaceAll(/^#.*\n/gm, '')
        .replaceAll(/\[\d+:\d+\]/g, '[]'),
  };
}

/** A pod and the world, 10.99.0.1 and 10.99.0.2 (fd99::1, fd99::2), the world being the way to everything. */
function createPod(t: ExecutionContext): { readonly pod: Namespace; readonly world: Namespace } {
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

const reason = whyNot();
const inNamespaces = reason === null ? test.serial : test.serial.skip;
if (reason !== null) test.serial(`redirection is not tried: ${reason}`, (t) => t.pass());

const FLAGS = [
  ...['--exclude-outbound-ports', '7001', '--exclude-outbound-cidrs', '10.98.1.0/16,10.99.0.3'],
  ...['--exclude-uids', '77'],
];

inNamespaces('applying is done once however often it is done, and cleaning up leaves what was there', (t) => {
  const { pod } = createPod(t);
  pod.exec('iptables', '-t', 'nat', '-A', 'OUTPUT', '-p', 'udp', '-j', 'ACCEPT');
  const before = [pod.rules(), pod.rules('ip6tables-save')];
  t.deepEqual(pod.outrigger('iptables', '--cleanup').out, 'there were no rules of ours\n');
  t.is(pod.outrigger('iptables', '--verify', ...FLAGS).status, 1);

  const applied = pod.outrigger('iptables', '--apply', ...FLAGS);
  t.is(applied.status, 0, applied.err);
  const first = [pod.rules(), pod.rules('ip6tables-save')];
  t.notDeepEqual(first, before);
  pod.outrigger('iptables', '--apply', ...FLAGS);
  t.deepEqual([pod.rules(), pod.rules('ip6tables-save')], first);
  t.like(pod.outrigger('iptables', '--verify', ...FLAGS), { status: 0, out: 'connections are redirected\n' });

  // Other settings take the place of those before.
  pod.outrigger('iptables', '--apply', '--exclude-uids', '78');
  t.false(pod.rules().includes('77'));
  t.is(pod.outrigger('iptables', '--verify', ...FLAGS).status, 1);

  t.is(pod.outrigger('iptables', '--cleanup').status, 0);
  // What iptables makes when it is first asked stays: the kernel's own chains, empty.
  const kept = (text: string): string => text.replaceAll(/^:(?:PREROUTING|INPUT|OUTPUT|POSTROUTING) .*\n/gm, '');
  t.deepEqual([pod.rules(), pod.rules('ip6tables-save')].map(kept), before.map(kept));
});

inNamespaces(
  'connections go to the agent both ways, but for its own, those of the pod to itself, and the excluded',
  async (t) => {
    const { pod, world } = createPod(t);
    await pod.listen(
      ...['127.0.0.1:15001=outbound', '::1:15001=outbound', ':::15006=inbound'],
      ...['10.99.0.1:15020=status', '127.0.0.1:8080=app', '10.99.0.1:8081=app'],
    );
    await world.listen(...['10.99.0.2:7000=world', '10.99.0.2:7001=world', 'fd99::2:7000=world']);
    t.is(pod.outrigger('iptables', '--apply', ...FLAGS).status, 0);

    t.is(pod.ask('10.99.0.2', 7000, 1000), 'outbound');
    t.is(pod.ask('10.1.2.3', 80, 0), 'outbound', 'wherever it is meant to go');
    t.is(pod.ask('fd99::2', 7000, 1000), 'outbound');
    t.is(pod.ask('10.99.0.2', 7000, 15_015), 'world', 'the agent’s own');
    t.is(pod.ask('fd99::2', 7000, 15_015), 'world', 'the agent’s own');
    t.is(pod.ask('10.99.0.2', 7000, 77), 'world', 'an excluded user');
    t.is(pod.ask('10.99.0.2', 7001, 1000), 'world', 'an excluded port');
    t.is(pod.ask('127.0.0.1', 8080, 1000), 'app', 'on localhost');
    t.is(pod.ask('10.99.0.1', 8081, 1000), 'app', 'to its own address');

    t.is(world.ask('10.99.0.1', 8081, 0), 'inbound');
    t.is(world.ask('fd99::1', 9, 0), 'inbound', 'whatever port it is');
    t.is(world.ask('10.99.0.1', 15_020, 0), 'status', 'an excluded port');
  },
);
