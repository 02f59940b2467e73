// What the types promise, held by the compiler (`npm run types`): the example that everyone begins with compiles, and what
// makes no sense does not. Each `@ts-expect-error` fails to compile once its line does.
import * as grpc from '@grpc/grpc-js';
import test from 'ava';
import {
  createProxy,
  type DirectorAnswer,
  type DirectorCall,
  Metadata,
  type Reject,
  reject,
  status,
} from '../../agent/index.ts';

test('the first example of all', async (t) => {
  const server = new grpc.Server();
  const proxy = createProxy({
    director: (call) => {
      if (call.method.startsWith('/com.example.internal.')) return reject(status.UNIMPLEMENTED, 'Unknown method');
      if (call.authority === 'staging.api.example.com')
        return { target: 'dns:///api-service.staging.svc.local:443', tls: true };
      if (call.authority === 'api.example.com')
        return { target: ['10.0.0.1:443', '10.0.0.2:443'], metadata: call.metadata.with('x-via', 'edge') };
      return reject(status.UNIMPLEMENTED, 'Unknown method');
    },
    local: server,
  });
  const port: number = await proxy.listen({ port: 0 });
  t.true(port > 0);
  const cut: number = await proxy.drain();
  t.is(cut, 0);
});

test('values of metadata are bytes under names in -bin, and text under others', (t) => {
  const metadata = new Metadata({ key: 'v', 'key-bin': new Uint8Array([1]) });
  const text: string | undefined = metadata.get('key');
  const bytes: Uint8Array | undefined = metadata.get('key-bin');
  const either: string | Uint8Array | undefined = metadata.get(`${'key'}` as string);
  t.is(text, 'v');
  t.deepEqual(bytes, new Uint8Array([1]));
  t.is(either, 'v');
  // @ts-expect-error text under a name in -bin
  t.throws(() => metadata.with('key-bin', 'text'), { instanceOf: TypeError });
  // @ts-expect-error bytes under another name
  t.throws(() => metadata.with('key', new Uint8Array()), { instanceOf: TypeError });
  // @ts-expect-error no value at all
  metadata.with('key');
});

test('an answer names a target or a cluster, never both, and TLS is a matter of targets', (t) => {
  const answers: DirectorAnswer[] = [
    { target: 'a:1' },
    { target: ['a:1'], tls: { ca: 'pem', serverName: 'a' }, authority: 'b', timeoutMs: 1 },
    { cluster: 'cart', retry: { maxAttempts: 2 } },
    reject(status.ABORTED),
    // @ts-expect-error nothing named
    {},
    // @ts-expect-error both named
    { target: 'a:1', cluster: 'cart' },
    // @ts-expect-error a declared cluster has its own TLS
    { cluster: 'cart', tls: true },
    // @ts-expect-error metadata is made with Metadata
    { target: 'a:1', metadata: { a: 'b' } },
    // @ts-expect-error a misspelt option
    { target: 'a:1', timeout: 1 },
  ];
  t.is(answers.length, 9);
  const rejected: Reject = reject(1, 'x');
  t.is(rejected.status, 1);
});

test('a call is read only, and a director may be async', (t) => {
  const director = async (call: DirectorCall): Promise<DirectorAnswer> => {
    // @ts-expect-error read only
    if (call.method === '') call.method = 'x';
    return { target: 'a:1' };
  };
  const proxy = createProxy({ director });
  proxy.close();
  // @ts-expect-error a proxy without a director
  t.throws(() => createProxy({}), { instanceOf: TypeError });
  // @ts-expect-error a director that answers nothing
  createProxy({ director: () => {} }).close();
});

test('a socket file has neither port nor TLS', async (t) => {
  const proxy = createProxy({ director: () => reject(status.UNIMPLEMENTED) });
  // @ts-expect-error both
  await t.throwsAsync(proxy.listen({ path: '', port: 1 }));
  // @ts-expect-error TLS over a socket file
  await t.throwsAsync(proxy.listen({ path: '/a', tls: { cert: '', key: '' } }));
  // @ts-expect-error a certificate without its key
  await t.throwsAsync(proxy.listen({ port: 0, tls: { cert: '' } }));
  proxy.close();
});
