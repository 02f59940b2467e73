// Containers without an engine: a network namespace for each, joined by a bridge in one of its own, with the names of
// the others in its /etc/hosts. Needs root, `ip` and a kernel that allows it. Nothing outside of the namespaces changes.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why this machine cannot do it; `null` where it can. */
export function whyNoPods(): string | null {
  if (process.platform !== 'linux') return 'network namespaces are a thing of Linux';
  if (process.getuid?.() !== 0) return 'making a network namespace needs root';
  const probe = `outrigger-${process.pid}-probe`;
  try {
    ip('netns', 'add', probe);
    // Sharing a kernel is not enough: some let namespaces be made, but no links in them.
    ip('-n', probe, 'link', 'add', 'probe', 'type', 'bridge');
    return null;
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n')[1] ?? error.message) : String(error);
  } finally {
    tryIp('netns', 'delete', probe);
  }
}

export class Pods {
  readonly #prefix = `outrigger-${process.pid}-`;
  readonly #folder = mkdtempSync(join(tmpdir(), 'pods-'));
  readonly #hosts = join(this.#folder, 'hosts');
  readonly #names: readonly string[];
  readonly #children = new Set<ChildProcess>();

  /** Namespaces with these names, which each can call the others by. */
  constructor(names: readonly string[]) {
    this.#names = names;
    const lines = names.map((name, index) => `10.99.0.${index + 1} ${name}`);
    writeFileSync(this.#hosts, ['127.0.0.1 localhost', ...lines, ''].join('\n'));
    const bridge = this.#namespace('bridge');
    ip('netns', 'add', bridge);
    ip('-n', bridge, 'link', 'add', 'bridge', 'type', 'bridge');
    ip('-n', bridge, 'link', 'set', 'bridge', 'up');
    for (const [index, name] of names.entries()) this.#join(bridge, name, index + 1);
  }

  /** Runs a command in the namespace `name`. */
  spawn(name: string, command: readonly string[], folder: string, env: Readonly<Record<string, string>>): ChildProcess {
    // `ip netns exec` gives the command a mount namespace of its own, so this /etc/hosts is nobody else's.
    const script = 'mount --bind "$0" /etc/hosts && exec "$@"';
    const child = spawn('ip', ['netns', 'exec', this.#namespace(name), 'sh', '-c', script, this.#hosts, ...command], {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    return child;
  }

  /** Ends what runs in the namespaces, and the namespaces with their links. */
  async remove(): Promise<void> {
    await Promise.all(
      [...this.#children].map(async (child) => {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }),
    );
    for (const name of [...this.#names, 'bridge']) tryIp('netns', 'delete', this.#namespace(name));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #namespace(name: string): string {
    return this.#prefix + name;
  }

  #join(bridge: string, name: string, number: number): void {
    const namespace = this.#namespace(name);
    ip('netns', 'add', namespace);
    ip('-n', namespace, 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', `port${number}`, 'netns', bridge);
    ip('-n', bridge, 'link', 'set', `port${number}`, 'master', 'bridge', 'up');
    ip('-n', namespace, 'address', 'add', `10.99.0.${number}/24`, 'dev', 'eth0');
    ip('-n', namespace, 'link', 'set', 'lo', 'up');
    ip('-n', namespace, 'link', 'set', 'eth0', 'up');
  }
}

function ip(...args: readonly string[]): void {
  execFileSync('ip', args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

function tryIp(...args: readonly string[]): void {
  try {
    ip(...args);
  } catch {
    // It was never made, or is gone already.
  }
}
