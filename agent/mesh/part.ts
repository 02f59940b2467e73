// One part of the local mesh as a process of its own: started, listened to, ended. It never outlives the mesh, even one
// that is killed: an IPC channel joins them, and programs of the mesh end when it closes.
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface PartOptions {
  /** How it is called on the page and before its lines. */
  readonly name: string;
  /** The program `node` is the Node that runs this. */
  readonly command: readonly string[];
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
  readonly onLine: (line: string, from: 'stdout' | 'stderr') => void;
  /** It ended without having been told to. `reason`: "exit code 1", "SIGKILL", or why it could not be started. */
  readonly onDeath: (reason: string) => void;
}

/** How long a part may take to end by itself: a mesh ends in two rounds, and in two seconds. */
const endMs = 700;

export class Part {
  readonly name: string;
  readonly command: readonly string[];
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #isOver = false;
  #isTold = false;

  constructor({ name, command, folder, env, onLine, onDeath }: PartOptions) {
    this.name = name;
    this.command = command;
    const [program = '', ...args] = command;
    const child = spawn(program === 'node' ? process.execPath : program, args, {
      cwd: folder,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      // A session of its own: Ctrl-C reaches the mesh alone, which then ends its parts in order.
      detached: true,
    });
    this.#child = child;
    for (const from of ['stdout', 'stderr'] as const) {
      const stream = child[from];
      if (stream !== null) createInterface({ input: stream }).on('line', (line) => onLine(line, from));
    }
    this.#ended = new Promise((resolve) => {
      const over = (reason: string) => {
        if (this.#isOver) return;
        this.#isOver = true;
        if (!this.#isTold) onDeath(reason);
        resolve();
      };
      child.on('error', (error) => over(error.message));
      child.on('exit', (code, signal) => over(signal ?? `exit code ${code}`));
    });
  }

  /** `null` when it is not running. */
  get pid(): number | null {
    return this.#isOver ? null : (this.#child.pid ?? null);
  }

  /** SIGTERM, and SIGKILL for what has not ended 0.7 s later. Resolves when it is gone. */
  async end(): Promise<void> {
    this.#isTold = true;
    if (this.#isOver) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), endMs);
    await this.#ended;
    clearTimeout(timer);
  }
}
