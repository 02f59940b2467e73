// Where secrets come from: files that an Istio pod has, in place of asking anybody, and servers of their own.
import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import type { TlsFiles } from '../../xds/model/bootstrap.ts';
import type { SecretReference } from '../../xds/model/tls.ts';
import { filesOfName } from '../../xds/mounted-secrets.ts';
import { SecretSources } from '../../xds/secret-sources.ts';
import { createXdsServer } from '../../xds/server/xds-server.ts';
import { bootstrapFor } from './client-harness.ts';

const path = (file: string): string => new URL(`../http2/fixtures/${file}.pem`, import.meta.url).pathname;
const fixture = (file: string) => ({ kind: 'file', path: path(file) }) as const;
const pem = (file: string): string => readFileSync(path(file), 'utf8');

/** The first thing that is heard of a secret of `sds-grpc`, or why nothing ever will be. */
function firstOf(t: ExecutionContext, name: string, cluster = 'sds-grpc'): Promise<unknown> {
  const secretFiles: Readonly<Record<string, TlsFiles>> = {
    default: { ca: null, identity: { certificate: fixture('client'), privateKey: fixture('client-key') } },
    ROOTCA: { ca: fixture('ca'), identity: null },
  };
  const bootstrap = { ...bootstrapFor('nowhere'), secretFiles: { 'sds-grpc': secretFiles } };
  const sources = new SecretSources({ ads: null, bootstrap, log: () => {} });
  t.teardown(() => sources.stop());
  const reference: SecretReference = { name, source: { kind: 'cluster', name: cluster, mode: 'sotw' } };
  return new Promise((resolve) => {
    const watched = sources.watch(reference, {
      onChanged: ({ value }) => resolve(value),
      onAbsent: () => resolve('absent'),
      onError: ({ message }) => resolve(message),
    });
    if ('problem' in watched) resolve(watched.problem);
  });
}

test('a name that the bootstrap has files for comes from these, and one that says its files itself', async (t) => {
  const certificate = { kind: 'certificate', certificateChainPem: pem('client'), privateKeyPem: pem('client-key') };
  t.deepEqual(await firstOf(t, 'default'), { ...certificate, name: 'default' });
  t.like(await firstOf(t, 'ROOTCA'), { kind: 'validation', name: 'ROOTCA', trustedCaPem: pem('ca') });
  const named = `file-cert:${path('client')}~${path('client-key')}`;
  t.deepEqual(await firstOf(t, named), { ...certificate, name: named });
  t.like(await firstOf(t, `file-root:${path('ca')}`), { kind: 'validation', trustedCaPem: pem('ca') });
});

test('any other name is asked of the server, and so is every name of another one', async (t) => {
  const nobody = 'is at a cluster that the bootstrap does not have';
  t.is(await firstOf(t, 'other'), nobody);
  t.is(await firstOf(t, 'default', 'another'), nobody);
  t.is(await firstOf(t, `file-root:${path('ca')}`, 'another'), nobody);
});

test('a file that is no certificate is said, without what is in it', async (t) => {
  t.is(await firstOf(t, `file-root:${path('client-key')}`), `${path('client-key')} holds no certificate in PEM`);
});

test('names that say which files they are', (t) => {
  const at = (file: string) => ({ kind: 'file', path: file }) as const;
  t.deepEqual(filesOfName('file-cert:/etc/certs/chain.pem~/etc/certs/key.pem'), {
    ca: null,
    identity: { certificate: at('/etc/certs/chain.pem'), privateKey: at('/etc/certs/key.pem') },
  });
  t.deepEqual(filesOfName('file-root:/etc/certs/root.pem'), { ca: at('/etc/certs/root.pem'), identity: null });
  for (const name of ['default', 'file-cert:/only', 'file-cert:/a~/b~/c', 'file-root:']) t.is(filesOfName(name), null);
});

test('a server of secrets is asked as long as something is asked of it, and no longer', async (t) => {
  const server = createXdsServer({ log: () => {} });
  const port = await server.listen({ host: '127.0.0.1', port: 0 });
  const sources = new SecretSources({ ads: null, bootstrap: bootstrapFor('nowhere'), log: () => {} });
  t.teardown(async () => {
    sources.stop();
    await server.close();
  });
  const source = { kind: 'target', name: `127.0.0.1:${port}`, mode: 'delta' } as const;
  const silent = { onChanged() {}, onAbsent() {}, onError() {} };
  const stops = ['a', 'b'].map((name) => sources.watch({ name, source }, silent));
  t.deepEqual(
    sources.statuses().map(({ server: asked }) => asked),
    [source.name],
    'one client for both',
  );
  for (const stop of stops) {
    t.is(sources.statuses().length, 1);
    if (typeof stop === 'function') stop();
  }
  t.deepEqual(sources.statuses(), []);
});
