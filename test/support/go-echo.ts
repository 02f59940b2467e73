// Starts the echo service on grpc-go (test/support/go-echo), whose program `npm run peers` builds where Go is.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface, type Interface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { stateOfGoEcho } from './go-echo-sources.ts';

const PROGRAM = fileURLToPath(new URL('../../node_modules/.cache/peers/echo', import.meta.url));
const whatIsMissing = {
  missing: 'skipped: the echo service on grpc-go is not built (npm run peers, wants Go)',
  old: 'skipped: the echo service on grpc-go is built from other sources (npm run peers, wants Go)',
  good: null,
};

/** Why tests that want the program can't run, or null where they can. */
export const goEchoMissing: string | null = whatIsMissing[stateOfGoEcho(PROGRAM)];

/** What the server saw of a call as it arrived. */
export interface GoCall {
  readonly method: string;
  /** Values of `-bin` keys in base64. */
  readonly metadata: Readonly<Record<string, readonly string[]>>;
  /** What was left of the deadline; 0 where the call has none. */
  readonly timeoutMs: number;
}

export interface GoEchoServer {
  readonly port: number;
  /** Resolves with the next call that matches, as it arrives. */
  called(matches: (call: GoCall) => boolean): Promise<GoCall>;
  /** Resolves with the method of the next call that ends before its answer. */
  cancelled(): Promise<string>;
  stop(): Promise<void>;
}

/**
 * Starts a server that calls itself `name` in `x-endpoint`; behaves as `startEchoServer` says. `maxStreams`: calls at
 * once on one connection, 0 (the default) any number.
 */
export async function startGoEchoServer(name: string, maxStreams = 0): Promise<GoEchoServer> {
  const child = spawn(PROGRAM, ['server', '--name', name, '--max-streams', `${maxStreams}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const lines = createInterface({ input: child.stdout });
  let onCall: { matches: (call: GoCall) => boolean; resolve: (call: GoCall) => void }[] = [];
  let onCancel: ((method: string) => void)[] = [];
  const port = new Promise<number>((resolve, reject) => {
    lines.on('line', (line) => {
      const space = line.indexOf(' ');
      const what = line.slice(0, space);
      const rest = line.slice(space + 1);
      if (what === 'port') resolve(Number(rest));
      else if (what === 'call') {
        const call = JSON.parse(rest) as GoCall;
        for (const { matches, resolve: tell } of onCall) if (matches(call)) tell(call);
        onCall = onCall.filter(({ matches }) => !matches(call));
      } else if (what === 'cancelled') {
        const waiting = onCancel;
        onCancel = [];
        for (const tell of waiting) tell(rest);
      }
    });
    lines.once('close', () => reject(new Error(`the grpc-go echo server ${name} ended before it was listening`)));
  });
  return {
    port: await port,
    called: (matches) =>
      new Promise((resolve) => {
        onCall.push({ matches, resolve });
      }),
    cancelled: () =>
      new Promise((resolve) => {
        onCancel.push(resolve);
      }),
    stop: async () => {
      child.stdin.end();
      await exited;
    },
  };
}

function spawnClient(port: number, name: string): ChildProcess {
  const args = ['client', '--addr', `127.0.0.1:${port}`, '--authority', 'echo', '--case', name];
  return spawn(PROGRAM, args, { stdio: ['pipe', 'pipe', 'pipe'] });
}

/** Resolves when the client's case went well; rejects with the client's own sentence where it did not. */
async function finished(child: ChildProcess): Promise<void> {
  const [sentence, [code, signal]] = await Promise.all([text(child.stderr!), once(child, 'exit')]);
  if (code !== 0) throw new Error(sentence.trim() || `the grpc-go client ended with ${code ?? signal}`);
}

/**
 * Runs one case of the client against `port`, for the authority `echo`. The client keeps its connection until `seen`
 * resolves; give what the server has to see, so that it can't be the end of the connection that shows it.
 */
export async function runGoCase(port: number, name: string, seen: Promise<unknown> = Promise.resolve()): Promise<void> {
  const child = spawnClient(port, name);
  // A client that has failed takes no input; `finished` has its failure.
  child.stdin!.on('error', () => {});
  const done = finished(child);
  await Promise.race([seen, done]);
  child.stdin!.end();
  await done;
}

/** A client that holds one bidirectional stream open. */
export interface GoLongStream {
  /** A round trip of `message` on the stream, then a unary call; gives the endpoint that answered the unary call. */
  step(message: string): Promise<string>;
  /** Half-closes; rejects where the stream did not end well or a step before had failed. */
  end(): Promise<void>;
}

export function startGoLongStream(port: number): GoLongStream {
  const child = spawnClient(port, 'long-stream');
  const done = finished(child);
  const answers = createInterface({ input: child.stdout! });
  // A client that has failed takes no input; `done` has its failure, for whoever asks next.
  child.stdin!.on('error', () => {});
  done.catch(() => {});
  return {
    step: async (message) => {
      const answer = nextLine(answers);
      child.stdin!.write(`${message}\n`);
      const line = await Promise.race([answer, done.then(() => '')]);
      return line.replace(/^endpoint /, '');
    },
    end: async () => {
      child.stdin!.end();
      await done;
    },
  };
}

async function nextLine(lines: Interface): Promise<string> {
  const [line] = await once(lines, 'line');
  return line as string;
}
