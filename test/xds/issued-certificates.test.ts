// Our own certificate: asked for once it is needed, renewed in time, and never given up for a worse one.
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import type { SigningResult } from '../../xds/certificate-authority.ts';
import { renewalDelayMs } from '../../xds/issued-certificate.ts';
import { IssuedCertificates } from '../../xds/issued-certificates.ts';
import type { Secret } from '../../xds/model/secret.ts';
import { createAuthority, hasOpenssl } from '../support/certificate-authority.ts';
import { VirtualClock } from './virtual-clock.ts';

const opensslTest = hasOpenssl() ? test : test.skip;
const uri = 'spiffe://mesh/ns/demo/sa/shop';
const turn = () => new Promise(setImmediate);

function start(t: ExecutionContext, roots: string | null = null) {
  const clock = new VirtualClock();
  const asked: { readonly requestPem: string; readonly lifetimeMs: number; answer(result: SigningResult): void }[] = [];
  let cancelled = 0;
  const logs: string[] = [];
  const certificates = new IssuedCertificates({
    wanted: { identity: uri, lifetimeMs: 86_400_000, graceRatio: 0.5 },
    sign: (requestPem, lifetimeMs, answer) => {
      asked.push({ requestPem, lifetimeMs, answer });
      return () => {
        cancelled += 1;
      };
    },
    readRoots: () => roots,
    setTimer: clock.setTimer,
    now: clock.now,
    random: () => 0.5,
    log: (level, message, fields) => logs.push(`${level} ${message} ${JSON.stringify(fields)}`),
  });
  t.teardown(() => certificates.stop());
  const watch = (part: 'certificate' | 'roots', name: string) => {
    const events: (Secret | string)[] = [];
    const stop = certificates.watch(part, name, {
      onChanged: ({ value }) => events.push(value as Secret),
      onAbsent: () => events.push('absent'),
      onError: ({ message }) => events.push(message),
    });
    return { events, stop };
  };
  return { clock, asked, certificates, watch, logs, cancelled: () => cancelled };
}

const unreachable = { kind: 'failed', reason: 'status 14: nobody is there', isFinal: false } as const;
const refused = { kind: 'failed', reason: 'status 16: who are you', isFinal: true } as const;

opensslTest('one request, once something asks, gives the certificate with its key and the roots', async (t) => {
  const authority = createAuthority(t);
  const { asked, watch, logs } = start(t);
  t.is(asked.length, 0);
  const [certificate, roots] = [watch('certificate', 'default'), watch('roots', 'ROOTCA')];
  await turn();
  t.is(asked.length, 1);
  t.is(asked[0]?.lifetimeMs, 86_400_000);
  t.deepEqual(certificate.events, []);
  const leaf = authority.sign(asked[0]!.requestPem);
  asked[0]!.answer({ kind: 'signed', chain: [leaf, authority.rootPem] });
  const [secret] = certificate.events;
  t.like(secret, { kind: 'certificate', name: 'default', certificateChainPem: leaf });
  t.is(new X509Certificate(leaf).subjectAltName, `URI:${uri}`);
  t.deepEqual(roots.events as unknown[], [
    { kind: 'validation', name: 'ROOTCA', trustedCaPem: authority.rootPem, subjectAltNames: [] },
  ]);
  const late = watch('certificate', 'other');
  await turn();
  t.like(late.events[0], { name: 'other', certificateChainPem: leaf });
  t.false(logs.join().includes('PRIVATE KEY'));
});

opensslTest(
  'it is renewed when half of its life is left, with another key; roots come again only when they differ',
  async (t) => {
    const [authority, next] = [createAuthority(t), createAuthority(t)];
    const { clock, asked, watch } = start(t);
    const [certificate, roots] = [watch('certificate', 'default'), watch('roots', 'ROOTCA')];
    const answer = (by: typeof authority) =>
      asked.at(-1)!.answer({ kind: 'signed', chain: [by.sign(asked.at(-1)!.requestPem), by.rootPem] });
    answer(authority);
    const [first] = certificate.events as { certificateChainPem: string; privateKeyPem: string }[];
    const life = new X509Certificate(first!.certificateChainPem).validToDate.getTime() - clock.now();
    t.deepEqual(clock.pending, [Math.round(life / 2)]);
    clock.advance(Math.round(life / 2));
    t.is(asked.length, 2);
    answer(authority);
    t.is(certificate.events.length, 2);
    t.not((certificate.events[1] as { privateKeyPem: string }).privateKeyPem, first?.privateKeyPem);
    t.is(roots.events.length, 1);
    clock.advance(clock.pending[0]!);
    answer(next);
    t.deepEqual(
      roots.events.map((event) => (event as { trustedCaPem: string }).trustedCaPem),
      [authority.rootPem, next.rootPem],
    );
  },
);

test('an authority that cannot be reached is asked again, later each time, up to a minute', async (t) => {
  const { clock, asked, watch, logs } = start(t);
  const { events } = watch('certificate', 'default');
  await turn();
  const waits: number[] = [];
  for (let attempt = 0; attempt < 12; attempt++) {
    asked.at(-1)!.answer(unreachable);
    waits.push(clock.pending[0]!);
    clock.advance(clock.pending[0]!);
  }
  t.deepEqual(waits.slice(0, 3), [1000, 1600, 2560]);
  t.is(waits.at(-1), 60_000);
  t.deepEqual(events, [], 'it may come yet');
  t.regex(logs[0]!, /^error no certificate could be had .*nobody is there/);
});

opensslTest('a refusal is told, once, to all who follow, and is over when a certificate comes', async (t) => {
  const authority = createAuthority(t);
  const { clock, asked, watch } = start(t);
  const { events } = watch('certificate', 'default');
  await turn();
  const told = `by the certificate authority: ${refused.reason}`;
  asked[0]!.answer(refused);
  clock.advance(1000);
  asked[1]!.answer(refused);
  t.deepEqual(events, [told]);
  const late = watch('roots', 'ROOTCA');
  await turn();
  t.deepEqual(late.events, [told]);
  clock.advance(1600);
  asked[2]!.answer({ kind: 'signed', chain: [authority.sign(asked[2]!.requestPem), authority.rootPem] });
  t.like(events[1], { kind: 'certificate' });
});

opensslTest('what cannot be used leaves the certificate in use where it is', async (t) => {
  const authority = createAuthority(t);
  const { clock, asked, watch, logs } = start(t);
  const { events } = watch('certificate', 'default');
  const [first] = asked;
  const leaf = authority.sign(first!.requestPem);
  first!.answer({ kind: 'signed', chain: [leaf, authority.rootPem] });
  const problems: readonly (readonly [chain: readonly string[], problem: RegExp])[] = [
    [[leaf, authority.rootPem], /its certificate is for another key/],
    [[], /it has no root/],
    [['nonsense', authority.rootPem], /its certificate is none in PEM/],
    [[leaf, 'nonsense'], /its root is none in PEM/],
    [[leaf], /it has no root/],
  ];
  for (const [chain, problem] of problems) {
    clock.advance(clock.pending[0]!);
    asked.at(-1)!.answer({ kind: 'signed', chain });
    t.regex(logs.at(-1)!, problem);
  }
  t.is(events.length, 1);
  t.regex(logs.at(-1)!, /^warn .*"inUseUntil"/);
});

opensslTest('an expired certificate is refused, and a chain keeps what leads to the root', async (t) => {
  const authority = createAuthority(t);
  const { clock, asked, watch, logs } = start(t);
  const { events } = watch('certificate', 'default');
  const middle = readFileSync(new URL('fixtures/mesh-cert.pem', import.meta.url), 'utf8');
  const leaf = authority.sign(asked[0]!.requestPem);
  asked[0]!.answer({ kind: 'signed', chain: [leaf, middle, authority.rootPem] });
  t.like(events[0], { certificateChainPem: leaf + middle });
  clock.advance(400 * 365 * 86_400_000);
  asked.at(-1)!.answer({ kind: 'signed', chain: [authority.sign(asked.at(-1)!.requestPem), authority.rootPem] });
  t.regex(logs.at(-1)!, /its certificate has expired, on /);
});

opensslTest('an answer without a root is completed by the configured one', async (t) => {
  const authority = createAuthority(t);
  const { asked, watch } = start(t, authority.rootPem);
  const { events } = watch('roots', 'ROOTCA');
  asked[0]!.answer({ kind: 'signed', chain: [authority.sign(asked[0]!.requestPem)] });
  t.like(events[0], { trustedCaPem: authority.rootPem });
});

test('whoever has stopped following hears no more, and a stop ends the request', async (t) => {
  const { asked, watch, certificates, cancelled, clock } = start(t);
  const { events, stop } = watch('certificate', 'default');
  stop();
  asked[0]!.answer(refused);
  await turn();
  t.deepEqual(events, []);
  certificates.stop();
  t.is(cancelled(), 0);
  t.deepEqual(clock.pending, [], 'nor is it asked again');
});

test('the time until the renewal: by the part that is left, spread, and a second at least', (t) => {
  const [now, end] = [1000, 101_000];
  t.is(renewalDelayMs(end, now, 0.5, 0.5), 50_000);
  t.is(renewalDelayMs(end, now, 0.2, 0.5), 80_000);
  t.deepEqual(
    [0, 1].map((random) => renewalDelayMs(end, now, 0.5, random)),
    [51_000, 49_000],
  );
  t.is(renewalDelayMs(now + 10, now, 0.5, 0.5), 1000);
  t.is(renewalDelayMs(end, now, 1, 1), 1000);
  t.is(renewalDelayMs(end, now, 0, 0), 100_000);
});
