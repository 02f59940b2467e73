// The agent's process, as the soak speaks with it.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { drainWithin } from '../../agent/drain.ts';
import type { Down, Up } from '../../agent/link.ts';
import type { ServingResource } from '../../xds/model/resource.ts';
import type { Finished, Question, Report } from './agent-child.ts';
import { within } from './time.ts';

type Out = Up | Report | Finished;

const exitWithinMs = 5000;

export class SoakAgent {
  readonly #process: ChildProcess;
  #version = 0;

  constructor() {
    // As a worker has it (agent/workers.ts), in a process that can be told to collect.
    this.#process = fork(new URL('./agent-child.ts', import.meta.url), {
      execArgv: ['--expose-gc', '--max-semi-space-size=4'],
    });
    this.#process.setMaxListeners(0);
  }

  apply(upsert: readonly ServingResource[]): void {
    this.#send({ kind: 'config', version: ++this.#version, update: { upsert, remove: [] } });
  }

  async listen(resources: readonly ServingResource[]): Promise<number> {
    const bound = this.#next('listener-bound');
    this.apply(resources);
    return (await bound).port;
  }

  report(): Promise<Report> {
    const answer = this.#next('report');
    this.#send('report');
    return answer;
  }

  /** Calls that were cut. */
  async drain(graceMs: number): Promise<number> {
    const drained = this.#next('drained');
    this.#send({ kind: 'drain', plan: drainWithin(graceMs) });
    return (await drained).callsCut;
  }

  /** What its process still held when everything was closed, and how it ended: `exit 0`, or that it did not. */
  async finish(): Promise<{ readonly resources: readonly string[]; readonly end: string }> {
    const finished = this.#next('finished');
    const exited = once(this.#process, 'exit');
    this.#send('finish');
    const { resources } = await finished;
    const ended = exited.then(([code, signal]) => `exit ${code ?? signal}`);
    const end = await within(ended, exitWithinMs, 'it does not end by itself');
    if (this.#process.exitCode === null) this.#process.kill('SIGKILL');
    return { resources, end };
  }

  #send(message: Down | Question): void {
    if (this.#process.connected) this.#process.send(message);
  }

  #next<Kind extends Out['kind']>(kind: Kind): Promise<Extract<Out, { kind: Kind }>> {
    return new Promise((resolve, reject) => {
      const onMessage = (message: Out): void => {
        if (message.kind !== kind) return;
        done();
        resolve(message as Extract<Out, { kind: Kind }>);
      };
      const onExit = (code: number | null, signal: string | null): void => {
        done();
        reject(new Error(`the agent's process ended by itself (${signal ?? `exit code ${code}`})`));
      };
      const done = (): void => {
        this.#process.off('message', onMessage);
        this.#process.off('exit', onExit);
      };
      this.#process.on('message', onMessage);
      this.#process.on('exit', onExit);
    });
  }
}
