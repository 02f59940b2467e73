// `node bench/passthrough.ts`: what bytes cost that are passed on as they are (redirected connections that are no HTTP/2),
// beside a blind pipe in Node: ms of CPU of the process in the middle for each MiB of a download, in interleaved rounds.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { createTunnel } from '../agent/listener/tunnel.ts';

const MEBIBYTE = 1_048_576;
const COUNT = 1024;
const ROUNDS = 5;
const KINDS = ['pipe', 'tunnel'] as const;
const localhost = '127.0.0.1';

const [kind, to] = process.argv.slice(2);
if (kind === undefined) await compare();
else await stand(kind, Number(to));

/** The process in the middle: says its port, then its CPU time in microseconds whenever it is asked. */
async function stand(what: string, port: number): Promise<void> {
  const server = net.createServer({ noDelay: true, allowHalfOpen: true }, (downstream) => {
    const upstream = net.connect({ port, host: localhost, noDelay: true, allowHalfOpen: true });
    if (what === 'tunnel') {
      upstream.once('connect', () => {
        createTunnel({ downstream, whole: null, upstream, onEnd: () => {} });
      });
    } else {
      downstream.pipe(upstream);
      upstream.pipe(downstream);
    }
  });
  await once(server.listen(0, localhost), 'listening');
  process.on('message', () => {
    const { user, system } = process.cpuUsage();
    process.send?.(user + system);
  });
  process.send?.((server.address() as net.AddressInfo).port);
}

async function compare(): Promise<void> {
  const body = Buffer.alloc(MEBIBYTE, 1);
  const source = net.createServer((socket) => {
    let left = COUNT;
    const more = (): void => {
      while (left-- > 0) if (!socket.write(body)) return void socket.once('drain', more);
      socket.end();
    };
    socket.resume();
    more();
  });
  await once(source.listen(0, localhost), 'listening');
  const { port } = source.address() as net.AddressInfo;
  for (let round = 1; round <= ROUNDS; round++) {
    for (const what of KINDS) {
      const middle = fork(fileURLToPath(import.meta.url), [what, `${port}`]);
      const [middlePort] = await once(middle, 'message');
      const before = await cpuUs(middle);
      await download(middlePort as number);
      const ms = ((await cpuUs(middle)) - before) / 1000 / COUNT;
      process.stdout.write(`round ${round}  ${what.padEnd(6)} ${ms.toFixed(2)} ms of CPU a MiB\n`);
      middle.kill();
    }
  }
  source.close();
}

async function cpuUs(child: ChildProcess): Promise<number> {
  const answer = once(child, 'message');
  child.send('cpu');
  return (await answer)[0] as number;
}

async function download(port: number): Promise<void> {
  const onread = { buffer: Buffer.alloc(262_144), callback: () => true };
  await once(net.connect({ port, host: localhost, onread }), 'close');
}
