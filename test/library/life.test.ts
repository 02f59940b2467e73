// The beginning and the end of a proxy: options, listeners and their certificates, closing at odd moments.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import tls from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import { createProxy, type ProxyOptions, reject, status } from '../../agent/index.ts';
import { EchoClient } from '../support/echo-service.ts';
import { failureOf, startEcho, startProxy } from './proxies.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const hello = Buffer.from('hello');
const nowhere = () => reject(status.UNIMPLEMENTED);
const pem = (name: string): string => readFileSync(new URL(`../http2/fixtures/${name}.pem`, import.meta.url), 'utf8');

/** The common name of the certificate that a port shows. */
function certificateOf(port: number): Promise<string> {
  return new Promise((resolve, fail) => {
    const socket = tls.connect({ host: '127.0.0.1', port, ALPNProtocols: ['h2'], rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject?.CN));
      socket.destroy();
    });
    socket.on('error', fail);
  });
}

test('an option that makes no sense is said when the proxy is made', (t) => {
  const wrong: Partial<Record<keyof ProxyOptions, unknown>>[] = [
    { director: undefined },
    { directorTimeoutMs: 0 },
    { maxTargets: Number.NaN },
    { targetIdleMs: -1 },
    { maxCallsPerTarget: '5 and more' },
    { clusters: { local: { target: 'a:1' } } },
    { clusters: { 'a:1': { target: 'a:1' } } },
  ];
  for (const options of wrong) {
    t.throws(() => createProxy({ director: nowhere, ...options } as ProxyOptions), { instanceOf: TypeError });
  }
});

test('a proxy that is closed while it binds says so', async (t) => {
  const proxy = createProxy({ director: nowhere });
  const binding = proxy.listen({ host: '127.0.0.1', port: 0 });
  proxy.close();
  await t.throwsAsync(binding, { message: 'the proxy is closed' });
});

test('closing and draining again does nothing', async (t) => {
  const local = new grpc.Server();
  const proxy = createProxy({ director: nowhere, local });
  await proxy.listen({ host: '127.0.0.1', port: 0 });
  proxy.close();
  proxy.close();
  t.is(await proxy.drain(), 0);
  await t.throwsAsync(proxy.listen({ port: 0 }), { message: 'the proxy is closed' });
});

test('a drain listens to nothing new', async (t) => {
  const proxy = createProxy({ director: nowhere });
  const port = await proxy.listen({ host: '127.0.0.1', port: 0 });
  const client = new EchoClient(port, 'a');
  t.teardown(() => client.close());
  await failureOf(client.unary(hello));
  const drained = proxy.drain();
  await t.throwsAsync(proxy.listen({ port: 0 }), { message: 'the proxy is closed' });
  t.is(await drained, 0);
});

test('a director that closes its proxy ends its own call, and nothing else', async (t) => {
  const echo = await startEcho(t);
  const { proxy, client } = await startProxy(t, {
    director: () => {
      proxy.close();
      return { target: `127.0.0.1:${echo.port}` };
    },
  });
  t.is((await failureOf(client().unary(hello))).code, status.UNAVAILABLE);
});

test('a server that outlives its proxy answers that it is closed', async (t) => {
  const server = new grpc.Server();
  const proxy = createProxy({ director: nowhere });
  proxy.registerOn(server, { service: 'test.Echo', methods: ['Unary'] });
  const port = await new Promise<number>((resolve, fail) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : fail(error),
    );
  });
  const client = new EchoClient(port, 'a');
  t.teardown(() => {
    client.close();
    server.forceShutdown();
  });
  t.is((await failureOf(client.unary(hello))).code, status.UNIMPLEMENTED);
  proxy.close();
  t.deepEqual(await failureOf(client.unary(hello)), { code: status.UNAVAILABLE, details: 'the proxy is closed' });
});

test('a certificate is changed while its port serves, and a bad one changes nothing', async (t) => {
  const proxy = createProxy({ director: nowhere });
  t.teardown(() => proxy.close());
  const port = await proxy.listen({ host: '127.0.0.1', port: 0, tls: { cert: pem('server'), key: pem('server-key') } });
  t.is(await certificateOf(port), 'server');
  proxy.setTls(port, { cert: pem('client'), key: pem('client-key') });
  t.is(await certificateOf(port), 'client');
  t.throws(() => proxy.setTls(port, { cert: 'no', key: 'no' }));
  t.is(await certificateOf(port), 'client');
  const clear = await proxy.listen({ host: '127.0.0.1', port: 0 });
  t.throws(() => proxy.setTls(clear, { cert: pem('client'), key: pem('client-key') }), {
    message: `nothing listens on port ${clear} in TLS`,
  });
});

test('thenables that misbehave are faults of the director, and an observer or a log that throws is nobody else', async (t) => {
  const thenables: Record<string, () => unknown> = {
    throws: () => ({
      // biome-ignore lint/suspicious/noThenProperty: what a director may answer
      then: () => {
        throw new Error('no');
      },
    }),
    twice: () => ({
      // biome-ignore lint/suspicious/noThenProperty: what a director may answer
      then: (resolve: (answer: unknown) => void) => {
        resolve(reject(status.ABORTED));
        resolve({});
        throw new Error('too late');
      },
    }),
    itself: () => {
      const answer = {
        // biome-ignore lint/suspicious/noThenProperty: what a director may answer
        get then(): never {
          throw new Error('no');
        },
      };
      return answer;
    },
  };
  const broken = (): never => {
    throw new Error('broken');
  };
  const proxy = await startProxy(t, {
    director: ({ authority }) => thenables[authority]!() as never,
    log: broken,
    observers: [{ callStarted: broken, callRouted: broken, callEnded: broken }],
  });
  t.is((await failureOf(proxy.client('throws').unary(hello))).code, status.INTERNAL);
  t.is((await failureOf(proxy.client('twice').unary(hello))).code, status.ABORTED);
  t.is((await failureOf(proxy.client('itself').unary(hello))).code, status.INTERNAL);
});

test('a proxy that is closed keeps no process up', async (t) => {
  const program = `
    const { createProxy } = await import(${JSON.stringify(new URL('../../agent/index.ts', import.meta.url).href)});
    const { Client, credentials } = await import('@grpc/grpc-js');
    const proxy = createProxy({ director: () => ({ target: 'dns:///localhost:1' }) });
    const port = await proxy.listen({ host: '127.0.0.1', port: 0 });
    const client = new Client('127.0.0.1:' + port, credentials.createInsecure());
    const same = (bytes) => bytes;
    client.makeUnaryRequest('/a.B/C', same, same, Buffer.alloc(0), (error) => {
      client.close();
      proxy.close();
      console.log(error.code);
    });`;
  const args = ['--input-type=module', '--eval', program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, timeout: 30_000 });
  t.is(stdout.trim(), '14');
});
