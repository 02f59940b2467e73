// STRICT_DNS: every address of each host is an endpoint; LOGICAL_DNS: one endpoint whose addresses are tried in order. Both
// are asked for again after each pause, and failures change nothing.
import test from 'ava';
import { DnsEndpoints } from '../../xds/dns-endpoints.ts';
import type { DnsDiscovery } from '../../xds/model/cluster.ts';
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
function start(over: ClusterEndpoints = template, rules: Partial<DnsDiscovery> = {}) {
  const clock = new VirtualClock();
  const emitted: string[] = [];
  let last: ClusterEndpoints | null = null;
  const asked: {
    host: string;
    answer: (addresses: string[], ttlMs?: number) => Promise<void>;
    fail: () => Promise<void>;
  }[] = [];
  const warnings: unknown[] = [];
  const resolver = new DnsEndpoints({
    discovery: { kind: 'strict-dns', endpoints: over, refreshMs: 1000, ...rules },
    random: () => 1,
    resolve: (host) =>
      new Promise((resolve, reject) => {
        asked.push({
          host,
          answer: async (addresses, ttlMs) => {
            resolve({ addresses, ttlMs: ttlMs ?? null });
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
    onChange: (endpoints) => {
      last = endpoints;
      emitted.push(
        endpoints.localities
          .flatMap(({ endpoints: all }) => all.map(({ address, hostname }) => `${address.host} ${hostname}`.trim()))
          .join(', '),
      );
    },
  });
  resolver.start();
  const priorities = () => last?.localities.map(({ priority }) => priority);
  return { clock, emitted, asked, warnings, resolver, priorities };
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

const one: ClusterEndpoints = {
  ...template,
  localities: template.localities.map((locality) => ({ ...locality, endpoints: [endpoint('shop')] })),
};

/** Asked for so often, after the next question came due. */
async function askedAfter({ clock, asked }: ReturnType<typeof start>, ms: number): Promise<number> {
  clock.advance(ms);
  await new Promise(setImmediate);
  return asked.length;
}

test('an answer that is respected is asked for again when it has ended, but not more than once a second', async (t) => {
  const run = start(one, { respectTtl: true });
  await new Promise(setImmediate);
  await run.asked[0]?.answer(['10.0.0.1'], 30_000);
  t.is(await askedAfter(run, 29_999), 1);
  t.is(await askedAfter(run, 1), 2);
  await run.asked[1]?.answer(['10.0.0.1'], 0);
  t.is(await askedAfter(run, 999), 2);
  t.is(await askedAfter(run, 1), 3);
  await run.asked[2]?.answer(['10.0.0.1']);
  t.is(await askedAfter(run, 1000), 4, 'without a time to live the rate counts');
});

test('after failures it is asked for at their own rate, less and less often, and said once', async (t) => {
  const run = start(one, { failureRefresh: { baseMs: 200, maxMs: 700 } });
  await new Promise(setImmediate);
  for (const [at, waitMs] of [200, 400, 700, 700].entries()) {
    await run.asked[at]?.fail();
    t.is(await askedAfter(run, waitMs - 1), at + 1);
    t.is(await askedAfter(run, 1), at + 2);
  }
  await run.asked[4]?.answer(['10.0.0.1']);
  t.is(await askedAfter(run, 999), 5);
  t.is(await askedAfter(run, 1), 6);
  await run.asked[5]?.fail();
  t.is(await askedAfter(run, 200), 7, 'a good answer begins anew');
});

test('which addresses count: of one family, of the preferred one, or all', async (t) => {
  const answer = ['2001:db8::1', '10.0.0.1'];
  for (const [family, expected] of [
    [undefined, '10.0.0.1 shop, 2001:db8::1 shop'],
    ['v4', '10.0.0.1 shop'],
    ['v6', '2001:db8::1 shop'],
    ['v4-first', '10.0.0.1 shop'],
  ] as const) {
    const { asked, emitted } = start(one, family === undefined ? {} : { family });
    await new Promise(setImmediate);
    await asked[0]?.answer(answer);
    t.deepEqual(emitted, [expected]);
  }
  const { asked, emitted } = start(one, { family: 'v4-first' });
  await new Promise(setImmediate);
  await asked[0]?.answer(['2001:db8::1']);
  t.deepEqual(emitted, ['2001:db8::1 shop']);
});

test('LOGICAL_DNS: an address after the other, each a priority, and the first stays while it is in the answer', async (t) => {
  const run = start(one, { kind: 'logical-dns' });
  await new Promise(setImmediate);
  await run.asked[0]?.answer(['10.0.0.2', '10.0.0.1', '2001:db8::1']);
  t.deepEqual(run.emitted, ['10.0.0.2 shop, 2001:db8::1 shop, 10.0.0.1 shop'], 'families by turns (gRFC A61)');
  await askedAfter(run, 1000);
  await run.asked[1]?.answer(['10.0.0.1', '10.0.0.3', '10.0.0.2']);
  t.is(run.emitted[1], '10.0.0.2 shop, 10.0.0.1 shop, 10.0.0.3 shop');
  await askedAfter(run, 1000);
  await run.asked[2]?.fail();
  await askedAfter(run, 1000);
  await run.asked[3]?.answer(['10.0.0.3', '10.0.0.1']);
  t.is(run.emitted[2], '10.0.0.3 shop, 10.0.0.1 shop');
  t.deepEqual(run.priorities(), [0, 1]);
});
