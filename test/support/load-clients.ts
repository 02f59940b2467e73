// Clients that call the echo service at several addresses in turn, several calls at once, and count what fails: on grpc-js
// in this process or one of its own, on grpc-go and C-core in programs of their own, where `npm run peers` could make them.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { ECHO_METHODS } from './echo-service.ts';
import { goEchoMissing } from './go-echo.ts';

const PEERS = fileURLToPath(new URL('../../node_modules/.cache/peers/', import.meta.url));
const PYTHON = `${PEERS}python/bin/python`;
const GRPC_JS = fileURLToPath(new URL('grpc-js-load.ts', import.meta.url));
const SCRIPT = fileURLToPath(new URL('../conformance/python/echo.py', import.meta.url));
const AT_ONCE = 10;
const TELL_EVERY = 100;

export interface LoadTarget {
  /** `HOST:PORT`, all of one family. */
  readonly addresses: readonly string[];
  /** Default `echo`. */
  readonly authority?: string;
  /** Calls wait where nothing can be reached, instead of failing. */
  readonly waitForReady?: boolean;
}

export function portsOf(ports: readonly number[]): LoadTarget {
  return { addresses: ports.map((port) => `127.0.0.1:${port}`) };
}

/** How many calls there were, and which servers answered the last hundred of them. */
interface Progress {
  readonly calls: number;
  readonly endpoints: readonly string[];
}

export class LoadClient {
  readonly stack: string;
  onProgress: (progress: Progress) => void = () => {};
  #last: Progress = { calls: 0, endpoints: [] };
  #waiting: { readonly isIt: (progress: Progress) => boolean; readonly resolve: (progress: Progress) => void }[] = [];
  readonly #end: () => Promise<string>;

  private constructor(stack: string, end: () => Promise<string>) {
    this.stack = stack;
    this.#end = end;
  }

  get calls(): number {
    return this.#last.calls;
  }

  /** Resolves as soon as it has made so many calls, of which the last hundred were answered by those servers. */
  reached(calls: number, endpoints: readonly string[]): Promise<Progress> {
    const isIt = (progress: Progress): boolean =>
      progress.calls >= calls && progress.endpoints.toSorted().join() === endpoints.toSorted().join();
    if (isIt(this.#last)) return Promise.resolve(this.#last);
    return new Promise((resolve) => this.#waiting.push({ isIt, resolve }));
  }

  /** Lets the calls that are under way end; gives the failures of all there were, a line each. */
  end(): Promise<string> {
    return this.#end();
  }

  #tell(progress: Progress): void {
    this.#last = progress;
    this.onProgress(progress);
    const due = this.#waiting.filter(({ isIt }) => isIt(progress));
    this.#waiting = this.#waiting.filter((waiter) => !due.includes(waiter));
    for (const { resolve } of due) resolve(progress);
  }

  static onGrpcJs({ addresses, authority = 'echo', waitForReady = false }: LoadTarget): LoadClient {
    const channel = new grpc.Client(
      `${addresses[0]!.startsWith('[') ? 'ipv6' : 'ipv4'}:${addresses.join()}`,
      grpc.credentials.createInsecure(),
      { 'grpc.default_authority': authority, 'grpc.service_config': '{"loadBalancingConfig":[{"round_robin":{}}]}' },
    );
    const { path, requestSerialize, responseDeserialize } = ECHO_METHODS.unary;
    const failures: string[] = [];
    let isOver = false;
    let calls = 0;
    let endpoints = new Set<string>();
    const one = (): Promise<void> =>
      new Promise((resolve) => {
        const message = Buffer.alloc(500, 1);
        const metadata = new grpc.Metadata({ waitForReady });
        const call = channel.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          message,
          metadata,
          (failure) => {
            if (failure !== null) failures.push(`call ${calls}: ${failure.message}`);
            resolve();
          },
        );
        call.once('metadata', (headers) => endpoints.add(`${headers.get('x-endpoint')[0]}`));
      });
    const work = async (): Promise<void> => {
      while (!isOver) {
        await one();
        calls++;
        if (calls % TELL_EVERY !== 0) continue;
        self.#tell({ calls, endpoints: [...endpoints] });
        endpoints = new Set();
      }
    };
    const self = new LoadClient('grpc-js', async () => {
      isOver = true;
      await workers;
      self.#tell({ calls, endpoints: [...endpoints] });
      channel.close();
      return failures.join('\n');
    });
    const workers = Promise.all(Array.from({ length: AT_ONCE }, work));
    return self;
  }

  /** In a process of its own, of which `prefix` says how it is run. */
  static ofGrpcJs(
    { addresses, authority = 'echo', waitForReady = false }: LoadTarget,
    prefix: Prefix = [],
  ): LoadClient {
    const wait = waitForReady ? ['wait'] : [];
    return LoadClient.#ofProgram('grpc-js', [
      ...prefix,
      process.execPath,
      GRPC_JS,
      addresses.join(),
      authority,
      ...wait,
    ]);
  }

  /** `null` without Go. */
  static onGrpcGo(target: LoadTarget, prefix: Prefix = []): LoadClient | null {
    if (goEchoMissing !== null) return null;
    const { addresses, authority = 'echo', waitForReady = false } = target;
    const flags = ['--addr', addresses.join(), '--authority', authority, '--at-once', `${AT_ONCE}`];
    const wait = waitForReady ? ['--wait-for-ready'] : [];
    return LoadClient.#ofProgram('grpc-go', [...prefix, `${PEERS}echo`, 'load', ...flags, ...wait]);
  }

  /** `null` without Python. */
  static onCCore(target: LoadTarget, prefix: Prefix = []): LoadClient | null {
    if (!existsSync(PYTHON)) return null;
    const { addresses, authority = 'echo', waitForReady = false } = target;
    const words = [SCRIPT, 'load', addresses.join(), `${AT_ONCE}`, authority, ...(waitForReady ? ['wait'] : [])];
    return LoadClient.#ofProgram('C-core', [...prefix, PYTHON, ...words]);
  }

  static #ofProgram(stack: string, [program, ...args]: readonly string[]): LoadClient {
    const child: ChildProcess = spawn(program!, args, { stdio: ['pipe', 'pipe', 'pipe'] });
    const failures = text(child.stderr!);
    const lines = createInterface({ input: child.stdout! });
    const told = once(lines, 'close');
    // A program that has failed takes no input; its failure stands in what it wrote.
    child.stdin!.on('error', () => {});
    const self = new LoadClient(stack, async () => {
      child.stdin!.end();
      await told;
      return (await failures).trim();
    });
    lines.on('line', (line) => {
      const [, calls, endpoints] = /^calls (\d+) (.*)$/.exec(line) ?? [];
      self.#tell({ calls: Number(calls), endpoints: (endpoints ?? '').split(',') });
    });
    return self;
  }
}

/** What stands before a program's own words on the command line. */
type Prefix = readonly string[];
