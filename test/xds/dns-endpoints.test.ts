// STRICT_DNS: every address of each host is an endpoint, asked for again after each pause; failures change nothing.
import test from 'ava';
import { DnsEndpoints } from '../../xds/dns-endpoints.ts';
import type { ClusterEndpoints } from '../../xds/model/endpoints.ts';
import { VirtualClock } from './virtual-clock.ts';

const endpoint = (host: string, hostname = '') => ({
  address: { host, port: 80 },
  weight: 1,
  health: 'healthy' as const,
  hostname,
  hashKey: '',
});

const template: ClusterEndpoints = {
  name: 'c',
  dropOverloads: [],
  overprovisioningPercent: 140,
  localities: [
    {
      region: '',
      zone: '',
      subZone: '',
      priority: 0,
      weight: 0,
      endpoints: [endpoint('shop'), endpoint('10.9.9.9'), endpoint('other', 'kept.example')],
    },
  ],
};

/** A resolver whose answers the test gives by hand. */
function start(over: ClusterEndpoints = template) {
  const clock = new VirtualClock();
  const emitted: string[] = [];
  const asked: { host: string; answer: (addresses: string[]) => Promise<void>; fail: () => Promise<void> }[] = [];
  const warnings: unknown[] = [];
  const resolver = new DnsEndpoints({
    template: over,
    refreshMs: 1000,
    resolve: (host) =>
      new Promise((resolve, reject) => {
        asked.push({
          host,
          answer: async (addresses) => {
            resolve(addresses);
            await new Promise(setImmediate);
          },
          fail: async () => {
            reject(new Error('SERVFAIL'));
            await new Promise(setImmediate);
          },
        });
      }),
    setTimer: clock.setTimer,
    log: (_, __, fields) => warnings.push(fields),
    onChange: ({ localities }) =>
      emitted.push(
        localities
          .flatMap(({ endpoints }) => endpoints.map(({ address, hostname }) => `${address.host} ${hostname}`.trim()))
          .join(', '),
      ),
  });
  resolver.start();
  return { clock, emitted, asked, warnings, resolver };
}

test('endpoints come when each host was answered, sorted, without repeats and without what is no address', async (t) => {
  const { emitted, asked } = start();
  await new Promise(setImmediate);
  t.deepEqual(
    asked.map(({ host }) => host),
    ['shop', 'other'],
  );
  await asked[0]?.answer(['10.0.0.2', '10.0.0.1', '10.0.0.2', 'rubbish']);
  t.deepEqual(emitted, []);
  await asked[1]?.answer(['::1']);
  t.deepEqual(emitted, ['10.0.0.1 shop, 10.0.0.2 shop, 10.9.9.9, ::1 kept.example']);
});

test('a failure counts as an answer for the first time, and keeps the last good addresses later', async (t) => {
  const { emitted, asked, clock, warnings } = start();
  await new Promise(setImmediate);
  await asked[0]?.fail();
  await asked[1]?.answer(['10.0.0.5']);
  t.deepEqual(emitted, ['10.9.9.9, 10.0.0.5 kept.example']);
  clock.advance(1000);
  await new Promise(setImmediate);
  await asked[2]?.answer(['10.0.0.1']);
  await asked[3]?.fail();
  t.deepEqual(emitted.slice(1), ['10.0.0.1 shop, 10.9.9.9, 10.0.0.5 kept.example']);
  t.deepEqual(warnings, [
    { cluster: 'c', host: 'shop', error: 'SERVFAIL', addressesKept: 0 },
    { cluster: 'c', host: 'other', error: 'SERVFAIL', addressesKept: 1 },
  ]);
  // An empty answer is an answer.
  clock.advance(1000);
  await new Promise(setImmediate);
  await asked[4]?.answer([]);
  t.deepEqual(emitted.slice(2), ['10.9.9.9, 10.0.0.5 kept.example']);
});

test('the same answer again says nothing', async (t) => {
  const { emitted, asked, clock } = start();
  await new Promise(setImmediate);
  await asked[0]?.answer(['10.0.0.1', '10.0.0.2']);
  await asked[1]?.answer(['10.0.0.3']);
  clock.advance(1000);
  await new Promise(setImmediate);
  await asked[2]?.answer(['10.0.0.2', '10.0.0.1']);
  await asked[3]?.answer(['10.0.0.3']);
  t.is(emitted.length, 1);
});

test('a resolver that never answers holds the cluster up for 15 s at most', async (t) => {
  const { emitted, asked, clock } = start();
  await new Promise(setImmediate);
  clock.advance(15_000);
  t.deepEqual(emitted, ['10.9.9.9']);
  await asked[0]?.answer(['10.0.0.1']);
  t.deepEqual(emitted.slice(1), ['10.0.0.1 shop, 10.9.9.9']);
});

test('without DNS names the endpoints are there at once, and after stop nothing comes', async (t) => {
  const fixed = {
    ...template,
    localities: template.localities.map((one) => ({ ...one, endpoints: [endpoint('::1')] })),
  };
  t.deepEqual(start(fixed).emitted, ['::1']);
  const { emitted, asked, clock, resolver } = start();
  await new Promise(setImmediate);
  resolver.stop();
  await asked[0]?.answer(['10.0.0.1']);
  await asked[1]?.answer(['10.0.0.1']);
  clock.advance(60_000);
  t.deepEqual([emitted, clock.pending], [[], []]);
});
