// Certificate providers that watch files (gRFC A29): what is renewed comes, what is broken does not.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { FileCertificates, type ProviderPart } from '../../xds/file-certificates.ts';
import { SecretSources } from '../../xds/index.ts';
import type { CertificateProvider } from '../../xds/model/bootstrap.ts';
import type { Secret } from '../../xds/model/secret.ts';
import { bootstrapFor } from './client-harness.ts';
import { VirtualClock } from './virtual-clock.ts';

const pem = (name: string): string => readFileSync(new URL(`fixtures/${name}.pem`, import.meta.url), 'utf8');
const file = (path: string) => ({ kind: 'file', path }) as const;

const provider: CertificateProvider = {
  ca: file('/ca'),
  identity: { certificate: file('/cert'), privateKey: file('/key') },
  refreshMs: 600_000,
};

function start(
  files: Record<string, string>,
  providers: Readonly<Record<string, CertificateProvider>> = { p: provider },
) {
  const clock = new VirtualClock();
  const warnings: unknown[] = [];
  let reads = 0;
  const certificates = new FileCertificates({
    providers,
    readFile: (path) => {
      reads += 1;
      const text = files[path];
      if (text === undefined) throw new Error(`ENOENT: no such file, open '${path}'`);
      return text;
    },
    setTimer: clock.setTimer,
    log: (_level, message, fields) => warnings.push([message, fields]),
  });
  const watch = (part: ProviderPart, name = 'p') => {
    const events: (Secret | string)[] = [];
    const stop = certificates.watch(name, part, {
      onChanged: ({ value }) => events.push(value as Secret),
      onAbsent: () => events.push('absent'),
      onError: ({ message }, hasResource) => events.push(`${hasResource ? 'has ' : ''}${message}`),
    });
    return { events, stop };
  };
  return { clock, certificates, watch, warnings, reads: () => reads };
}

const turn = () => new Promise(setImmediate);

test('a certificate with its key and roots come from their files, and come again when they are renewed', async (t) => {
  const files: Record<string, string> = {
    '/ca': pem('loopback-cert'),
    '/cert': pem('loopback-cert'),
    '/key': pem('loopback-key'),
  };
  const { clock, watch } = start(files);
  const [identity, roots] = [watch('certificate'), watch('roots')];
  await turn();
  const first = { kind: 'certificate', name: 'p', certificateChainPem: files['/cert'], privateKeyPem: files['/key'] };
  t.deepEqual(identity.events as unknown[], [first]);
  t.deepEqual(roots.events as unknown[], [
    { kind: 'validation', name: 'p', trustedCaPem: files['/ca'], subjectAltNames: [] },
  ]);
  clock.advance(600_000);
  t.is(identity.events.length, 1, 'nothing has changed');
  files['/cert'] = pem('mesh-cert');
  files['/key'] = pem('mesh-key');
  clock.advance(599_999);
  t.is(identity.events.length, 1);
  clock.advance(1);
  t.is(identity.events.length, 2);
  t.like(identity.events[1], { certificateChainPem: files['/cert'] });
  t.is(roots.events.length, 1);
});

test('a certificate whose key is not there yet leaves the last good pair in use, is told once, and soon looked at again', async (t) => {
  const files: Record<string, string> = { '/cert': pem('loopback-cert'), '/key': pem('loopback-key') };
  const { clock, watch, warnings } = start(files);
  const { events } = watch('certificate');
  await turn();
  files['/cert'] = pem('mesh-cert');
  clock.advance(600_000 + 30_000);
  t.is(events.length, 1);
  t.deepEqual(warnings, [
    [
      'the files of a certificate provider cannot be used',
      { provider: 'p', part: 'certificate', reason: '/key is not the key of /cert', inUse: true },
    ],
  ]);
  files['/key'] = pem('mesh-key');
  clock.advance(10_000);
  t.is(events.length, 2);
});

test('files that are not there, or hold something else, are an error that quotes none of it, until they are good', async (t) => {
  const files: Record<string, string> = { '/ca': 'not PEM', '/key': 'secret', '/cert': pem('mesh-cert') };
  const { clock, watch } = start(files);
  const [identity, roots] = [watch('certificate'), watch('roots')];
  await turn();
  t.deepEqual(roots.events, ['/ca holds no certificate in PEM']);
  t.deepEqual(identity.events, ['/key holds no private key in PEM']);
  delete files['/ca'];
  clock.advance(10_000);
  t.regex(String(roots.events[1]), /^ENOENT: no such file, open '\/ca'$/);
  files['/ca'] = pem('mesh-cert');
  clock.advance(10_000);
  t.like(roots.events[2], { kind: 'validation' });
});

test('files are read while somebody follows them; later ones have what was read', async (t) => {
  const { clock, watch, reads, certificates } = start({ '/ca': pem('mesh-cert') });
  const [one, two] = [watch('roots'), watch('roots')];
  await turn();
  t.is(reads(), 1);
  t.is(two.events.length, 1);
  for (const { stop } of [one, two]) if (typeof stop === 'function') stop();
  t.deepEqual(clock.pending, []);
  watch('roots');
  t.is(reads(), 2);
  certificates.stop();
  t.deepEqual(clock.pending, []);
});

test('what the bootstrap does not have can never come, and that is said', (t) => {
  const { watch } = start({}, { p: { ...provider, ca: null } });
  t.deepEqual(watch('certificate', 'other').stop, { problem: 'cannot be had: the bootstrap has no such provider' });
  t.deepEqual(watch('roots').stop, { problem: 'cannot be had: the provider has no file for it' });
});

test('resources reach the providers of the bootstrap through the sources of secrets', async (t) => {
  const path = (name: string) => file(new URL(`fixtures/${name}.pem`, import.meta.url).pathname);
  const identity = { certificate: path('mesh-cert'), privateKey: path('mesh-key') };
  const bootstrap = {
    ...bootstrapFor('nowhere'),
    certificateProviders: { default: { ca: path('mesh-cert'), identity, refreshMs: 600_000 } },
  };
  const sources = new SecretSources({ bootstrap, ads: null, log: () => {} });
  const { promise, resolve } = Promise.withResolvers<unknown>();
  const reference = { name: 'default', source: { kind: 'provider', part: 'certificate' } } as const;
  sources.watch(reference, { onChanged: ({ value }) => resolve(value), onAbsent() {}, onError: resolve });
  t.like(await promise, { kind: 'certificate', privateKeyPem: pem('mesh-key') });
  sources.stop();
});
